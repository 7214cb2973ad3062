import Crypto
import Foundation
import HTTP
import HTTPClient
import HTTPServer
import Kick
import Net
import Synchronization
import Telemetry
import Testing

@Suite("Over real connections")
struct KickTransportTests {
    struct Seen: Sendable {
        var target: String
        var fields: Fields
        var body: [UInt8]
    }

    /// Opens a loopback port of the kernel's choice and returns it.
    static func listen(_ server: HTTPServer) async throws -> UInt16 {
        let any = try #require(SocketAddress(parsing: "127.0.0.1:0"))
        let bound = try await server.listen(on: [any])
        return try #require(bound.first?.port)
    }

    /// Runs `body` with a way to a server that answers as `answer` says and keeps what it was asked.
    func withKick(
        answer: @escaping @Sendable (Request) async -> Response,
        _ body: (@escaping KickExchange, @escaping () -> [Seen]) async throws -> Void
    ) async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let seen = Mutex<[Seen]>([])
        let server = HTTPServer(loops: loops) { request in
            let content = (try? await request.body(upTo: 1 << 16)) ?? []
            let target = "\(request.method) \(request.path)\(request.head.query.map { "?" + $0 } ?? "")"
            seen.withLock { $0.append(Seen(target: target, fields: request.fields, body: content)) }
            return await answer(request)
        }
        let port = try await Self.listen(server)
        let base = try #require(HTTPURL("http://127.0.0.1:\(port)/kick"))
        let client = OutboundClient(loops: loops, tls: try TLSContext())
        let exchange = KickTransport.exchange(over: client, servers: KickServers(id: base, api: base))
        try await body(exchange) { seen.withLock { $0 } }
        await client.shutdown()
        await server.shutdown(grace: .seconds(5))
    }

    @Test("Token, list and deletion arrive as they are meant", .timeLimit(.minutes(1)))
    func requests() async throws {
        try await withKick { request in
            switch request.path {
            case "/kick/oauth/token": .json(Array(OAuthTests.good.utf8))
            case "/kick/public/v1/users": .json(Array(#"{"data":[{"user_id":7}],"message":"OK"}"#.utf8))
            default: Response(status: .noContent)
            }
        } _: { exchange, seen in
            let client = OAuthClient(credentials: OAuthTests.credentials, exchange: exchange)
            guard case .renewed = await client.refresh(Secret("ref OLD&"), deadline: .after(.seconds(20))) else {
                Issue.record("not renewed")
                return
            }
            let api = KickAPI(exchange: exchange)
            let user = try await api.ownUser(token: Secret("acc"), deadline: .after(.seconds(20)))
            #expect(user.userID == 7)
            try await api.unsubscribe(ids: ["a", "b"], token: Secret("acc"), deadline: .after(.seconds(20)))
            let requests = seen()
            #expect(
                requests.map(\.target) == [
                    "POST /kick/oauth/token", "GET /kick/public/v1/users",
                    "DELETE /kick/public/v1/events/subscriptions?id=a&id=b",
                ])
            let form = FormURLEncoded.decode(requests[0].body)
            #expect(form?["refresh_token"] == "ref OLD&")
            #expect(requests[0].fields[.contentType] == "application/x-www-form-urlencoded")
            #expect(requests.allSatisfy { $0.fields.values(of: .userAgent) == ["kick-gateway"] })
            #expect(requests[1].fields[.authorization] == "Bearer acc")
        }
    }

    @Test("A new key comes over the wire into the verifier", .timeLimit(.minutes(1)))
    func keyRotation() async throws {
        let key = try PrivateKey.generate(.rsaPKCS1SHA256)
        let pem = key.publicKey.pem.replacing("\n", with: "\\n")
        try await withKick { _ in
            .json(Array(#"{"data":{"public_key":"\#(pem)"},"message":"OK"}"#.utf8))
        } _: { exchange, seen in
            let api = KickAPI(exchange: exchange)
            let loops = try LoopGroup(count: 1)
            defer { loops.shutdown() }
            var policy = WebhookVerifier.Policy()
            policy.refetchTimeout = .seconds(20)
            let verifier = WebhookVerifier(
                policy: policy, clock: .init(time: { WebhookVerifierTests.soonAfter }, instant: { .now() }),
                loops: loops, fetchKey: { try await api.publicKey(deadline: $0) })
            let delivery = try Fixture.genuine().signed(by: key)
            #expect(await WebhookVerifierTests.refusal(delivery, verifier) == nil)
            #expect(seen().map(\.target) == ["GET /kick/public/v1/public-key"])
        }
    }

    @Test("P5: nobody there: not sent", .timeLimit(.minutes(1)))
    func refused() async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        // A port that was free a moment ago.
        let probe = HTTPServer(loops: loops) { _ in Response() }
        let port = try await Self.listen(probe)
        await probe.shutdown(grace: .zero)
        let base = try #require(HTTPURL("http://127.0.0.1:\(port)"))
        let client = OutboundClient(loops: loops, tls: try TLSContext())
        let exchange = KickTransport.exchange(over: client, servers: KickServers(id: base, api: base))
        let oauth = OAuthClient(credentials: OAuthTests.credentials, exchange: exchange)
        let outcome = await oauth.refresh(Secret("ref-SECRET"), deadline: .after(.seconds(20)))
        guard case .tryLater(let error) = outcome else {
            Issue.record("not tryLater")
            return
        }
        #expect(error.kind == .unreachable(requestSent: false))
        #expect(!error.debugDescription.contains("SECRET"))
        await client.shutdown()
    }

    @Test("P5: given up after the request had arrived: sent", .timeLimit(.minutes(1)))
    func silent() async throws {
        let held = Mutex<[CheckedContinuation<Void, Never>]>([])
        try await withKick { _ in
            await withCheckedContinuation { continuation in held.withLock { $0.append(continuation) } }
            return Response()
        } _: { exchange, _ in
            let oauth = OAuthClient(credentials: OAuthTests.credentials, exchange: exchange)
            let refresh = Task { await oauth.refresh(Secret("r"), deadline: .after(.seconds(50))) }
            while held.withLock({ $0.isEmpty }) {
                try Task.checkCancellation()
                await Task.yield()
            }
            refresh.cancel()
            let outcome = await refresh.value
            for continuation in held.withLock({ $0 }) { continuation.resume() }
            guard case .tryLater(let error) = outcome else {
                Issue.record("not tryLater")
                return
            }
            #expect(error.kind == .unreachable(requestSent: true))
        }
    }

    @Test("A longer answer than is taken cannot be read", .timeLimit(.minutes(1)))
    func badAnswers() async throws {
        try await withKick { _ in
            .json([UInt8](repeating: 0x20, count: 300 * 1024))
        } _: { exchange, _ in
            let oauth = OAuthClient(credentials: OAuthTests.credentials, exchange: exchange)
            guard case .tryLater(let error) = await oauth.refresh(Secret("r"), deadline: .after(.seconds(20))) else {
                Issue.record("not tryLater")
                return
            }
            #expect(error.kind == .undecodable)
        }
    }
}
