import Crypto
import Foundation
import HTTP
import HTTPClient
import Kick
import Sandbox
import Testing

@Suite("Sandbox: operations, control routes and switches over HTTP", .timeLimit(.minutes(1)))
struct ContentOverHTTPTests {
    private static let allScopes = KickScope.all.map(\.rawValue).joined(separator: " ")

    private static func token(_ bench: Bench, user: Int = 1001) async throws -> String {
        try await bench.login(["scope": allScopes, "user_id": "\(user)"]).access
    }

    private static func body(_ bench: Bench, _ index: Int) -> JSON {
        JSON(parsing: bench.receiver.deliveries[index].body) ?? .null
    }

    // MARK: Operations

    /// Every operation of FACTS §2 with a call that succeeds, in this order, on a fresh sandbox.
    private static let operations: [(method: HTTP.Method, path: String, query: QueryItems, body: JSON?, status: Int)] =
        [
            (.get, "/public/v1/users", ["id": "1002"], nil, 200),
            (.get, "/public/v1/users/livestreams", ["user_id": "1001"], nil, 200),
            (.get, "/public/v1/channels", [:], nil, 200),
            (.patch, "/public/v1/channels", [:], ["stream_title": "x"], 204),
            (.get, "/public/v1/channels/rewards", [:], nil, 200),
            (.post, "/public/v1/channels/rewards", [:], ["title": "a", "cost": 1], 200),
            (.patch, "/public/v1/channels/rewards/REWARD", [:], ["cost": 2], 200),
            (.get, "/public/v1/channels/rewards/redemptions", [:], nil, 200),
            (.post, "/public/v1/channels/rewards/redemptions/accept", [:], ["ids": ["a"]], 200),
            (.post, "/public/v1/channels/rewards/redemptions/reject", [:], ["ids": ["a"]], 200),
            (.delete, "/public/v1/channels/rewards/REWARD", [:], nil, 204),
            (.get, "/public/v2/livestreams", [:], nil, 200), (.get, "/public/v1/livestreams", [:], nil, 200),
            (.get, "/public/v1/livestreams/stats", [:], nil, 200), (.get, "/public/v2/categories", [:], nil, 200),
            (.get, "/public/v1/categories", ["q": "rust"], nil, 200), (.get, "/public/v1/categories/15", [:], nil, 200),
            (.post, "/public/v1/chat", [:], ["type": "bot", "content": "hi"], 200),
            (.delete, "/public/v1/chat/MESSAGE", [:], nil, 204),
            (.post, "/public/v1/moderation/bans", [:], ["broadcaster_user_id": 1001, "user_id": 5], 200),
            (.delete, "/public/v1/moderation/bans", [:], ["broadcaster_user_id": 1001, "user_id": 5], 200),
            (.get, "/public/v1/kicks/leaderboard", [:], nil, 200), (.get, "/public/v1/public-key", [:], nil, 200),
            (.post, "/public/v1/ads/enroll", [:], nil, 200), (.get, "/public/v1/ads/ad-break-status", [:], nil, 200),
            (.post, "/public/v1/token/introspect", [:], nil, 200),
            (.get, "/public/v1/events/subscriptions", [:], nil, 200),
        ]

    @Test("Every operation answers, and is counted under its own name")
    func everyOperation() async throws {
        try await Bench.with { bench in
            let token = try await Self.token(bench)
            var (reward, message) = ("", "")
            for (method, path, query, body, status) in Self.operations {
                let path = path.replacing("REWARD", with: reward).replacing("MESSAGE", with: message)
                let answer = try await bench.api(method, path, token: token, query: query, json: body)
                #expect(Int(answer.status.code) == status, "\(method.rawValue) \(path): \(answer.text)")
                if method == .post, path.hasSuffix("/rewards") {
                    reward = answer.json["data"]?["id"]?.stringValue ?? ""
                }
                message = answer.json["data"]?["message_id"]?.stringValue ?? message
            }
            let calls = try await bench.send(.get, "/sandbox/calls").json
            for (method, path, _, _, _) in Self.operations {
                let name = "\(method.rawValue) \(path)".replacing("REWARD", with: "{id}")
                    .replacing("MESSAGE", with: "{message_id}").replacing(
                        "categories/15", with: "categories/{category_id}")
                #expect(calls[name] == 1, "\(name)")
                // As the gateway itself calls it.
                #expect(KickOperation(rawValue: name) != nil, "\(name)")
            }
            #expect(calls["POST /oauth/token"] == 1)
            #expect(try await bench.send(.delete, "/sandbox/calls").status == .noContent)
            #expect(try await bench.send(.get, "/sandbox/calls").text == "{}")
        }
    }

    @Test("Without a token 401 comes first, before the body and the path are looked at")
    func unauthorized() async throws {
        try await Bench.with { bench in
            for (method, path, query, _, _) in Self.operations where !["public-key"].contains(where: path.hasSuffix) {
                if path.hasSuffix("/introspect") { continue }
                let answer = try await bench.api(method, path, token: "wrong", query: query)
                #expect(answer.status == .unauthorized, "\(path)")
                #expect(answer.text == #"{"data":{},"message":"Unauthorized"}"#)
            }
            let drops = try await bench.api(.get, "/public/v1/drops/claims", token: "wrong")
            #expect(drops.text == #"{"data":null,"message":"Unauthorized"}"#)
            #expect(try await bench.api(.get, "/public/v1/nothing", token: "wrong").status == .unauthorized)
            let token = try await bench.appToken()
            #expect(try await bench.api(.get, "/public/v1/nothing", token: token).status == .notFound)
            let calls = try await bench.send(.get, "/sandbox/calls").json
            #expect(calls["unknown path"] == 2)
            #expect(calls["GET /public/v1/drops/claims"] == 1)
        }
    }

    @Test("The demo users have something of everything from the start; others have nothing")
    func demoContent() async throws {
        try await Bench.with { bench in
            for user in [1001, 1002] {
                let token = try await Self.token(bench, user: user)
                func data(_ path: String) async throws -> JSON? {
                    try await bench.api(.get, "/public/v1/" + path, token: token).json["data"]
                }
                #expect(try await data("channels/rewards")?.arrayValue?.count == 3)
                #expect(try await data("channels/rewards/redemptions")?.arrayValue?.count == 1)
                for span in ["lifetime", "month", "week"] {
                    #expect(try await data("kicks/leaderboard")?[span]?.arrayValue?.isEmpty == false)
                }
            }
            let app = try await bench.appToken()
            let claims = try await bench.api(.get, "/public/v1/drops/claims", token: app).json
            #expect(claims["data"]?["claims"]?.arrayValue?.count == 2)
            // The audience are users as well.
            let viewer = try await bench.api(.get, "/public/v1/users", token: app, query: ["id": "500001"]).json
            #expect(viewer["data"]?.arrayValue?.first?["name"] == "amber_fox")
        }
    }

    // MARK: Events

    @Test("What is done by the API reaches whoever is subscribed, signed")
    func events() async throws {
        try await Bench.with { bench in
            try await bench.subscribe()
            let key = try await bench.publicKey()
            let token = try await Self.token(bench)
            let sent = try await bench.api(
                .post, "/public/v1/chat", token: token,
                json: ["type": "user", "broadcaster_user_id": 1001, "content": "hello"])
            await bench.receiver.wait(for: 1)
            #expect(Self.body(bench, 0)["message_id"] == sent.json["data"]?["message_id"])
            #expect(Self.body(bench, 0)["content"] == "hello")
            _ = try await bench.api(
                .post, "/public/v1/moderation/bans", token: token,
                json: ["broadcaster_user_id": 1001, "user_id": 500_003, "duration": 5])
            await bench.receiver.wait(for: 2)
            #expect(Self.body(bench, 1)["banned_user"]?["user_id"] == 500_003)
            let made = try await bench.control(
                "/sandbox/redemptions", ["broadcaster_user_id": 1001, "user_id": 500_004, "user_input": "please"])
            await bench.receiver.wait(for: 3)
            #expect(Self.body(bench, 2) == made["redemptions"]?.arrayValue?.first)
            #expect(Self.body(bench, 2)["status"] == "pending")
            let id = try #require(Self.body(bench, 2)["id"])
            _ = try await bench.api(
                .post, "/public/v1/channels/rewards/redemptions/accept", token: token, json: ["ids": [id]])
            await bench.receiver.wait(for: 4)
            #expect(Self.body(bench, 3)["id"] == id && Self.body(bench, 3)["status"] == "accepted")
            try await bench.control("/sandbox/kicks", ["broadcaster_user_id": 1001, "amount": 700])
            await bench.receiver.wait(for: 5)
            #expect(Self.body(bench, 4)["gift"]?["amount"] == 700)
            for delivery in bench.receiver.deliveries {
                let type = EventType(rawValue: try #require(delivery.fields["Kick-Event-Type"]))
                #expect(EventCatalog.entry(for: type) != nil)
                let signed = "\(delivery.messageID ?? "").\(delivery.fields["Kick-Event-Message-Timestamp"] ?? "")."
                let signature = try #require(Base64.decode(delivery.fields["Kick-Event-Signature"] ?? ""))
                #expect(key.isValid(signature: signature, for: [Array(signed.utf8), delivery.body]))
            }
        }
    }

    @Test("A message that came as an event can be replied to and deleted")
    func foreignMessage() async throws {
        try await Bench.with { bench in
            try await bench.subscribe(to: [.chatMessageSent])
            try await bench.control("/sandbox/trigger", ["type": "chat.message.sent", "broadcaster_user_id": 1001])
            let id = try #require(Self.body(bench, 0)["message_id"]?.stringValue)
            let token = try await Self.token(bench)
            let reply: JSON = ["type": "bot", "content": "no", "reply_to_message_id": .string(id)]
            _ = try await bench.api(.post, "/public/v1/chat", token: token, json: reply)
            await bench.receiver.wait(for: 2)
            #expect(Self.body(bench, 1)["replies_to"]?["message_id"] == .string(id))
            #expect(try await bench.api(.delete, "/public/v1/chat/\(id)", token: token).status == .noContent)
            #expect(try await bench.api(.delete, "/public/v1/chat/\(id)", token: token).status == .notFound)
        }
    }

    @Test("A redemption and a gift that are triggered are those that the lists show")
    func triggered() async throws {
        try await Bench.with { bench in
            try await bench.subscribe(to: [.channelRewardRedemptionUpdated, .kicksGifted])
            let token = try await Self.token(bench)
            func trigger(_ type: String, _ variant: String) async throws {
                let order: JSON = [
                    "type": .string(type), "variant": .string(variant), "broadcaster_user_id": 1001,
                ]
                #expect(try await bench.control("/sandbox/trigger", order)["delivered"] == 1)
            }
            try await trigger("channel.reward.redemption.updated", "pending")
            let id = try #require(Self.body(bench, 0)["id"]?.stringValue)
            func status(of id: String) async throws -> JSON? {
                let path = "/public/v1/channels/rewards/redemptions"
                let answer = try await bench.api(.get, path, token: token, query: ["id": id])
                return answer.json["data"]?.arrayValue?.first?["redemptions"]?.arrayValue?.first?["status"]
            }
            #expect(try await status(of: id) == "pending")
            // The demo's own waits longer.
            try await trigger("channel.reward.redemption.updated", "rejected")
            let older = try #require(Self.body(bench, 1)["id"]?.stringValue)
            #expect(older != id)
            #expect(try await status(of: older) == "rejected")
            try await trigger("kicks.gifted", "level_up")
            let gift = Self.body(bench, 2)
            let board = try await bench.api(
                .get, "/public/v1/kicks/leaderboard", token: token, query: ["top": "100"])
            let row = board.json["data"]?["week"]?.arrayValue?.first
            #expect(row?["user_id"] == gift["sender"]?["user_id"])
        }
    }

    @Test("A Drops claim asks the app with three headers of its own")
    func dropsWebhook() async throws {
        try await Bench.with { bench in
            try await bench.control("/sandbox/drops/claims", ["deliver": true], status: .conflict)
            try await bench.control("/sandbox/apps", ["drops_webhook_url": .string(bench.receiver.url)])
            let made = try await bench.control(
                "/sandbox/drops/claims", ["deliver": true, "user_id": 42, "external_id": "item_7"])
            #expect(made["deliveries"]?.arrayValue?.first?["delivered"] == true)
            let delivery = try #require(bench.receiver.deliveries.first)
            let id = try #require(made["claims"]?.arrayValue?.first?["claim_id"]?.stringValue)
            #expect(
                String(decoding: delivery.body, as: UTF8.self)
                    == #"{"claim_id":"\#(id)","user_id":42,"campaign_id":"01JAXK8N4QWRTY5PM7ZEBVJDS8","#
                    + #""reward_id":"01K0TDDR08Q5ZNWXK92SDH7SDH","external_id":"item_7"}"#)
            for name: FieldName in ["Kick-Event-Type", "Kick-Event-Message-Timestamp", "Kick-Event-Subscription-Id"] {
                #expect(delivery.fields[name] == nil)
            }
            let signed = "\(delivery.messageID ?? "").\(delivery.fields["Kick-Event-Timestamp"] ?? "")."
            let signature = try #require(Base64.decode(delivery.fields["Kick-Event-Signature"] ?? ""))
            let key = try await bench.publicKey()
            #expect(key.isValid(signature: signature, for: [Array(signed.utf8), delivery.body]))
        }
    }

    // MARK: Control routes

    @Test("A channel is changed by order, and shown")
    func channels() async throws {
        try await Bench.with { bench in
            let order: JSON = [
                "broadcaster_user_id": 1001, "is_live": true, "viewer_count": 9, "category_id": 0,
                "moderators": [1002], "ads_opted_in": true,
            ]
            try await bench.control("/sandbox/channels", order)
            let shown = try await bench.send(.get, "/sandbox/channels/1001").json
            for name in ["is_live", "viewer_count", "category_id", "moderators", "ads_opted_in"] {
                #expect(shown[name] == order[name], "\(name)")
            }
            #expect(shown["redemptions"]?["pending"] == 1)
            let pixel = try await Self.token(bench, user: 1002)
            let ban: JSON = ["broadcaster_user_id": 1001, "user_id": 500_003]
            #expect(try await bench.api(.post, "/public/v1/moderation/bans", token: pixel, json: ban).status == .ok)
            #expect(try await bench.send(.get, "/sandbox/channels/1001").json["bans"]?.arrayValue?.count == 1)
            try await bench.control("/sandbox/channels", ["broadcaster_user_id": 7], status: .notFound)
            try await bench.control("/sandbox/channels", ["broadcaster": 1001], status: .badRequest)
            #expect(try await bench.send(.get, "/sandbox/channels/7").status == .notFound)
        }
    }

    @Test("Rewards and redemptions that cannot be are refused with a reason")
    func rewardOrders() async throws {
        try await Bench.with { bench in
            let made = try await bench.control(
                "/sandbox/rewards", ["broadcaster_user_id": 1001, "title": "Theirs", "cost": 1, "client_id": "other"])
            let id = try #require(made["id"])
            try await bench.control("/sandbox/redemptions", ["reward_id": id, "count": 2, "status": "rejected"])
            #expect(try await bench.send(.get, "/sandbox/channels/1001").json["redemptions"]?["rejected"] == 2)
            try await bench.control("/sandbox/redemptions", ["reward_id": "x"], status: .conflict)
            try await bench.control("/sandbox/redemptions", ["reward_id": id, "status": "x"], status: .badRequest)
            try await bench.control("/sandbox/rewards", ["broadcaster_user_id": 1001], status: .badRequest)
            try await bench.control(
                "/sandbox/rewards", ["broadcaster_user_id": 7, "title": "a", "cost": 1], status: .notFound)
            try await bench.control("/sandbox/kicks", ["broadcaster_user_id": 7, "amount": 1], status: .notFound)
            try await bench.control("/sandbox/kicks", ["broadcaster_user_id": 1001], status: .badRequest)
        }
    }

    @Test("The policy is shown as it was set; a wrong one changes nothing")
    func policy() async throws {
        try await Bench.with { bench in
            let text =
                #"{"mix_up_large_batches":false,"stale_channel_seconds":9,"unset_category":"null","unsent_chats":2,"#
                + #""chat_echo":false,"unknown_redemptions":3,"redemption_page_size":4,"ad_break_status":202}"#
            try await bench.put("/sandbox/api/policy", JSON(parsing: text)!)
            for wrong: JSON in [
                ["unsent_chats": 9, "chat_echo": 1], ["unsent_chats": 9, "colour": 1], ["unset_category": "none"],
                ["redemption_page_size": 0],
            ] {
                try await bench.put("/sandbox/api/policy", wrong, status: .badRequest)
            }
            #expect(try await bench.send(.get, "/sandbox/api/policy").text == text)
        }
    }

    @Test("A channel shows for a while what it was before it was changed, if so chosen")
    func stale() async throws {
        try await Bench.with { bench in
            let token = try await Self.token(bench)
            func title() async throws -> JSON? {
                try await bench.api(.get, "/public/v1/channels", token: token).json["data"]?.arrayValue?.first?[
                    "stream_title"]
            }
            func rename(_ title: String) async throws {
                let body: JSON = ["stream_title": .string(title)]
                #expect(
                    try await bench.api(.patch, "/public/v1/channels", token: token, json: body).status == .noContent)
            }
            try await rename("one")
            #expect(try await title() == "one")
            try await bench.put("/sandbox/api/policy", ["stale_channel_seconds": 3600])
            try await rename("two")
            try await rename("three")
            #expect(try await title() == "one")
            try await bench.put("/sandbox/api/policy", ["stale_channel_seconds": 0])
            #expect(try await title() == "three")
        }
    }

    @Test("An app without a bot or an organization, by order")
    func appSwitches() async throws {
        try await Bench.with { bench in
            let app = try await bench.control("/sandbox/apps", ["has_bot": false, "has_organization": false])
            #expect(app["has_bot"] == false && app["has_organization"] == false)
            let token = try await Self.token(bench)
            let chat: JSON = ["type": "bot", "content": "hi"]
            #expect(try await bench.api(.post, "/public/v1/chat", token: token, json: chat).status == .badRequest)
            let appToken = try await bench.appToken()
            #expect(try await bench.api(.get, "/public/v1/drops/claims", token: appToken).status == .unauthorized)
        }
    }
}
