import Foundation
import HTTP
import HTTPClient
import Kick
import Net
import TestKit
import Testing

/// The real executables, over loopback, with a PostgreSQL that the gateway starts itself.
@Suite("End to end", .serialized, .timeLimit(.minutes(3)))
struct EndToEndTests {
    private static let fixtures = URL(fileURLWithPath: Checkout.root + "/Tests/KickTests/Fixtures")

    @Test("the main job, with a kill -9 in the middle: every acknowledged event exactly once, in order, none missing")
    func mainJob() async throws {
        var options = Deployment.Options()
        options.accessTokenSeconds = 3
        // Within the grace a refresh that a kill cut in two recovers; after it, only a stored rotation does.
        options.refreshMode = "single_use_with_grace(30)"
        try await Deployment.run(options) { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            try await tenant.connect(1001)
            let login = try #require(try await tenant.logins().first)
            #expect(login["state"] as? String == "connected")
            #expect(login["username"] as? String == "nova")
            try await tenant.untilSubscribed()

            // Tokens live 3 s: each rotation must be stored, or the next refresh would present a used one.
            try await until { try await tenant.logins().first?["generation"] as? Int ?? 0 >= 4 }

            let reader = StreamClient(tenant)
            await until { reader.connections.value == 1 }
            async let deliveries = tenant.trigger([
                "type": "chat.message.sent", "broadcaster_user_id": 1001, "count": 500, "concurrency": 8,
                "attempts": 1000, "deadline_seconds": 50,
            ])
            await until { reader.messages.value.count >= 100 }
            deployment.gateway.kill()
            try await deployment.startGateway()

            let acknowledged = try await deliveries.filter { $0["delivered"] as? Bool == true }
            #expect(acknowledged.count == 500)
            #expect(acknowledged.contains { ($0["attempts"] as? Int ?? 0) > 1 }, "nothing was in flight at the kill")
            await until { reader.messages.value.count >= 500 }

            // The ledger: what was acknowledged, what is in the log, what the reader saw.
            let acknowledgedIDs = acknowledged.compactMap { $0["message_id"] as? String }
            let log = try await tenant.events()
            let streamed = reader.messages.value
            let streamedIDs = streamed.compactMap {
                (try? JSONSerialization.jsonObject(with: Data($0.data.utf8)) as? [String: Any])?["id"] as? String
            }
            #expect(Set(acknowledgedIDs).count == 500)
            #expect(Set(streamedIDs) == Set(acknowledgedIDs))
            #expect(streamedIDs.count == 500)
            #expect(streamed.map(\.id) == log.compactMap { $0["cursor"] as? String })
            // Live or from the log, an event is the same to the last byte, but for the mark of what was history.
            let pages = try await deployment.send(.get, "/v1/events?limit=500&types=chat.message.sent", key: tenant.key)
            let text = String(decoding: pages?.body ?? [], as: UTF8.self)
            let mark = ",\"replayed\":true"
            #expect(streamed.allSatisfy { text.contains($0.data.replacingOccurrences(of: mark, with: "")) })
            #expect(streamed.contains { !$0.data.contains(mark) })
            // P10: with what the gateway said itself the numbers are without gaps.
            let sequences = try await tenant.log().compactMap { event in
                (event["cursor"] as? String)?.split(separator: ".").last.flatMap { Int($0) }
            }
            #expect(sequences.count > 500 && sequences == Array(1...sequences.count))
            #expect(reader.connections.value >= 2)

            // Tokens are still refreshed after the restart, and Kick has never seen a used one.
            let before = try await tenant.logins().first?["generation"] as? Int ?? 0
            try await until { try await tenant.logins().first?["generation"] as? Int ?? 0 > before }
            let state = try await deployment.json(.get, "/sandbox/state", base: deployment.sandboxURL)
            let users = try #require(state["users"] as? [[String: Any]])
            let grants = users.flatMap { $0["grants"] as? [[String: Any]] ?? [] }
            let grant = try #require(grants.first)
            #expect(grant["refused_refreshes"] as? Int == 0)
            #expect(try await tenant.logins().first?["state"] as? String == "connected")

            // P18: SIGTERM ends it with 0, the stream included.
            await reader.stop()
            #expect(deployment.gateway.terminate() == 0)
        }
    }

    @Test(
        "the genuine Kick delivery is accepted with the built-in key, stored and streamed; one byte changed is refused")
    func genuineDelivery() async throws {
        var options = Deployment.Options()
        options.users = [(4_809_577, "FusedChat")]
        options.environment = ["GATEWAY_WEBHOOK_MAX_AGE": "36500d", "GATEWAY_EVENT_RETENTION": "36500d"]
        try await Deployment.run(options) { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            try await tenant.connect(4_809_577)
            let reader = StreamClient(tenant)
            await until { reader.connections.value == 1 }

            let directory = Self.fixtures.appendingPathComponent("signed")
            let body = Array(
                try Data(contentsOf: directory.appendingPathComponent("livestream.status.updated.body.json")))
            let headers = try JSONSerialization.jsonObject(
                with: Data(contentsOf: directory.appendingPathComponent("livestream.status.updated.headers.json")))
            var fields: Fields = [.contentType: "application/json"]
            for (name, value) in headers as? [String: String] ?? [:] {
                let name = try #require(FieldName(name))
                fields.set(name, FieldValue(value))
            }

            var changed = body
            changed[100] ^= 1
            let refused = try await deployment.send(.post, "/webhooks/kick", fields: fields, body: changed)
            #expect(refused?.status == .unauthorized)
            #expect(try await tenant.events().isEmpty)

            let accepted = try await deployment.send(.post, "/webhooks/kick", fields: fields, body: body)
            #expect(accepted?.status == .ok)
            await until { !reader.messages.value.isEmpty }
            let message = try #require(reader.messages.value.first)
            #expect(message.event == "livestream.status.updated")
            #expect(message.data.contains(String(decoding: body, as: UTF8.self)))

            // P9: delivered again, it is acknowledged and stored no second time.
            let again = try await deployment.send(.post, "/webhooks/kick", fields: fields, body: body)
            #expect(again?.status == .ok)
            #expect(try await tenant.events().count == 1)
            await reader.stop()
        }
    }

    @Test("every example body, signed by the sandbox, goes in and comes out unchanged and decodes")
    func everyExample() async throws {
        var options = Deployment.Options()
        options.users = [(123_456_789, "broadcaster"), (333, "gigachad")]
        try await Deployment.run(options) { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            for user in [Int64(123_456_789), 333] { try await tenant.connect(user) }
            try await tenant.untilSubscribed(logins: 2)
            let files = try FileManager.default.contentsOfDirectory(
                atPath: Self.fixtures.appendingPathComponent("events").path
            ).filter { $0.hasSuffix(".json") && $0 != "drops.claim.json" }.sorted()
            #expect(files.count == 19)
            var sent: [String: (type: String, body: String)] = [:]
            for file in files {
                let body = try String(
                    contentsOf: Self.fixtures.appendingPathComponent("events/\(file)"), encoding: .utf8)
                let type = try #require(EventCatalog.entries.map(\.type.rawValue).first { file.hasPrefix($0) })
                let broadcaster = body.contains("\"user_id\": 333") ? 333 : 123_456_789
                let delivery = try #require(
                    try await tenant.trigger(["type": type, "broadcaster_user_id": broadcaster, "body": body]).first)
                #expect(delivery["delivered"] as? Bool == true, "\(file)")
                sent[delivery["message_id"] as? String ?? ""] = (type, body)
            }
            #expect(Set(sent.values.map(\.type)).count == 10)
            // Some of the examples are about the same chat message.
            let page = try #require(
                try await deployment.send(.get, "/v1/events?limit=500&include=duplicates", key: tenant.key))
            let text = String(decoding: page.body, as: UTF8.self)
            for (messageID, (type, body)) in sent {
                #expect(text.contains("\"id\":\"\(messageID)\",\"type\":\"\(type)\""))
                #expect(text.contains(body), "\(type) was not passed on byte for byte")
                let payload = try EventCatalog.decode(Array(body.utf8), type: EventType(rawValue: type), version: "1")
                #expect(payload != nil)
            }
            #expect(
                text.split(separator: #""origin":"kick""#, omittingEmptySubsequences: false).count == files.count + 1)
        }
    }

    @Test("PostgreSQL is killed: callers get 503, Kick is told to come again (P7), and all of it recovers by itself")
    func databaseRestart() async throws {
        try await Deployment.run { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            try await tenant.connect(1001)
            try await tenant.untilSubscribed()
            let reader = StreamClient(tenant)
            await until { reader.connections.value == 1 }
            let postmaster = try #require(deployment.postmaster)
            kill(postmaster, SIGKILL)
            let statuses = Box<Set<UInt16>>([])
            try await until {
                let answer = try await deployment.send(.get, "/v1/logins", key: tenant.key)
                statuses.update { $0.insert(answer?.status.code ?? 0) }
                return answer?.status == .ok && deployment.postmaster != postmaster
            }
            #expect(statuses.value.isSubset(of: [200, 503]))
            let delivery = try #require(
                try await tenant.trigger([
                    "type": "channel.followed", "broadcaster_user_id": 1001, "attempts": 100, "deadline_seconds": 50,
                ]).first)
            #expect(delivery["delivered"] as? Bool == true)
            await until { reader.messages.value.count == 1 }
            #expect(reader.connections.value == 1, "the stream itself did not depend on the database")
            await reader.stop()
        }
    }

    @Test("P15 a revoked key ends its stream, and opens no door")
    func revokedKey() async throws {
        try await Deployment.run { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            let reader = StreamClient(tenant)
            await until { reader.connections.value == 1 }
            let keys = try await deployment.json(
                .get, "/admin/v1/tenants/\(tenant.id)/keys", key: deployment.adminKey)
            let id = try #require((keys["data"] as? [[String: Any]])?.first?["id"] as? String)
            try await deployment.json(.delete, "/admin/v1/keys/\(id)", key: deployment.adminKey)
            try await until {
                try await deployment.send(.get, "/v1/logins", key: tenant.key)?.status == .unauthorized
            }
            await reader.stop()
            #expect(reader.connections.value == 1)
        }
    }

    @Test("a wrong environment is told whole, and ends the program with 1")
    func wrongEnvironment() throws {
        let log = FileManager.default.temporaryDirectory.appendingPathComponent("kick-gateway-\(UUID().uuidString).log")
        defer { try? FileManager.default.removeItem(at: log) }
        let program = try RunningProgram(
            "kick-gateway", ["serve"],
            environment: ["GATEWAY_LISTEN": "nonsense", "GATEWAY_EVENT_RETENTION": "soon", "KICK_CLIENT_ID": "x"],
            log: log)
        #expect(program.wait() == 1)
        for name in [
            "GATEWAY_LISTEN", "GATEWAY_EVENT_RETENTION", "KICK_CLIENT_SECRET", "GATEWAY_ADMIN_KEY",
            "GATEWAY_ENCRYPTION_KEYS",
        ] {
            #expect(program.errorText.contains(name), "\(name) is not mentioned")
        }
    }
}
