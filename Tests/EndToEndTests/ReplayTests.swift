import Foundation
import HTTP
import HTTPClient
import Net
import TestKit
import Testing

@Suite("Replays and test events", .timeLimit(.minutes(2)))
struct ReplayTests {
    @Test(
        "events come once more and are made up, reach the stream with their origin, and keep their payload byte for byte"
    )
    func replays() async throws {
        try await Deployment.run { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            try await tenant.connect(1001)
            try await tenant.untilSubscribed()
            _ = try await tenant.trigger(["type": "channel.followed", "broadcaster_user_id": 1001, "count": 3])
            try await until { try await tenant.events().count == 3 }
            let originals = try await tenant.events()
            let stream = StreamClient(tenant)
            await until { stream.connections.value == 1 }

            // A stretch: first only counted.
            let last = try #require(originals.last?["cursor"] as? String)
            let order: [String: Any] = ["until": last, "types": ["channel.*"], "broadcasters": [1001]]
            let counted = try await deployment.json(
                .post, "/v1/events/replay", key: tenant.key, body: order.merging(["dry_run": true]) { $1 })
            #expect(counted["count"] as? Int == 3 && counted["dry_run"] as? Bool == true)
            let replayed = try await deployment.json(.post, "/v1/events/replay", key: tenant.key, body: order)
            #expect(replayed["count"] as? Int == 3)
            #expect(replayed["next_cursor"] is NSNull)

            // One event.
            let cursor = try #require(originals[1]["cursor"] as? String)
            let one = try await deployment.json(.post, "/v1/events/\(cursor)/replay", key: tenant.key, body: [:])
            #expect(one["count"] as? Int == 1)

            // A made-up one, raw, in whatever way its request is written.
            let payload = #"{ "n" : 1.50, "big":12345678901234567890, "text":"\u00e9" }"#
            let answer = try await deployment.send(
                .post, "/v1/events/test", key: tenant.key, fields: [.contentType: "application/json"],
                body: Array(#"{"payload": \#(payload) , "type":"channel.raided"}"#.utf8))
            let made = try #require(answer)
            #expect(made.status == .created)
            let end = #","payload":\#(payload)}"#
            #expect(String(decoding: made.body, as: UTF8.self).hasSuffix(end))

            await until { stream.messages.value.count >= 5 }
            let messages = stream.messages.value
            #expect(messages.map(\.event) == Array(repeating: "channel.followed", count: 4) + ["channel.raided"])
            for message in messages.prefix(4) { #expect(message.data.contains(#""origin":"replay""#)) }
            let test = try #require(messages.last)
            #expect(test.data.contains(#""origin":"test""#))
            #expect(test.data.hasSuffix(end))
            await stream.stop()
        }
    }

    @Test("P14, P17 what cannot be meant is refused and changes nothing; a key needs the scope")
    func refusals() async throws {
        try await Deployment.run { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            let other = try await TestTenant.make(on: deployment, name: "other")
            try await tenant.connect(1001)
            let before = try await tenant.log().count
            func status(_ path: String, _ body: String, key: String) async throws -> Int {
                let answer = try await deployment.send(
                    .post, path, key: key, fields: [.contentType: "application/json"], body: Array(body.utf8))
                return Int(answer?.status.code ?? 0)
            }
            for (body, expected) in [
                (#"{"type":"gateway.login.connected"}"#, 400), (#"{"type":"channel.raided"}"#, 400),
                (#"{"type":"channel.followed","broadcaster_user_id":1002}"#, 404),
                (#"{"type":"a.b","payload":[]}"#, 400), (#"{"type":"a.b","payload":{"#, 400),
                (#"{"type":"a.b","payload":{},"payload":{}}"#, 400), (#"{"type":"a.b","p\u0061yload":{}}"#, 400),
                (#"{"type":"a.b","payload":{"a":"\#(String(repeating: "x", count: 65_536))"}}"#, 413),
            ] {
                let answered = try await status("/v1/events/test", body, key: tenant.key)
                #expect(answered == expected, "\(body.prefix(80))")
            }
            for body in [
                #"{"after":"x"}"#, #"{"after":"1.1"}"#, #"{"types":[]}"#, #"{"types":["*.a"]}"#,
                #"{"broadcasters":[-1]}"#, "{}", #"{"after":null}"#, #"{"until":"1.1","since":"x"}"#,
            ] {
                let answered = try await status("/v1/events/replay", body, key: tenant.key)
                #expect(answered == 400, "\(body)")
            }
            let strange = try await status(
                "/v1/events/test", #"{"type":"channel.followed","broadcaster_user_id":1001}"#, key: other.key)
            #expect(strange == 404)
            let reader = try await deployment.json(
                .post, "/admin/v1/tenants/\(tenant.id)/keys", key: deployment.adminKey,
                body: ["name": "reader", "scopes": ["events:read"]])
            let secret = reader["secret"] as? String ?? ""
            deployment.secrets.update { $0.append(secret) }
            let forbidden = try await status("/v1/events/replay", "{}", key: secret)
            #expect(forbidden == 403)
            let after = try await tenant.log().count
            #expect(after == before)
        }
    }
}
