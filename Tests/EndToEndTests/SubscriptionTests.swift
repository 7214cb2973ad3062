import Foundation
import HTTP
import HTTPClient
import Net
import TestKit
import Testing

@Suite("Subscriptions", .timeLimit(.minutes(2)))
struct SubscriptionTests {
    @Test("a tenant says which events it wants; Kick agrees, the check says so, and what is not wanted does not come")
    func wishes() async throws {
        try await Deployment.run { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            try await tenant.connect(1001)
            try await tenant.untilSubscribed()
            let path = "/v1/broadcasters/1001/subscriptions"
            let all = try await deployment.json(.get, path, key: tenant.key)
            #expect(all["types"] is NSNull)
            #expect((all["subscriptions"] as? [[String: Any]])?.count == 10)

            let wish: [String: Any] = ["types": ["kicks.gifted", "channel.followed"]]
            let chosen = try await deployment.json(.put, path, key: tenant.key, body: wish)
            #expect(chosen["types"] as? [String] == ["channel.followed", "kicks.gifted"])
            try await until {
                let sandbox = try await deployment.json(.get, path, key: tenant.key)
                let states = (sandbox["subscriptions"] as? [[String: Any]] ?? []).compactMap { $0["state"] as? String }
                guard states == ["active", "active"] else { return false }
                let report = try await deployment.json(.post, path + "/check", key: tenant.key, body: [:])
                let listed = (report["subscriptions"] as? [[String: Any]] ?? []).compactMap { $0["listed"] as? Int }
                return report["works"] as? Bool == true && listed == [1, 1]
            }

            // The sandbox delivers what is subscribed; the last of these says that the first did not come.
            _ = try await tenant.trigger(["type": "channel.followed", "broadcaster_user_id": 1001])
            try await until { try await tenant.events().count == 1 }
            #expect(try await tenant.events().first?["type"] as? String == "channel.followed")
            try await until {
                let status = try await deployment.json(.get, path, key: tenant.key)
                let rows = status["subscriptions"] as? [[String: Any]] ?? []
                return rows.contains { $0["type"] as? String == "channel.followed" && $0["last_delivery_at"] is String }
            }
        }
    }

    @Test("P14, P17 bounds of wishes and of retention; quotas are the admin's")
    func bounds() async throws {
        try await Deployment.run { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            let other = try await TestTenant.make(on: deployment, name: "other")
            try await tenant.connect(1001)
            func status(_ path: String, _ body: String, key: String) async throws -> Int {
                let answer = try await deployment.send(
                    .put, path, key: key, fields: [.contentType: "application/json"], body: Array(body.utf8))
                return Int(answer?.status.code ?? 0)
            }
            let path = "/v1/broadcasters/1001/subscriptions"
            #expect(try await status(path, #"{"types":["nonsense"]}"#, key: tenant.key) == 400)
            #expect(try await status(path, "{}", key: tenant.key) == 400)
            #expect(try await status(path, #"{"types":[]}"#, key: other.key) == 404)
            #expect(try await status("/v1/broadcasters/0/subscriptions", #"{"types":[]}"#, key: tenant.key) == 404)
            #expect(try await status(path, #"{"types":[]}"#, key: tenant.key) == 200)

            let retention = "/v1/events/retention"
            let standard = try await deployment.json(.get, retention, key: tenant.key)
            #expect(standard["seconds"] is NSNull)
            let least = try #require(standard["minimum_seconds"] as? Int)
            #expect(try await status(retention, #"{"seconds":\#(least - 1)}"#, key: tenant.key) == 400)
            #expect(try await status(retention, #"{"seconds":9223372036854775807}"#, key: tenant.key) == 400)
            #expect(try await status(retention, "{}", key: tenant.key) == 400)
            #expect(try await status(retention, #"{"seconds":\#(least)}"#, key: tenant.key) == 200)
            #expect(try await deployment.json(.get, retention, key: tenant.key)["seconds"] as? Int == least)
            #expect(try await deployment.json(.get, retention, key: other.key)["seconds"] is NSNull)
            #expect(try await status(retention, #"{"seconds":null}"#, key: tenant.key) == 200)
        }
    }
}
