import Crypto
import Foundation
import HTTP
import Kick
import Model
import Net
import Telemetry
import Testing

@Suite("OAuth")
struct OAuthTests {
    static let secret = "client-secret-1f2e"
    static let credentials = AppCredentials(clientID: "client-1", clientSecret: Secret(secret))
    static let servers = KickServers.kick

    static func client(_ stub: KickStub) -> OAuthClient {
        OAuthClient(credentials: credentials, exchange: stub.exchange)
    }

    static let good = """
        {"access_token":"acc.NEW-1","token_type":"Bearer","refresh_token":"ref_NEW-1","expires_in":7200,\
        "scope":"user:read chat:write"}
        """

    // MARK: Authorize

    @Test("The authorize URL carries what FACTS §1.3 asks for")
    func authorizeURL() throws {
        let pkce = PKCE(verifier: Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
        // RFC 7636, appendix B.
        #expect(pkce.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        let url = AuthorizationURL.make(
            servers: Self.servers, clientID: "client 1",
            redirectURI: try #require(HTTPURL("https://gw.example/cb?x=1")),
            scopes: [.userRead, .eventsSubscribe], state: "st&te", pkce: pkce)
        #expect(url.origin == "https://id.kick.com")
        #expect(url.path == "/oauth/authorize")
        let query = try #require(QueryItems(parsing: url.query))
        #expect(
            query == [
                "response_type": "code", "client_id": "client 1", "redirect_uri": "https://gw.example/cb?x=1",
                "scope": "user:read events:subscribe", "state": "st&te",
                "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256",
            ])
        #expect(!url.description.contains(pkce.verifier.reveal()))
    }

    @Test("Before a redirect to 127.0.0.1 stands one that Kick's page may rewrite")
    func sacrificialRedirect() throws {
        let url = AuthorizationURL.make(
            servers: Self.servers, clientID: "c", redirectURI: try #require(HTTPURL("http://127.0.0.1:8080/cb")),
            scopes: [],
            state: "s", pkce: PKCE())
        #expect(url.query?.hasPrefix("redirect=127.0.0.1&") == true)
        #expect(QueryItems(parsing: url.query)?["redirect_uri"] == "http://127.0.0.1:8080/cb")
    }

    @Test func freshVerifiers() {
        let verifiers = Set((0..<20).map { _ in PKCE().verifier.reveal() })
        #expect(verifiers.count == 20)
        #expect(verifiers.allSatisfy { $0.utf8.count == 43 && Base64URL.decode($0)?.count == 32 })
    }

    // MARK: What is sent

    @Test("The three grants send what FACTS §1.4 asks for, in the body", .timeLimit(.minutes(1)))
    func grants() async throws {
        let stub = KickStub(200, Self.good)
        let client = Self.client(stub)
        _ = try await client.tokens(
            forCode: Secret("c+d/e"), pkce: PKCE(verifier: Secret("ver")),
            redirectURI: HTTPURL("https://gw.example/cb")!,
            deadline: .never)
        _ = try await client.appToken(deadline: .never)
        _ = await client.refresh(Secret("ref-OLD"), deadline: .never)
        let app: QueryItems = ["client_id": "client-1", "client_secret": Self.secret]
        let expected: [QueryItems] = [
            [
                "grant_type": "authorization_code", "code": "c+d/e", "redirect_uri": "https://gw.example/cb",
                "code_verifier": "ver",
            ],
            ["grant_type": "client_credentials"],
            ["grant_type": "refresh_token", "refresh_token": "ref-OLD"],
        ]
        #expect(stub.requests.count == 3)
        for (request, items) in zip(stub.requests, expected) {
            #expect(request.form?.items == items.items + app.items)
            #expect(request.method == .post)
            #expect(request.url(on: Self.servers).description == "https://id.kick.com/oauth/token")
            #expect(request.fields[.contentType] == "application/x-www-form-urlencoded")
            #expect(request.fields[.userAgent] == "kick-gateway")
            #expect(request.fields[.authorization] == nil)
        }
    }

    @Test("Revocation: token in the query, the hint under both names", .timeLimit(.minutes(1)))
    func revoke() async throws {
        let stub = KickStub(200, "OK")
        try await Self.client(stub).revoke(Secret("ref-OLD"), .refreshToken, deadline: .never)
        let request = try #require(stub.requests.first)
        #expect(request.path == "/oauth/revoke")
        #expect(
            request.query == [
                "token": "ref-OLD", "token_type_hint": "refresh_token", "token_hint_type": "refresh_token",
            ])
        #expect(request.bodyBytes.isEmpty)
        let failing = KickStub(500, "")
        let error = await #expect(throws: KickError.self) {
            try await Self.client(failing).revoke(Secret("t"), .accessToken, deadline: .never)
        }
        #expect(error?.kind == .serverTrouble)
    }

    @Test("Introspection", .timeLimit(.minutes(1)))
    func introspect() async throws {
        let stub = KickStub(
            200,
            """
            {"data":{"active":true,"client_id":"c1","token_type":"user","scope":"user:read channel:read",\
            "exp":1771046347},"message":"OK"}
            """)
        let facts = try await Self.client(stub).introspect(Secret("acc"), deadline: .never)
        #expect(facts.isActive)
        #expect(facts.clientID == "c1")
        #expect(facts.tokenType == "user")
        #expect(facts.scopes == [.userRead, .channelRead])
        #expect(facts.expiresAt == Timestamp(seconds: 1_771_046_347))
        #expect(stub.requests.first?.fields[.authorization] == "Bearer acc")
        #expect(stub.requests.first?.path == "/oauth/token/introspect")
        let dead = KickStub(200, #"{"data":{"active":false},"message":"OK"}"#)
        #expect(try await Self.client(dead).introspect(Secret("acc"), deadline: .never).isActive == false)
        let unknown = KickStub(401, #"{"data":{},"message":"Unauthorized"}"#)
        let error = await #expect(throws: KickError.self) {
            try await Self.client(unknown).introspect(Secret("acc"), deadline: .never)
        }
        #expect(error?.kind == .unauthorized)
    }

    // MARK: The token endpoint's answers, row by row

    static let invalidGrant = """
        {"error":"invalid_grant","error_description":"The provided authorization grant (e.g., authorization code, \
        resource owner credentials) or refresh token is invalid, expired, revoked, does not match the redirection URI \
        used in the authorization request, or was issued to another client"}
        """

    struct Row: Sendable, CustomTestStringConvertible {
        let status: Int
        let body: String
        let kind: KickError.Kind?
        var testDescription: String { "\(status) \(body.prefix(40))" }

        /// `kind` nil: a definite refusal.
        init(_ status: Int, _ body: String, _ kind: KickError.Kind?) {
            self.status = status
            self.body = body
            self.kind = kind
        }
    }

    static let rows = [
        Row(400, invalidGrant, nil),
        Row(401, invalidGrant, nil),
        Row(400, #"{"error":"invalid_grant"}"#, nil),
        Row(400, " {\"error\":\"invalid_grant\",\"new\":[1]}\n", nil),
        // Everything below says nothing about the grant.
        Row(400, "", .badRequest),
        Row(400, #"{"error":"Invalid request"}"#, .badRequest),
        Row(400, #"{"error":"invalid_request"}"#, .badRequest),
        Row(400, #"{"error":"invalid_scope"}"#, .badRequest),
        Row(400, #"{"message":"Invalid request"}"#, .badRequest),
        Row(400, #"{"message":"invalid_grant"}"#, .badRequest),
        Row(400, #"{"error":["invalid_grant"]}"#, .badRequest),
        Row(400, #"{"error":"invalid_grant"#, .badRequest),
        Row(400, "invalid_grant", .badRequest),
        Row(400, "<html>invalid_grant</html>", .badRequest),
        Row(400, #"{"error":"invalid_client"}"#, .clientRefused),
        Row(401, #"{"error":"invalid_client"}"#, .clientRefused),
        Row(400, #"{"error":"unauthorized_client"}"#, .clientRefused),
        Row(401, "", .unauthorized),
        Row(401, #"{"data":{},"message":"Unauthorized"}"#, .unauthorized),
        Row(403, "<!DOCTYPE html><title>Just a moment...</title>", .edgeBlocked),
        Row(403, #"{"error":"Request blocked by security policy.","reference":"9e4db7e3"}"#, .edgeBlocked),
        Row(403, invalidGrant, .edgeBlocked),
        Row(404, "<html><body>404</body></html>", .notFound),
        Row(404, invalidGrant, .notFound),
        Row(429, "", .rateLimited),
        Row(429, invalidGrant, .rateLimited),
        Row(500, #"{"message":"Internal Server Error"}"#, .serverTrouble),
        Row(500, invalidGrant, .serverTrouble),
        Row(502, "<html>", .serverTrouble),
        Row(503, invalidGrant, .serverTrouble),
        Row(520, "", .serverTrouble),
        Row(302, "", .unexpected),
        Row(418, "", .unexpected),
        Row(200, "", .undecodable),
        Row(200, "OK", .undecodable),
        Row(200, "<html>", .undecodable),
        Row(200, invalidGrant, .undecodable),
        Row(200, "{}", .undecodable),
        Row(200, #"{"access_token":""}"#, .undecodable),
        Row(200, #"{"access_token":"a b"}"#, .undecodable),
        Row(200, #"{"access_token":"a\r\nX: y"}"#, .undecodable),
        Row(200, #"{"access_token":7}"#, .undecodable),
        Row(200, String(good.dropLast(5)), .undecodable),
        Row(204, "", .undecodable),
    ]

    @Test("P5: only a definite invalid_grant refuses a refresh token", .timeLimit(.minutes(1)), arguments: rows)
    func refreshRows(row: Row) async throws {
        let outcome = await Self.client(KickStub(row.status, row.body)).refresh(Secret("ref-OLD"), deadline: .never)
        switch outcome {
        case .renewed: Issue.record("renewed")
        case .refused(let refusal):
            #expect(row.kind == nil)
            #expect(refusal.status == row.status)
        case .tryLater(let error):
            #expect(error.kind == row.kind)
            #expect(error.status == row.status)
        }
    }

    @Test("A code exchange and an app token fail with the same kinds", .timeLimit(.minutes(1)), arguments: rows)
    func exchangeRows(row: Row) async throws {
        let error = await #expect(throws: KickError.self) {
            try await Self.client(KickStub(row.status, row.body)).appToken(deadline: .never)
        }
        #expect(error?.kind == row.kind ?? .grantRefused)
    }

    @Test("P5: a server that cannot be reached is no refusal", .timeLimit(.minutes(1)), arguments: [true, false])
    func unreachable(requestSent: Bool) async {
        let stub = KickStub(.failure(KickError(.unreachable(requestSent: requestSent))))
        guard case .tryLater(let error) = await Self.client(stub).refresh(Secret("r"), deadline: .never) else {
            Issue.record("not tryLater")
            return
        }
        #expect(error.kind == .unreachable(requestSent: requestSent))
        #expect(error.isTransient)
    }

    @Test(
        "Tokens are taken whatever stands around them",
        .timeLimit(.minutes(1)),
        arguments: [
            (good, 7200, "ref_NEW-1", "user:read chat:write"),
            (#"{"access_token":"acc.NEW-1","expires_in":"7200","refresh_token":"ref_NEW-1"}"#, 7200, "ref_NEW-1", nil),
            (#"{"access_token":"acc.NEW-1","expires_in":"","refresh_token":"","scope":""}"#, 3600, nil, ""),
            (#"{"access_token":"acc.NEW-1","expires_in":null,"refresh_token":null,"scope":null}"#, 3600, nil, nil),
            (#"{"access_token":"acc.NEW-1","expires_in":0}"#, 3600, nil, nil),
            (#"{"access_token":"acc.NEW-1","expires_in":-5}"#, 3600, nil, nil),
            (
                #"{"access_token":"acc.NEW-1","expires_in":5184000.0,"token_type":"","id_token":{}}"#, 5_184_000, nil,
                nil
            ),
            (#"{"access_token":"acc.NEW-1","expires_in":1e300}"#, 315_360_000, nil, nil),
            (#"{"access_token":"acc.NEW-1","expires_in":{},"scope":["user:read"]}"#, 3600, nil, nil),
        ] as [(String, Int, String?, String?)])
    func tokens(body: String, seconds: Int, refresh: String?, scopes: String?) async throws {
        guard case .renewed(let tokens) = await Self.client(KickStub(200, body)).refresh(Secret("r"), deadline: .never)
        else {
            Issue.record("not renewed")
            return
        }
        #expect(tokens.accessToken.reveal() == "acc.NEW-1")
        #expect(tokens.refreshToken?.reveal() == refresh)
        #expect(tokens.lifetime == .seconds(seconds))
        #expect(tokens.scopes?.joined == scopes)
    }

    @Test("A login without a refresh token is no login", .timeLimit(.minutes(1)))
    func noRefreshToken() async throws {
        let stub = KickStub(200, #"{"access_token":"a","expires_in":7200}"#)
        let error = await #expect(throws: KickError.self) {
            try await Self.client(stub).tokens(
                forCode: Secret("c"), pkce: PKCE(), redirectURI: HTTPURL("https://h/")!, deadline: .never)
        }
        #expect(error?.kind == .undecodable)
    }

    @Test(
        "Retry-After in seconds and as a date",
        .timeLimit(.minutes(1)),
        arguments: [
            (["Retry-After": "30"], 30), (["Retry-After": "0"], 0), (["Retry-After": "999999"], 3600),
            (["Retry-After": "-1"], 0), (["Retry-After": "soon"], nil), ([:], nil),
            (["Date": "Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After": "Sun, 06 Nov 1994 08:50:37 GMT"], 60),
            (["Date": "Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After": "Sun, 06 Nov 1994 08:40:37 GMT"], 0),
        ] as [(Fields, Int?)])
    func retryAfter(fields: Fields, seconds: Int?) async {
        for status in [429, 503] {
            let outcome = await Self.client(KickStub(status, "", fields)).refresh(Secret("r"), deadline: .never)
            guard case .tryLater(let error) = outcome else {
                Issue.record("not tryLater")
                return
            }
            #expect(error.retryAfter == seconds.map { .seconds($0) })
        }
    }

    @Test(
        "P6: no token, code, verifier or client secret shows in requests, errors and outcomes", .timeLimit(.minutes(1)))
    func redaction() async throws {
        let refresh = "ref-SECRET-1"
        // A server that repeats what it was sent.
        for status in [400, 401, 403, 404, 429, 500, 200] {
            for key in ["error", "message", "error_description", "data"] {
                let body = #"{"\#(key)":"bad token \#(refresh) for \#(Self.secret)\u0007","error":"invalid_grant"}"#
                let stub = KickStub(status, body)
                let outcome = await Self.client(stub).refresh(Secret(refresh), deadline: .never)
                var dumped = ""
                dump(outcome, to: &dumped)
                dump(stub.requests, to: &dumped)
                dumped += "\(outcome) \(stub.requests) \(String(reflecting: stub.requests))"
                if case .tryLater(let error) = outcome { dumped += "\(error) \(error.debugDescription)" }
                #expect(!dumped.contains("SECRET") && !dumped.contains(Self.secret) && !dumped.contains("\u{7}"))
            }
        }
        let stub = KickStub(200, Self.good)
        guard case .renewed(let tokens) = await Self.client(stub).refresh(Secret(refresh), deadline: .never) else {
            Issue.record("not renewed")
            return
        }
        var dumped = "\(tokens) \(String(reflecting: tokens))"
        dump(tokens, to: &dumped)
        #expect(!dumped.contains("NEW-1"))
    }
}
