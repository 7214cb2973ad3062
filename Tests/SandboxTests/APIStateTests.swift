import HTTP
import Sandbox
import Testing

@Suite("Sandbox: users, channels, livestreams")
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
}
