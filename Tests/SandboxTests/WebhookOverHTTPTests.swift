import Crypto
import HTTP
import HTTPClient
import Kick
import Net
import Sandbox
import Testing

@Suite("Sandbox over HTTP: API, webhooks, control", .timeLimit(.minutes(1)))
struct WebhookOverHTTPTests {
    // MARK: API

    @Test("Without a token 401 comes before 404; with one, 404; without the scope, 403")
    func order() async throws {
        try await Bench.with { bench in
            for path in ["/public/v1/users", "/public/v9/nothing"] {
                let answer = try await bench.send(.get, path)
                #expect(answer.status == .unauthorized)
                #expect(answer.text == #"{"data":{},"message":"Unauthorized"}"#)
            }
            let token = try await bench.login(["scope": "chat:write"]).access
            #expect(try await bench.api(.get, "/public/v9/nothing", token: token).status == .notFound)
            #expect(try await bench.api(.get, "/public/v1/users", token: token).status == .forbidden)
        }
    }

    @Test("Subscribe, list, unsubscribe")
    func subscriptions() async throws {
        try await Bench.with { bench in
            try await bench.subscribe(to: [.chatMessageSent, .channelFollowed])
            let token = try await bench.appToken()
            let path = "/public/v1/events/subscriptions"
            let listed = try await bench.api(.get, path, token: token, query: ["broadcaster_user_id": "1001"])
            let ids = try #require(listed.json["data"]?.arrayValue).compactMap { $0["id"]?.stringValue }
            #expect(ids.count == 2)
            let deleted = try await bench.api(.delete, path, token: token, query: ["id": ids[0], "id": ids[1]])
            #expect(deleted.status == .noContent)
            #expect(try await bench.api(.get, path, token: token).text == #"{"data":[],"message":"OK"}"#)
            let broken = try await bench.api(.post, path, token: token, json: ["events": []])
            #expect(broken.text == #"{"data":{},"message":"Invalid request"}"#)
        }
    }

    @Test("PATCH answers 204 and sends the metadata event")
    func patch() async throws {
        try await Bench.with { bench in
            try await bench.subscribe(to: [.livestreamMetadataUpdated])
            let token = try await bench.login(["scope": "channel:write"]).access
            let answer = try await bench.api(
                .patch, "/public/v1/channels", token: token, json: ["stream_title": "a new title", "tags": ["x"]])
            #expect(answer.status == .noContent)
            await bench.receiver.wait(for: 1)
            let body = try #require(JSON(parsing: bench.receiver.deliveries[0].body))
            #expect(body["metadata"]?["title"] == "a new title")
        }
    }

    @Test("Ordered faults of the API meet the path they name")
    func faults() async throws {
        try await Bench.with { bench in
            let token = try await bench.appToken()
            let body = #"{"error":"Request blocked by security policy.","reference":"9e4db7e3"}"#
            try await bench.control(
                "/sandbox/faults",
                ["target": "api", "status": 403, "path_prefix": "/public/v1/livestreams", "body": .string(body)])
            #expect(try await bench.api(.get, "/public/v2/livestreams", token: token).status == .ok)
            #expect(try await bench.api(.get, "/public/v1/livestreams", token: token).text == body)
            #expect(try await bench.api(.get, "/public/v1/livestreams", token: token).status == .ok)
        }
    }

    // MARK: Webhooks

    @Test("All ten types arrive, signed for the published key, and decode")
    func allTypes() async throws {
        try await Bench.with { bench in
            try await bench.subscribe()
            let key = try await bench.publicKey()
            let verifier = WebhookVerifier(pinned: [key], loops: bench.loops) { _ in key }
            for variant in EventFactory.variants {
                let result = try await bench.control(
                    "/sandbox/trigger",
                    [
                        "type": .string(variant.type.rawValue), "variant": .string(variant.name),
                        "broadcaster_user_id": 1001,
                    ])
                #expect(result["delivered"] == 1)
                #expect(result["statuses"] == ["200": 1])
                let delivery = try #require(bench.receiver.deliveries.last)
                let verified = try await verifier.verify(fields: delivery.fields, body: delivery.body)
                #expect(verified.type == variant.type)
                #expect(verified.version == "1")
                #expect(try EventCatalog.decode(verified)?.broadcaster.userID == 1001)
                #expect(result["deliveries"]?.arrayValue?.first?["message_id"]?.stringValue == verified.messageID)
            }
        }
    }

    @Test("A retry has the same id and bytes; an answer other than 200 counts as failed")
    func retries() async throws {
        try await Bench.with {
            $0.delivery.attempts = 3
        } _: { bench in
            try await bench.subscribe(to: [.channelFollowed])
            let order: JSON = ["type": "channel.followed", "broadcaster_user_id": 1001]
            bench.receiver.answer([.internalServerError, .serviceUnavailable])
            #expect(try await bench.control("/sandbox/trigger", order)["delivered"] == 1)
            let tries = bench.receiver.deliveries
            #expect(tries.count == 3)
            #expect(Set(tries.map(\.messageID)).count == 1)
            #expect(Set(tries.map(\.body)).count == 1)
            #expect(Set(tries.map { $0.fields["Kick-Event-Signature"] }).count == 1)

            bench.receiver.answer([.accepted, .accepted, .unauthorized])
            let failed = try await bench.control("/sandbox/trigger", order)
            #expect(failed["failed"] == 1)
            #expect(failed["statuses"] == ["401": 1])
            let log = try await bench.send(.get, "/sandbox/deliveries", query: ["limit": "1"]).json
            #expect(log["deliveries"]?.arrayValue?.first?["attempts"] == 3)
        }
    }

    @Test("Many at once: each its own id, all delivered")
    func many() async throws {
        try await Bench.with { bench in
            try await bench.subscribe(to: [.chatMessageSent])
            let result = try await bench.control(
                "/sandbox/trigger",
                ["type": "chat.message.sent", "broadcaster_user_id": 1001, "count": 100, "concurrency": 8])
            #expect(result["delivered"] == 100)
            #expect(Set(bench.receiver.deliveries.map(\.messageID)).count == 100)
        }
    }

    @Test("A given body goes out byte for byte, under a given id, as often as ordered")
    func verbatim() async throws {
        try await Bench.with { bench in
            try await bench.subscribe(to: [.kicksGifted])
            let body = "{ \"broadcaster\" : {\"user_id\":1001},\n \"x\" : 1.50 }"
            try await bench.control(
                "/sandbox/trigger",
                [
                    "type": "kicks.gifted", "broadcaster_user_id": 1001, "body": .string(body), "count": 2,
                    "message_id": "01JQR5KV0QC94HMETWYNBWRW4Z",
                ])
            #expect(bench.receiver.deliveries.map { String(decoding: $0.body, as: UTF8.self) } == [body, body])
            #expect(bench.receiver.deliveries.allSatisfy { $0.messageID == "01JQR5KV0QC94HMETWYNBWRW4Z" })
            try await bench.control(
                "/sandbox/trigger",
                ["type": "kicks.gifted", "broadcaster_user_id": 1001, "body": ["b": 1, "a": .number("1.50")]])
            #expect(bench.receiver.deliveries.last?.body == Array(#"{"b":1,"a":1.50}"#.utf8))
        }
    }

    @Test("A spoilt signature and a rotated key do not fit the old key")
    func wrongSignature() async throws {
        try await Bench.with { bench in
            try await bench.subscribe(to: [.channelFollowed])
            let old = try await bench.publicKey()
            let verifier = WebhookVerifier(pinned: [old], loops: bench.loops) { _ in old }
            func isAccepted(_ changes: JSON...) async throws -> Bool {
                var members: [JSON.Member] = [
                    .init(name: "type", value: "channel.followed"), .init(name: "broadcaster_user_id", value: 1001),
                ]
                for case .object(let more) in changes { members += more }
                try await bench.control("/sandbox/trigger", .object(members))
                let delivery = try #require(bench.receiver.deliveries.last)
                return (try? await verifier.verify(fields: delivery.fields, body: delivery.body)) != nil
            }
            #expect(try await isAccepted())
            #expect(try await !isAccepted(["wrong_signature": true]))
            try await bench.control("/sandbox/rotate-key", [:])
            #expect(try await !isAccepted())
            #expect(try await bench.publicKey().fingerprint != old.fingerprint)
        }
    }

    @Test("Nobody there: the trigger says so, after its tries")
    func unreachable() async throws {
        try await Bench.with {
            $0.delivery.attempts = 2
        } _: { bench in
            try await bench.subscribe(to: [.channelFollowed])
            try await bench.control("/sandbox/apps", ["webhook_url": "http://127.0.0.1:1/hook"])
            let result = try await bench.control(
                "/sandbox/trigger", ["type": "channel.followed", "broadcaster_user_id": 1001])
            #expect(result["failed"] == 1)
            #expect(result["statuses"] == ["none": 1])
            #expect(result["deliveries"]?.arrayValue?.first?["attempts"] == 2)
            #expect(result["deliveries"]?.arrayValue?.first?["error"]?.stringValue != nil)
        }
    }

    @Test("The demo delivers on its own until it is stopped")
    func demo() async throws {
        try await Bench.with {
            $0.demoEventsPerSecond = 200
        } _: { bench in
            try await bench.subscribe(to: [.chatMessageSent])
            await bench.receiver.wait(for: 5)
            try await bench.control("/sandbox/demo", ["enabled": false])
            #expect(try await bench.state["demo"]?["enabled"] == false)
            try await bench.control("/sandbox/demo", ["enabled": true, "events_per_second": 5000], status: .badRequest)
        }
    }

    // MARK: Control

    @Test("A stream that starts by trigger is live in the API")
    func status() async throws {
        try await Bench.with { bench in
            try await bench.subscribe(to: [.livestreamStatusUpdated])
            let token = try await bench.appToken()
            func liveCount() async throws -> Int? {
                let answer = try await bench.api(.get, "/public/v1/livestreams/stats", token: token)
                return answer.json["data"]?["total_count"]?.integerValue
            }
            let order: JSON = ["type": "livestream.status.updated", "broadcaster_user_id": 1001]
            try await bench.control("/sandbox/trigger", order)
            #expect(try await liveCount() == 1)
            try await bench.control("/sandbox/trigger", order)
            #expect(try await liveCount() == 0)
            let bodies = bench.receiver.deliveries.compactMap { JSON(parsing: $0.body) }
            #expect(bodies.map { $0["is_live"] } == [true, false])
            #expect(bodies[0]["started_at"] == bodies[1]["started_at"])
        }
    }

    @Test("Orders that cannot be followed are refused with a reason")
    func refusals() async throws {
        try await Bench.with { bench in
            func refused(_ json: JSON, _ status: Status = .badRequest) async throws {
                let reason = try await bench.control("/sandbox/trigger", json, status: status)["error"]
                #expect(reason?.stringValue?.isEmpty == false)
            }
            let order: JSON = ["type": "chat.message.sent", "broadcaster_user_id": 1001]
            try await refused([])
            try await refused(["type": "chat.message.sent"])
            try await refused(["type": "raid", "broadcaster_user_id": 1001])
            try await refused(["type": "chat.message.sent", "broadcaster_user_id": 1001, "count": 0])
            try await refused(["type": "chat.message.sent", "broadcaster_user_id": 1001, "variant": "loud"])
            try await refused(["type": "chat.message.sent", "broadcaster_user_id": 1001, "message_id": "a\nb"])
            try await refused(["type": "chat.message.sent", "broadcaster_user_id": 5], .notFound)
            try await refused(order, .conflict)
            try await bench.control(
                "/sandbox/trigger", ["type": "chat.message.sent", "broadcaster_user_id": 1001, "force": true])
            #expect(bench.receiver.deliveries.count == 1)
            let foreign = try await bench.send(
                .post, "/sandbox/demo", fields: [.origin: "http://evil.example"], body: order.bytes)
            #expect(foreign.status == .forbidden)
            #expect(try await bench.send(.get, "/sandbox/nothing").status == .notFound)
            #expect(try await bench.send(.get, "/sandbox/trigger").status == .methodNotAllowed)
        }
    }

    @Test("Disconnecting ends the user's tokens and keeps the subscriptions")
    func disconnect() async throws {
        try await Bench.with { bench in
            try await bench.subscribe(to: [.channelFollowed])
            let token = try await bench.login().access
            #expect(try await bench.control("/sandbox/disconnect", ["user_id": 1001])["ended_grants"] == 1)
            #expect(try await bench.api(.get, "/public/v1/users", token: token).status == .unauthorized)
            #expect(try await bench.state["subscriptions"]?.arrayValue?.count == 1)
        }
    }

    @Test("A second sandbox at the same address is refused")
    func takenAddress() async throws {
        try await Bench.with { bench in
            var configuration = SandboxConfiguration()
            configuration.listenAddress = .ipv4([127, 0, 0, 1], port: UInt16(bench.base.port))
            configuration.signingKeyPEM = Samples.key.revealPEM()
            let second = try SandboxServer(configuration: configuration, loops: bench.loops)
            await #expect(throws: NetError.self) { _ = try await second.start() }
            await second.stop()
            #expect(try await bench.send(.get, "/").status == .ok)
        }
    }

    @Test("The front page is there")
    func frontPage() async throws {
        try await Bench.with { bench in
            let page = try await bench.send(.get, "/")
            #expect(page.status == .ok)
            #expect(page.text.contains("/sandbox/trigger"))
        }
    }
}
