import HTTP
import HTTPClient
import Kick
import Net
import Sandbox
import Telemetry
import Testing

@Suite("Sandbox and the gateway's own Kick client", .timeLimit(.minutes(1)))
struct KickClientTests {
    private struct Client {
        let oauth: OAuthClient
        let api: KickAPI
        let servers: KickServers
        let deadline = Deadline.after(.seconds(30))

        init(_ bench: Bench) {
            servers = KickServers(id: bench.base, api: bench.base)
            let exchange = KickTransport.exchange(over: bench.client, servers: servers)
            let credentials = AppCredentials(clientID: "client", clientSecret: Secret("secret"))
            oauth = OAuthClient(credentials: credentials, exchange: exchange)
            api = KickAPI(exchange: exchange)
        }
    }

    @Test("Authorize URL, code, refresh, introspect, revoke")
    func oauth() async throws {
        try await Bench.with { bench in
            let client = Client(bench)
            let pkce = PKCE()
            let redirectURI = try #require(HTTPURL("http://localhost:9/cb"))
            let url = AuthorizationURL.make(
                servers: client.servers, clientID: "client", redirectURI: redirectURI,
                scopes: [.userRead, .channelRead, .eventsSubscribe], state: "s", pkce: pkce)
            let page = try await bench.client.send(OutboundRequest(.get, url), deadline: client.deadline)
            #expect(page.status == .ok)
            let location = try await bench.allow(["code_challenge": pkce.challenge]).fields[.location]
            let query = QueryItems(parsing: location?.split(separator: "?").last.map(String.init))
            let code = Secret(try #require(query?["code"]))

            let tokens = try await client.oauth.tokens(
                forCode: code, pkce: pkce, redirectURI: redirectURI, deadline: client.deadline)
            #expect(tokens.lifetime == .seconds(7200))
            #expect(tokens.scopes == [.userRead, .channelRead, .eventsSubscribe])
            #expect(try await client.api.ownUser(token: tokens.accessToken, deadline: client.deadline).userID == 1001)
            let channel = try await client.api.ownChannel(token: tokens.accessToken, deadline: client.deadline)
            #expect(channel.slug == "nova")

            let refresh = try #require(tokens.refreshToken)
            guard case .renewed(let renewed) = await client.oauth.refresh(refresh, deadline: client.deadline) else {
                Issue.record("not renewed")
                return
            }
            let facts = try await client.oauth.introspect(renewed.accessToken, deadline: client.deadline)
            #expect(facts.isActive)
            #expect(facts.tokenType == "user")
            try await client.oauth.revoke(
                try #require(renewed.refreshToken), .refreshToken, deadline: client.deadline)
            guard case .refused = await client.oauth.refresh(refresh, deadline: client.deadline) else {
                Issue.record("not refused")
                return
            }
        }
    }

    @Test("Subscriptions and the public key with the app token")
    func subscriptions() async throws {
        try await Bench.with { bench in
            let client = Client(bench)
            let token = try await client.oauth.appToken(deadline: client.deadline).accessToken
            let outcomes = try await client.api.subscribe(
                to: EventCatalog.entries.map(\.type), broadcasterUserID: 1002, token: token, deadline: client.deadline)
            #expect(outcomes.count == 10)
            let listed = try await client.api.subscriptions(token: token, deadline: client.deadline)
            #expect(Set(listed.map(\.type)) == Set(EventCatalog.entries.map(\.type)))
            #expect(listed.allSatisfy { $0.broadcasterUserID == 1002 })
            try await client.api.unsubscribe(ids: listed.map(\.id), token: token, deadline: client.deadline)
            #expect(try await client.api.subscriptions(token: token, deadline: client.deadline).isEmpty)
            _ = try await client.api.publicKey(deadline: client.deadline)
            let users = try await client.api.users(ids: [1001, 1002, 9], token: token, deadline: client.deadline)
            #expect(users.map(\.userID) == [1001, 1002])
        }
    }

    @Test("The subscription limit is recognised")
    func limit() async throws {
        try await Bench.with {
            $0.subscriptions.limitPerType = 0
        } _: { bench in
            let client = Client(bench)
            let token = try await client.oauth.appToken(deadline: client.deadline).accessToken
            let error = await #expect(throws: KickError.self) {
                _ = try await client.api.subscribe(
                    to: EventCatalog.entries.map(\.type), broadcasterUserID: 1001, token: token,
                    deadline: client.deadline)
            }
            #expect(error?.isSubscriptionLimit == true)
        }
    }

    @Test("What happens on a bad day is trouble, not a refusal")
    func badDay() async throws {
        try await Bench.with { bench in
            let client = Client(bench)
            let refresh = Secret(try await bench.login().refresh)
            let days: [JSON] = [
                ["target": "token", "status": 400], ["target": "token", "status": 503, "body": "<html>"],
                ["target": "token", "status": 429, "retry_after": 1], ["target": "token", "close": true],
                ["target": "token", "close": true, "when": "after"],
            ]
            for day in days {
                try await bench.control("/sandbox/faults", day)
                guard case .tryLater = await client.oauth.refresh(refresh, deadline: client.deadline) else {
                    Issue.record("\(day.text)")
                    continue
                }
            }
            #expect(try await bench.state["pending_faults"] == 0)
            guard case .renewed = await client.oauth.refresh(refresh, deadline: client.deadline) else {
                Issue.record("not renewed")
                return
            }
        }
    }
}
