import Crypto
import Gateway
import HTTP
import HTTPClient
import HTTPServer
import Kick
import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@testable import API

/// The webhooks' routes on a server of its own, and a sender that signs as Kick does.
private final class WebhookStage: Sendable {
    let fixture: StoreFixture
    let tenant: Tenant
    let address: SocketAddress
    private let key: PrivateKey
    private let server: HTTPServer
    private let loops: LoopGroup
    private let client: OutboundClient

    private init(_ fixture: StoreFixture) async throws {
        self.fixture = fixture
        tenant = try await fixture.makeTenant()
        _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
        let key = try PrivateKey.generate(.ed25519)
        self.key = key
        let feed = EventFeed(
            log: fixture.log, loops: fixture.loops, encode: { _, _ in SharedBytes([]) },
            encodeGap: { _ in SharedBytes([]) })
        let webhooks = Webhooks(
            verifier: WebhookVerifier(pinned: [key.publicKey], loops: fixture.loops) { _ in key.publicKey },
            ingest: WebhookIngest(log: fixture.log, feed: feed), apps: AppDirectory(store: fixture.tenants))
        var router = Router<Bool>()
        for route in Routes.all where route.pattern.hasPrefix("/webhooks") {
            router.add(route.method, route.pattern, route.pattern.hasSuffix("/drops"))
        }
        server = HTTPServer(loops: fixture.loops) { [router] request in
            guard case .found(let isClaim, let parameters) = router.match(request.method, request.head.pathBytes) else {
                return Response(status: .notFound)
            }
            var request = request
            request.parameters = parameters
            do {
                return isClaim ? try await webhooks.receiveClaim(request) : try await webhooks.receive(request)
            } catch {
                return Problem.response(to: error, request: request, route: "webhooks")
            }
        }
        address = try await server.listen(on: [#require(SocketAddress(parsing: "127.0.0.1:0"))])[0]
        loops = try LoopGroup(count: 1)
        client = OutboundClient(loops: loops, tls: try TLSContext())
    }

    static func run(_ body: @escaping @Sendable (WebhookStage) async throws -> Void) async throws {
        try await StoreFixture.run { fixture in
            let stage = try await WebhookStage(fixture)
            let test = Task(executorPreference: stage.loops.loops[0]) { try await body(stage) }
            let result = await withTaskCancellationHandler {
                await test.result
            } onCancel: {
                test.cancel()
            }
            await stage.client.shutdown()
            await stage.server.shutdown(grace: .zero)
            stage.loops.shutdown()
            try result.get()
        }
    }

    /// What a delivery says about itself.
    struct Delivery {
        var messageID = "01A"
        var type = "chat.message.sent"
        var body = #"{"broadcaster":{"user_id":1},"message_id":"fact"}"#
        /// Sent in place of the body that was signed.
        var sentBody: String?
        var isClaim = false
        var without: String?
    }

    func send(_ delivery: Delivery, to path: String) async throws -> OutboundResponse {
        let time = Timestamp(seconds: Timestamp.now().seconds).description
        let signature = key.signature(for: Array("\(delivery.messageID).\(time).\(delivery.body)".utf8))
        var headers = [
            ("Kick-Event-Message-ID", delivery.messageID), ("Kick-Event-Signature", Base64.encode(signature)),
        ]
        if delivery.isClaim {
            headers.append(("Kick-Event-Timestamp", time))
        } else {
            headers += [
                ("Kick-Event-Message-Timestamp", time), ("Kick-Event-Type", delivery.type), ("Kick-Event-Version", "1"),
                ("Kick-Event-Subscription-Id", "sub"),
            ]
        }
        var request = OutboundRequest(.post, try #require(HTTPURL("http://\(address)\(path)")))
        for (name, value) in headers where name != delivery.without {
            request.fields.set(try #require(FieldName(name)), FieldValue(value))
        }
        request.body = Array((delivery.sentBody ?? delivery.body).utf8)
        return try await client.send(request, deadline: .after(.seconds(30)))
    }

    func status(_ delivery: Delivery, to path: String = "/webhooks/kick") async throws -> Int {
        Int(try await send(delivery, to: path).status.code)
    }

    func events() async throws -> [Event] {
        try await fixture.log.read(after: 0, limit: 500, in: tenant.id)
    }
}

@Suite("Webhooks over sockets", .timeLimit(.minutes(1)))
struct WebhookWireTests {
    @Test("P7, P9 the same delivery 50 times at once: one event, 50 times 200; to the app's own address too")
    func doubles() async throws {
        try await WebhookStage.run { stage in
            let paths = ["/webhooks/kick", "/webhooks/kick/\(stage.tenant.appID)"]
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<50 {
                    group.addTask { try await stage.status(.init(), to: paths[number % 2]) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses == Array(repeating: 200, count: 50))
            let events = try await stage.events()
            #expect(events.map(\.messageID) == ["01A"])
        }
    }

    @Test("P8 nothing is looked at before the signature: what is not signed gets 401, whatever else is wrong with it")
    func signatureFirst() async throws {
        try await WebhookStage.run { stage in
            let garbage = WebhookStage.Delivery(sentBody: "{ not JSON")
            for path in ["/webhooks/kick", "/webhooks/kick/app_nobody", "/webhooks/kick/drops"] {
                var delivery = garbage
                delivery.isClaim = path.hasSuffix("drops")
                let answer = try await stage.send(delivery, to: path)
                #expect(answer.status == .unauthorized, "\(path)")
                #expect(String(decoding: answer.body, as: UTF8.self).contains(#""code":"webhook_refused""#))
            }
            let unsigned = try await stage.status(.init(without: "Kick-Event-Signature"))
            #expect(unsigned == 401)
            let large = try await stage.status(.init(sentBody: String(repeating: "x", count: 129 * 1024)))
            #expect(large == 413)
            // Signed, the same addresses tell more.
            let noApp = try await stage.status(.init(), to: "/webhooks/kick/app_nobody")
            #expect(noApp == 404)
            let events = try await stage.events()
            #expect(events.isEmpty)
        }
    }

    @Test(
        "P8 a genuine body under a type that Kick's deliveries never have is refused",
        arguments: [
            "gateway.login.reconnect_required", "gateway.", "drops.claim",
        ])
    func reservedTypes(type: String) async throws {
        try await WebhookStage.run { stage in
            let status = try await stage.status(.init(type: type))
            #expect(status == 401)
            let events = try await stage.events()
            #expect(events.isEmpty)
        }
    }

    @Test("P8 a genuine body under the type of another is refused, and takes no message id with it")
    func otherType() async throws {
        try await WebhookStage.run { stage in
            let follow = #"{"broadcaster":{"user_id":1},"follower":{"user_id":2}}"#
            let status = try await stage.status(.init(type: "kicks.gifted", body: follow))
            #expect(status == 401)
            let events = try await stage.events()
            #expect(events.isEmpty)
        }
    }

    @Test("what nobody wants gets 200, so that Kick does not give up on us, and is not stored")
    func unwanted() async throws {
        try await WebhookStage.run { stage in
            for body in [#"{"broadcaster":{"user_id":2}}"#, "{}", "[]", "not JSON"] {
                let status = try await stage.status(.init(body: body))
                #expect(status == 200)
            }
            let events = try await stage.events()
            #expect(events.isEmpty)
        }
    }

    @Test("P7 without the database 503, with a time to come again, for events and claims")
    func unavailable() async throws {
        try await WebhookStage.run { stage in
            let first = try await stage.status(.init())
            #expect(first == 200)
            await stage.fixture.database.shutdown()
            let claim = WebhookStage.Delivery(body: #"{"claim_id":"c"}"#, isClaim: true)
            for (delivery, path) in [(.init(messageID: "01B"), "/webhooks/kick"), (claim, "/webhooks/kick/drops")] {
                let answer = try await stage.send(delivery, to: path)
                #expect(answer.status == .serviceUnavailable)
                #expect(answer.fields[.retryAfter] != nil)
            }
        }
    }

    @Test("P7, P9 a Drops claim has its own address and headers, and gets 200 again when it is known")
    func claims() async throws {
        try await WebhookStage.run { stage in
            var claim = WebhookStage.Delivery(body: #"{"claim_id":"c1","user_id":7}"#, isClaim: true)
            let path = "/webhooks/kick/drops"
            let first = try await stage.status(claim, to: path)
            let second = try await stage.status(claim, to: "/webhooks/kick/\(stage.tenant.appID)/drops")
            claim.messageID = "01B"
            let third = try await stage.status(claim, to: path)
            #expect([first, second, third] == [200, 200, 200])
            let events = try await stage.events()
            #expect(events.map(\.type) == ["drops.claim", "drops.claim"])
            #expect(events.map(\.duplicateOf) == [nil, 1])
            // An event is no claim, nor the other way round.
            let event = try await stage.status(.init(messageID: "01C", isClaim: true), to: path)
            #expect(event == 401)
            let wrongDoor = try await stage.status(.init(messageID: "01D", body: claim.body))
            #expect(wrongDoor == 200)
            // The claims of two tenants' app are nobody's.
            _ = try await stage.fixture.makeTenant("other")
            claim.messageID = "01E"
            let answer = try await stage.send(claim, to: path)
            #expect(answer.status == .serviceUnavailable)
            #expect(answer.fields[.retryAfter] == "60")
            let after = try await stage.events()
            #expect(after.count == 2)
        }
    }
}
