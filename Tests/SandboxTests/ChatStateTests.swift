import HTTP
import Kick
import Testing

@testable import Sandbox

@Suite("Sandbox: chat and moderation")
struct ChatStateTests {
    var state = Samples.state()
    var service = APIService()

    private mutating func send(_ changes: JSON = [:], _ bearer: SandboxState.Bearer) -> APIOutcome {
        var members: [JSON.Member] = [
            .init(name: "type", value: "user"), .init(name: "content", value: "hi"),
            .init(name: "broadcaster_user_id", value: 1002),
        ]
        guard case .object(let others) = changes else { preconditionFailure() }
        members.removeAll { member in others.contains { $0.name == member.name } }
        return state.sendChat(.object(members + others), for: bearer, service: &service, at: Samples.now)
    }

    private mutating func writer(_ userID: Int = 1001) throws -> SandboxState.Bearer {
        try state.bearer(scope: "chat:write moderation:ban moderation:chat_message:manage", userID: userID)
    }

    // MARK: Chat

    @Test("As user into any channel; what was written comes back as an event")
    mutating func asUser() throws {
        let nova = try writer()
        let sent = send(nova)
        let data = try #require(sent.answer.body?["data"])
        #expect(data["is_sent"] == true)
        let event = try #require(sent.events.first)
        #expect(event.type == .chatMessageSent && event.broadcasterID == 1002)
        #expect(event.body["message_id"] == data["message_id"])
        #expect(event.body["content"] == "hi")
        #expect(event.body["sender"]?["user_id"] == 1001)
        #expect(event.body["broadcaster"]?["user_id"] == 1002)
        #expect(event.body.text.contains(#""replies_to":null"#))
        // In an own channel one is the broadcaster.
        let own = send(["broadcaster_user_id": 1001], nova).events.first?.body["sender"]?["identity"]?["badges"]
        #expect(own?.arrayValue?.first?["type"] == "broadcaster")
    }

    private mutating func send(_ bearer: SandboxState.Bearer) -> APIOutcome { send([:], bearer) }

    @Test("Emotes that are written are told with their places, both ends included")
    mutating func emotes() throws {
        let nova = try writer()
        let content = "Grüße [emote:4148074:HYPERCLAP] 👋 [emote:37226:KEKW][emote:4148074:HYPERCLAP] [emote:x]"
        let emotes = send(["content": .string(content)], nova).events.first?.body["emotes"]
        #expect(
            emotes?.text
                == #"[{"emote_id":"4148074","positions":[{"s":6,"e":30},{"s":52,"e":76}]},"#
                + #"{"emote_id":"37226","positions":[{"s":34,"e":51}]}]"#)
        #expect(send(nova).events.first?.body.text.contains(#""emotes":null"#) == true)
    }

    @Test("A reply names what it answers; an unknown one is sent as if it were none")
    mutating func reply() throws {
        let nova = try writer()
        let sent = send(nova)
        let first = try #require(sent.events.first?.body["message_id"])
        let reply = send(["reply_to_message_id": first], nova).events.first?.body["replies_to"]
        #expect(reply?["message_id"] == first)
        #expect(reply?["content"] == "hi")
        #expect(reply?["sender"]?["user_id"] == 1001)
        #expect(reply?["sender"]?.text.hasSuffix(#""identity":null}"#) == true)
        let stranger = send(["reply_to_message_id": "00000000-0000-4000-8000-000000000000"], nova)
        #expect(stranger.answer.status == 200)
        #expect(send(["reply_to_message_id": .null], nova).answer.status == 200)
    }

    @Test("As bot into the own channel, whatever the body says; without a bot the channel is not found")
    mutating func asBot() throws {
        let nova = try writer()
        let event = send(["type": "bot"], nova).events.first
        #expect(event?.broadcasterID == 1001)
        #expect(event?.body["sender"]?["username"] == "sandbox_bot")
        var app = Samples.app
        app.hasBot = false
        state.register(app)
        let refused = send(["type": "bot"], nova)
        #expect(refused.answer.body?.text == #"{"data":"Channel not found","message":"Bad request"}"#)
        #expect(refused.answer.status == 400 && refused.events.isEmpty)
    }

    @Test(
        "Bounds of a message",
        arguments: [
            #"{"content":""}"#, #"{"content":5}"#, #"{"content":null}"#, #"{"type":"owner"}"#, #"{"type":null}"#,
            #"{"broadcaster_user_id":null}"#, #"{"broadcaster_user_id":"1002"}"#, #"{"reply_to_message_id":"x"}"#,
            #"{"reply_to_message_id":5}"#,
        ])
    mutating func bounds(changes: String) throws {
        let nova = try writer()
        #expect(send(JSON(parsing: changes)!, nova).answer.status == 400)
    }

    @Test(
        "500 characters as they are seen, and 2048 bytes",
        arguments: [
            (String(repeating: "a", count: 500), 200), (String(repeating: "a", count: 501), 400),
            // Four bytes, and eleven that are seen as one.
            (String(repeating: "👋", count: 500), 200), (String(repeating: "👩‍🚀", count: 186), 200),
            (String(repeating: "👩‍🚀", count: 187), 400),
        ])
    mutating func length(content: String, status: Int) throws {
        let nova = try writer()
        #expect(send(["content": .string(content)], nova).answer.status == status)
    }

    @Test("Without the scope 403, an unknown broadcaster 404")
    mutating func refusals() throws {
        let poor = try state.bearer()
        let app = try state.appBearer()
        let nova = try writer()
        #expect(send(poor).answer.status == 403)
        #expect(send(app).answer.status == 403)
        #expect(send(["broadcaster_user_id": 7], nova).answer.status == 404)
    }

    @Test("On order a message is not sent, and nobody sees it; or it is sent without an echo")
    mutating func switches() throws {
        let nova = try writer()
        service.policy.unsentChats = 1
        let unsent = send(nova)
        #expect(unsent.answer.body?["data"]?["is_sent"] == false)
        #expect(unsent.events.isEmpty)
        service.policy.echoesChat = false
        let silent = send(nova)
        #expect(silent.answer.body?["data"]?["is_sent"] == true)
        #expect(silent.events.isEmpty)
    }

    @Test("A message is deleted once, by the broadcaster or a moderator")
    mutating func delete() throws {
        let nova = try writer()
        let pixel = try writer(1002)
        let poor = try state.bearer()
        func id(_ outcome: APIOutcome) -> String { outcome.answer.body?["data"]?["message_id"]?.stringValue ?? "" }
        let first = id(send(nova))
        #expect(state.deleteChat(first, for: poor, service: &service).status == 403)
        #expect(state.deleteChat(first, for: nova, service: &service).status == 403)
        #expect(state.deleteChat(first.uppercased(), for: pixel, service: &service).status == 204)
        #expect(state.deleteChat(first, for: pixel, service: &service).status == 404)
        #expect(state.deleteChat("x", for: pixel, service: &service).status == 400)
        let second = id(send(nova))
        #expect(state.apply(try ChannelOrder(["broadcaster_user_id": 1002, "moderators": [1001]]), at: Samples.now))
        #expect(state.deleteChat(second, for: nova, service: &service).status == 204)
    }

    @Test("The log forgets the oldest")
    func bounded() {
        var log = ChatLog()
        for number in 0...ChatLog.capacity {
            log.add(ChatLog.Message(id: "\(number)", broadcasterID: 1, content: "", sender: .null))
        }
        #expect(log["0"] == nil)
        #expect(log["1"] != nil && log["\(ChatLog.capacity)"] != nil)
    }

    // MARK: Bans

    private static func wish(_ more: JSON = [:]) -> JSON {
        guard case .object(let members) = more else { preconditionFailure() }
        return .object(
            [.init(name: "broadcaster_user_id", value: 1001), .init(name: "user_id", value: 500_002)] + members)
    }

    @Test("A timeout and a ban for ever; nothing in data, and an event")
    mutating func ban() throws {
        let nova = try writer()
        let timeout = state.ban(Self.wish(["duration": 10, "reason": "spam"]), for: nova, at: Samples.now)
        #expect(timeout.answer.body?.text == #"{"data":{},"message":"OK"}"#)
        let event = try #require(timeout.events.first)
        #expect(event.type == .moderationBanned)
        #expect(event.body["banned_user"]?["username"] == "BassLineBen")
        #expect(
            event.body["metadata"]?.text
                == #"{"reason":"spam","created_at":"2026-09-30T12:00:00Z","expires_at":"2026-09-30T12:10:00Z"}"#)
        let forever = state.ban(Self.wish(["duration": .null]), for: nova, at: Samples.now)
        #expect(forever.events.first?.body["metadata"]?.text.contains(#""expires_at":null"#) == true)
        #expect(state.bansJSON(of: 1001, at: Samples.now + 900).arrayValue?.count == 1)
        #expect(state.unban(Self.wish(), for: nova).body?.text == #"{"data":{},"message":"OK"}"#)
        #expect(state.bansJSON(of: 1001, at: Samples.now) == [])
        #expect(state.unban(Self.wish(), for: nova).status == 200)
    }

    @Test("A timeout is over when its time is")
    mutating func timeout() throws {
        let nova = try writer()
        _ = state.ban(Self.wish(["duration": 1]), for: nova, at: Samples.now)
        #expect(state.bansJSON(of: 1001, at: Samples.now + 59).arrayValue?.count == 1)
        #expect(state.bansJSON(of: 1001, at: Samples.now + 60) == [])
    }

    @Test(
        "Bounds of a ban",
        arguments: [
            #"{"duration":0}"#, #"{"duration":10081}"#, #"{"duration":"5"}"#, #"{"reason":5}"#,
            #"{"reason":"\#(String(repeating: "a", count: 101))"}"#,
        ])
    mutating func banBounds(more: String) throws {
        let nova = try writer()
        #expect(state.ban(Self.wish(JSON(parsing: more)!), for: nova, at: Samples.now).answer.status == 400)
        for wrong: JSON in [
            ["user_id": 5], ["broadcaster_user_id": 1001], ["broadcaster_user_id": 1001, "user_id": 0],
        ] {
            #expect(state.ban(wrong, for: nova, at: Samples.now).answer.status == 400)
            #expect(state.unban(wrong, for: nova).status == 400)
        }
    }

    @Test("Only who moderates the channel bans in it, and only with the scope")
    mutating func banRights() throws {
        let pixel = try writer(1002)
        let poor = try state.bearer()
        let app = try state.appBearer()
        for bearer in [pixel, poor, app] {
            #expect(state.ban(Self.wish(), for: bearer, at: Samples.now).answer.status == 403)
            #expect(state.unban(Self.wish(), for: bearer).status == 403)
        }
        #expect(state.apply(try ChannelOrder(["broadcaster_user_id": 1001, "moderators": [1002]]), at: Samples.now))
        let done = state.ban(Self.wish(), for: pixel, at: Samples.now)
        #expect(done.events.first?.body["moderator"]?["user_id"] == 1002)
        #expect(state.unban(Self.wish(), for: pixel).status == 200)
    }
}
