import HTTP
import Kick
import Model
import Net
import Sandbox
import Store
import TestKit
import Testing

@testable import Gateway

/// Every answer that the token endpoint is known to give (FACTS §1.4), over the wire, and what becomes of the login.
@Suite("Answers of the token endpoint", .timeLimit(.minutes(1)))
struct RefreshAnswerTests {
    enum Outcome: Equatable, Sendable {
        /// The login is not blamed; it is tried again after a pause, of at least this many seconds.
        case retry(after: Double)
        /// The answer may have been a new pair: the next try comes soon, while the old token may still be good.
        case retrySoon
        /// No doubt is possible.
        case dead
    }

    struct Row: CustomTestStringConvertible, Sendable {
        let name: String
        let fault: @Sendable () -> [String: Any]
        let outcome: Outcome
        var testDescription: String { name }

        init(_ name: String, _ fault: @autoclosure @escaping @Sendable () -> [String: Any], _ outcome: Outcome) {
            self.name = name
            self.fault = fault
            self.outcome = outcome
        }
    }

    private static let html = "<html><head><title>Just a moment...</title></head></html>"
    private static let invalidGrant = """
        {"error":"invalid_grant","error_description":"The provided authorization grant (e.g., authorization code, \
        resource owner credentials) or refresh token is invalid, expired, revoked, does not match the redirection URI \
        used in the authorization request, or was issued to another client"}
        """

    static let rows = [
        Row("400 invalid_grant", ["status": 400, "body": invalidGrant], .dead),
        Row("401 invalid_grant", ["status": 401, "body": invalidGrant], .dead),
        Row(
            "400 invalid_grant cut short", ["status": 400, "body": String(invalidGrant.dropLast(9))], .retry(after: 0)),
        Row("403 invalid_grant", ["status": 403, "body": invalidGrant], .retry(after: 0)),
        Row("500 invalid_grant", ["status": 500, "body": invalidGrant], .retry(after: 0)),
        Row("400 with an error", ["status": 400, "body": #"{"error":"Invalid request"}"#], .retry(after: 0)),
        Row("400 with a message", ["status": 400, "body": #"{"message":"Bad request"}"#], .retry(after: 0)),
        Row("400 that only speaks of invalid_grant", ["status": 400, "body": "invalid_grant"], .retry(after: 0)),
        Row("400 empty", ["status": 400, "body": ""], .retry(after: 0)),
        Row("401 empty", ["status": 401, "body": ""], .retry(after: 0)),
        Row("401 invalid_client", ["status": 401, "body": #"{"error":"invalid_client"}"#], .retry(after: 0)),
        Row("404 page", ["status": 404, "body": html, "content_type": "text/html"], .retry(after: 0)),
        Row("403 page of the edge", ["status": 403, "body": html, "content_type": "text/html"], .retry(after: 0)),
        Row(
            "403 JSON of the edge",
            ["status": 403, "body": #"{"error":"Request blocked by security policy.","reference":"9e4db7e3"}"#],
            .retry(after: 0)),
        Row("429 with Retry-After", ["status": 429, "body": "", "retry_after": 17], .retry(after: 17)),
        Row("429 without Retry-After", ["status": 429, "body": ""], .retry(after: 0)),
        Row("500", ["status": 500, "body": #"{"message":"Internal Server Error"}"#], .retry(after: 0)),
        Row("502 page", ["status": 502, "body": html, "content_type": "text/html"], .retry(after: 0)),
        Row("503 with Retry-After", ["status": 503, "body": html, "retry_after": 9], .retry(after: 9)),
        Row("504", ["status": 504, "body": ""], .retry(after: 0)),
        Row("200 page", ["status": 200, "body": html, "content_type": "text/html"], .retrySoon),
        Row("200 without tokens", ["status": 200, "body": "{}"], .retrySoon),
        Row("200 cut in the middle of the JSON", ["status": 200, "body": #"{"access_token":"ab"#], .retrySoon),
        Row("time out, nothing done", ["delay_ms": 20_000, "status": 503], .retrySoon),
        Row("time out after the rotation", ["delay_ms": 20_000, "when": "after", "status": 503], .retrySoon),
        Row("cut before the rotation, no byte came", ["close": "before_head"], .retrySoon),
        Row("cut after the rotation, no byte came", ["close": "before_head", "when": "after"], .retrySoon),
        Row("cut in the middle of the answer, the rotation done", ["close": "in_body", "when": "after"], .retrySoon),
    ]

    @Test("P4, P5: retried, retried soon, or dead", arguments: rows)
    func answer(_ row: Row) async throws {
        try await KickStage.run { stage in
            var policy = RefreshPolicy()
            policy.timeout = .milliseconds(row.name.hasPrefix("time out") ? 300 : 10_000)
            let keeper = try stage.keeper(policy)
            let login = try await stage.makeLogin()
            try await stage.makeDue(login)
            try await stage.order(fault: row.fault())
            let before = Timestamp.now()
            await stage.refreshDue(with: keeper)
            let settled = try await stage.login(login)
            #expect(settled.generation == 1)

            guard row.outcome != .dead else {
                #expect(settled.state == .reconnectRequired)
                #expect(try await stage.logged() == ["gateway.login.reconnect_required"])
                return
            }
            #expect((settled.state, settled.refreshFailures) == (.connected, 1))
            let pause = try #require(settled.refreshDueAt).microseconds - before.microseconds
            if case .retry(let seconds) = row.outcome { #expect(Double(pause) / 1e6 >= seconds) }
            if row.outcome == .retrySoon { #expect(pause <= 5_000_000) }

            // Kick is well again, and so is the login; whatever Kick did with the lost answer.
            let next = try stage.keeper()
            try await stage.makeDue(login)
            await stage.refreshDue(with: next)
            let renewed = try await stage.login(login)
            #expect((renewed.state, renewed.generation, renewed.refreshFailures) == (.connected, 2, 0))
        }
    }

    @Test("P5 nobody listens at Kick's address")
    func unreachable() async throws {
        try await KickStage.run { stage in
            let servers = KickServers(id: HTTPURL("http://127.0.0.1:1")!, api: HTTPURL("http://127.0.0.1:1")!)
            let kick = KickAccess(
                servers: servers, apps: AppDirectory(store: stage.fixture.tenants),
                tokens: AppTokenStore(database: stage.fixture.database, vault: stage.fixture.vault),
                exchange: KickTransport.exchange(over: stage.client, servers: servers))
            let keeper = try stage.keeper(kick: kick)
            let login = try await stage.makeLogin()
            try await stage.makeDue(login)
            await stage.refreshDue(with: keeper)
            let settled = try await stage.login(login)
            #expect((settled.state, settled.refreshFailures) == (.connected, 1))
        }
    }

    @Test("P4 a pair that another process stored meanwhile is adopted, although Kick refuses ours")
    func adopted() async throws {
        try await KickStage.run {
            $0.tokens.refreshMode = .singleUse
        } _: { stage in
            let login = try await stage.makeLogin()
            try await stage.makeDue(login)
            await stage.refreshDue(with: try stage.keeper())
            try await stage.makeDue(login)
            // The first holder has got a pair, but was cut off from the database until its lease ran out.
            let late = try #require(try await stage.fixture.claimDue(1, lease: .seconds(-1)).first)
            let oauth = try await stage.kick().oauth(for: late.app).client
            guard case .renewed(let tokens) = await oauth.refresh(late.refreshToken, deadline: .after(.seconds(10)))
            else { return #expect(Bool(false), "the sandbox did not refresh") }
            let pair = TokenPair(
                access: tokens.accessToken, refresh: try #require(tokens.refreshToken), lifetime: tokens.lifetime,
                scopes: nil)
            // The second asks with the same token, which is used up; while it waits for the refusal the first stores.
            let kick = try stage.kick { exchange in
                { request, deadline throws(KickError) in
                    let answer = try await exchange(request, deadline)
                    _ = try? await stage.fixture.store(pair, refreshAfter: .seconds(6000), for: late)
                    return answer
                }
            }
            await stage.refreshDue(with: try stage.keeper(kick: kick))
            let settled = try await stage.login(login)
            #expect((settled.state, settled.generation) == (.connected, 3))
            #expect(try await stage.logged() == [])
            let refused = try await stage.call(.get, "/sandbox/refreshes")["refused"] as? Int
            #expect(refused == 1, "the token before was tried although there is a newer pair")
        }
    }

    @Test("P4 a pair that comes after the login was given up mends it, and the log says both")
    func tooLate() async throws {
        try await KickStage.run {
            $0.tokens.refreshMode = .singleUse
        } _: { stage in
            let login = try await stage.makeLogin()
            try await stage.makeDue(login)
            let late = try #require(try await stage.fixture.claimDue(1, lease: .seconds(-1)).first)
            let oauth = try await stage.kick().oauth(for: late.app).client
            guard case .renewed(let tokens) = await oauth.refresh(late.refreshToken, deadline: .after(.seconds(10)))
            else { return #expect(Bool(false), "the sandbox did not refresh") }
            await stage.refreshDue(with: try stage.keeper())
            #expect(try await stage.login(login).state == .reconnectRequired)
            let pair = TokenPair(
                access: tokens.accessToken, refresh: try #require(tokens.refreshToken), lifetime: tokens.lifetime,
                scopes: nil)
            #expect(try await stage.fixture.store(pair, refreshAfter: .seconds(6000), for: late))
            let settled = try await stage.login(login)
            #expect((settled.state, settled.generation) == (.connected, 2))
            #expect(
                try await stage.logged() == ["gateway.login.reconnect_required", "gateway.login.recovered"])
        }
    }

    @Test("a login whose refresh fails again and again is told of once, and so is its recovery")
    func announced() async throws {
        try await KickStage.run { stage in
            let login = try await stage.makeLogin()
            try await stage.order(fault: ["status": 500, "body": "", "count": 4])
            for _ in 0..<5 {
                // A keeper of its own each time: the gate of one would shut.
                try await stage.makeDue(login)
                await stage.refreshDue(with: try stage.keeper())
            }
            #expect(try await stage.login(login).generation == 2)
            #expect(try await stage.logged() == ["gateway.login.refresh_failing", "gateway.login.recovered"])
        }
    }
}
