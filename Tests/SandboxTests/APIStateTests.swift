import HTTP
import Sandbox
import Testing

@Suite("Sandbox: users, channels, livestreams, subscriptions")
struct APIStateTests {
    var state = Samples.state()

    private func query(_ text: String) -> QueryItems { QueryItems(parsing: text)! }

    // MARK: Users and channels

    @Test("Without ids: the token's own user, with the mail address")
    mutating func ownUser() throws {
        let answer = state.usersAnswer([:], for: try state.bearer())
        #expect(
            answer.body?.text
                == #"{"data":[{"email":"nova@example.com","name":"nova","#
                + #""profile_picture":"https://files.example.com/images/user/1001/profile.webp","user_id":1001}],"#
                + #""message":"OK"}"#)
    }

    @Test("Others come without mail address; unknown ids are passed over")
    mutating func otherUsers() throws {
        let answer = state.usersAnswer(query("id=1002&id=7"), for: try state.bearer())
        let users = try #require(answer.body?["data"]?.arrayValue)
        #expect(users.count == 1)
        #expect(users[0]["email"]?.stringValue == "")
    }

    @Test("Scopes and bounds of users and channels")
    mutating func refusals() throws {
        let app = try state.appBearer()
        let poor = try state.bearer(scope: "chat:write")
        let nova = try state.bearer()
        #expect(state.usersAnswer([:], for: app).status == 400)
        #expect(state.usersAnswer([:], for: poor).status == 403)
        #expect(state.usersAnswer(query("id=x"), for: app).status == 400)
        #expect(state.channelsAnswer([:], for: app).status == 400)
        #expect(state.channelsAnswer([:], for: poor).status == 403)
        #expect(state.channelsAnswer(query("slug=nova&broadcaster_user_id=1001"), for: app).status == 400)
        #expect(state.channelsAnswer(query("slug=" + String(repeating: "a", count: 26)), for: app).status == 400)
        let many = (1...51).map { "broadcaster_user_id=\($0)" }.joined(separator: "&")
        #expect(state.channelsAnswer(query(many), for: nova).body?.text == #"{"data":{},"message":"Invalid request"}"#)
    }

    @Test("Channels by nothing, ids and slugs; an unknown slug is an empty list")
    mutating func channels() throws {
        let nova = try state.bearer()
        for text in ["", "broadcaster_user_id=1001", "slug=nova"] {
            let channel = state.channelsAnswer(query(text), for: nova).body?["data"]?.arrayValue?.first
            #expect(channel?["broadcaster_user_id"]?.integerValue == 1001, "\(text)")
            #expect(channel?["stream"]?["start_time"]?.stringValue == "0001-01-01T00:00:00Z")
        }
        #expect(
            state.channelsAnswer(query("slug=nobody"), for: nova).body?.text == #"{"data":[],"message":"OK"}"#)
    }

    @Test("The stream key shows only in the own channel and with the scope")
    mutating func streamKey() throws {
        func key(_ channel: String, _ bearer: SandboxState.Bearer) -> String? {
            let data = state.channelsAnswer(query("slug=\(channel)"), for: bearer).body?["data"]?.arrayValue
            return data?.first?["stream"]?["key"]?.stringValue
        }
        let with = try state.bearer(scope: "channel:read streamkey:read")
        let without = try state.bearer()
        let app = try state.appBearer()
        #expect(key("nova", with) == "sk_sandbox_1001")
        #expect(key("pixel", with) == "")
        #expect(key("nova", without) == "")
        #expect(key("nova", app) == "")
    }

    @Test("PATCH changes what it knows and ignores the rest")
    mutating func patch() throws {
        let bearer = try state.bearer(scope: "channel:write")
        let body = JSON(
            parsing: #"{"stream_title":"new","custom_tags":["a"],"category_id":5,"tags":["x"],"language":null}"#)
        #expect(state.patchChannel(body, for: bearer).status == 204)
        let channel = try #require(state.users[1001]).channel
        #expect(channel.title == "new")
        #expect(channel.customTags == ["a"])
        #expect(channel.categoryID == 5)
        #expect(state.patchChannel(["is_mature": true], for: bearer).status == 204)
    }

    @Test(
        "A bad PATCH changes nothing",
        arguments: [
            "{}", "[]", #"{"stream_title":""}"#, #"{"stream_title":"ok","category_id":0}"#,
            #"{"custom_tags":["1","2","3","4","5","6","7","8","9","10","11"]}"#, #"{"custom_tags":[1]}"#,
            #"{"stream_title":null}"#,
        ])
    mutating func badPatch(body: String) throws {
        let bearer = try state.bearer(scope: "channel:write")
        #expect(state.patchChannel(JSON(parsing: body), for: bearer).status == 400)
        #expect(state.users[1001] == Samples.nova)
    }

    @Test("PATCH needs a user token with the scope")
    mutating func patchScope() throws {
        let bearers = [try state.bearer(), try state.appBearer()]
        for bearer in bearers {
            #expect(state.patchChannel(["stream_title": "x"], for: bearer).status == 403)
        }
    }

    @Test("Livestreams list those that are live, v1 and v2")
    mutating func livestreams() throws {
        #expect(state.livestreamStatsAnswer().body?["data"]?["total_count"]?.integerValue == 0)
        _ = state.setLive(true, userID: 1002, viewers: 10, at: Samples.now)
        _ = state.setLive(true, userID: 1001, viewers: 99, at: Samples.now + 60)
        let v1 = try #require(state.livestreamsAnswer([:]).body?["data"]?.arrayValue)
        #expect(v1.map { $0["broadcaster_user_id"]?.integerValue } == [1001, 1002])
        let first = state.livestreamsV2Answer(query("limit=1"))
        #expect(first.body?["data"]?.arrayValue?.first?["channel"]?["slug"]?.stringValue == "pixel")
        let cursor = try #require(first.body?["pagination"]?["next_cursor"]?.stringValue)
        let second = state.livestreamsV2Answer(query("limit=1&cursor=\(cursor)"))
        #expect(second.body?["data"]?.arrayValue?.first?["channel"]?["slug"]?.stringValue == "nova")
        #expect(second.body?["pagination"]?["next_cursor"]?.stringValue == "")
        #expect(state.livestreamsAnswer(query("limit=101")).status == 400)
        #expect(state.usersLivestreamsAnswer([:]).status == 400)
        #expect(state.usersLivestreamsAnswer(query("user_id=1001&user_id=5")).body?["data"]?.arrayValue?.count == 1)
    }

    // MARK: Subscriptions

    private func wish(_ events: String..., broadcaster: Int? = nil, method: String? = "webhook") -> JSON {
        .object(
            [
                .init(name: "events", value: .array(events.map { ["name": .string($0), "version": 1] })),
                .init(name: "broadcaster_user_id", value: broadcaster.map { .integer($0) } ?? .null),
                .init(name: "method", value: .optional(method)),
            ])
    }

    private mutating func post(
        _ body: JSON, _ bearer: SandboxState.Bearer, _ policy: SubscriptionPolicy = SubscriptionPolicy()
    ) -> APIAnswer {
        state.subscribe(body, for: bearer, policy: policy, at: Samples.now)
    }

    @Test("An app token subscribes to any channel, lists and deletes")
    mutating func appSubscribes() throws {
        let app = try state.appBearer()
        let answer = post(wish("chat.message.sent", "channel.followed", broadcaster: 1002), app)
        #expect(answer.status == 200)
        let id = try #require(answer.body?["data"]?.arrayValue?.first?["subscription_id"]?.stringValue)
        let listed = try #require(state.subscriptionsAnswer([:], for: app).body?["data"]?.arrayValue)
        #expect(listed.count == 2)
        #expect(
            listed[0]
                == [
                    "app_id": "client", "broadcaster_user_id": 1002, "created_at": "2026-09-30T12:00:00Z",
                    "event": "chat.message.sent", "id": .string(id), "method": "webhook",
                    "updated_at": "2026-09-30T12:00:00Z", "version": 1,
                ])
        #expect(state.unsubscribe(query("id=\(id)&id=unknown"), for: app).status == 204)
        #expect(state.subscriptions.map(\.event) == ["channel.followed"])
        #expect(state.unsubscribe([:], for: app).status == 400)
    }

    @Test("A user token subscribes to its own channel, whatever the body says")
    mutating func userSubscribes() throws {
        let nova = try state.bearer()
        #expect(post(wish("chat.message.sent", broadcaster: 1002), nova).status == 200)
        #expect(state.subscriptions.map(\.broadcasterID) == [1001])
        let pixel = try state.bearer(userID: 1002)
        #expect(state.subscriptionsAnswer([:], for: pixel).body?["data"] == [])
        #expect(state.unsubscribe(query("id=\(state.subscriptions[0].id)"), for: pixel).status == 204)
        #expect(state.subscriptions.count == 1)
    }

    @Test("What is refused as a whole")
    mutating func refused() throws {
        let app = try state.appBearer()
        let poor = try state.bearer(scope: "user:read")
        #expect(post(wish("chat.message.sent"), app).body?.text == #"{"data":{},"message":"Invalid request"}"#)
        #expect(post(wish("chat.message.sent", broadcaster: 1001, method: nil), app).status == 400)
        #expect(post(wish(broadcaster: 1001), app).status == 400)
        #expect(post(wish("chat.message.sent"), poor).status == 403)
        #expect(state.unsubscribe(query("id=x"), for: poor).status == 403)
        #expect(state.subscriptions.isEmpty)
    }

    @Test("An unknown event is an error in a 200; the others are made")
    mutating func partial() throws {
        let answer = post(wish("chat.message.sent", "raid.started", broadcaster: 1001), try state.appBearer())
        #expect(answer.status == 200)
        let data = try #require(answer.body?["data"]?.arrayValue)
        #expect(data[0]["subscription_id"] != nil)
        #expect(data[1]["subscription_id"] == nil)
        #expect(data[1]["error"] != nil)
    }

    @Test("Subscribing twice answers with the first, or makes a duplicate", arguments: [false, true])
    mutating func duplicates(allowed: Bool) throws {
        var policy = SubscriptionPolicy()
        policy.allowsDuplicates = allowed
        let app = try state.appBearer()
        for _ in 1...2 { #expect(post(wish("channel.followed", broadcaster: 1001), app, policy).status == 200) }
        #expect(state.subscriptions.count == (allowed ? 2 : 1))
    }

    @Test("Over the limit nothing of the request is made; a verified app has the larger limit")
    mutating func limits() throws {
        var policy = SubscriptionPolicy()
        policy.unverifiedChatLimit = 1
        let app = try state.appBearer()
        #expect(post(wish("chat.message.sent", broadcaster: 1001), app, policy).status == 200)
        let second = wish("channel.followed", "chat.message.sent", broadcaster: 1002)
        #expect(
            post(second, app, policy).body?.text
                == #"{"data":"event subscription limit reached","message":"Bad request"}"#)
        #expect(state.subscriptions.count == 1)
        var verified = Samples.app
        verified.isVerified = true
        state.register(verified)
        #expect(post(second, app, policy).status == 200)
    }

    @Test("Switching webhooks off ends the app's subscriptions")
    mutating func webhooksOff() throws {
        #expect(post(wish("channel.followed", broadcaster: 1001), try state.appBearer()).status == 200)
        var app = Samples.app
        app.webhookURL = nil
        state.register(app)
        #expect(state.subscriptions.isEmpty)
    }
}
