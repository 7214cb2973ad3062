import HTTP
import Kick
import Net
import Telemetry
import Testing

@Suite("Chat, bans and the channel", .timeLimit(.minutes(1)))
struct ChatCallTests {
    private static let token = Secret("acc-SECRET-1")

    @Test("A user writes anywhere, a bot at home")
    func send() async throws {
        let stub = KickStub(200, #"{"data":{"is_sent":true,"message_id":"828f83bb"},"message":"OK"}"#)
        let api = KickAPI(exchange: stub.exchange)
        let receipt = try await api.sendChatMessage(
            OutgoingChatMessage("Hi / \"ü\"", as: .user(broadcasterUserID: 123), replyTo: "m-1"), token: Self.token,
            deadline: .never)
        #expect(receipt.isSent)
        #expect(receipt.messageID == "828f83bb")
        _ = try await api.sendChatMessage(
            OutgoingChatMessage("Hi", as: .bot), token: Self.token, deadline: .never)
        #expect(stub.requests.map(KickAPITests.target).allSatisfy { $0 == "POST https://api.kick.com/public/v1/chat" })
        #expect(
            stub.requests.map(\.json) == [
                #"{"broadcaster_user_id":123,"content":"Hi / \"ü\"","reply_to_message_id":"m-1","type":"user"}"#,
                #"{"content":"Hi","type":"bot"}"#,
            ])
        #expect(stub.requests[0].fields[.contentType] == "application/json")
    }

    @Test(
        "A success may say that nothing was sent",
        arguments: [
            (#"{"data":{"is_sent":false,"message_id":""}}"#, false), (#"{"data":{}}"#, false),
            (#"{"data":{"message_id":"m"}}"#, true), (#"{"data":{"is_sent":null,"message_id":"m"}}"#, true),
        ])
    func notSent(body: String, isSent: Bool) async throws {
        let receipt = try await KickAPI(exchange: KickStub(200, body).exchange).sendChatMessage(
            OutgoingChatMessage("Hi", as: .bot), token: Self.token, deadline: .never)
        #expect(receipt.isSent == isSent)
    }

    @Test("A chat message: 500 characters as people count them, and 2048 bytes")
    func contentBounds() throws {
        let bot = OutgoingChatMessage.Author.bot
        _ = try OutgoingChatMessage("x", as: bot)
        _ = try OutgoingChatMessage(String(repeating: "x", count: 500), as: bot)
        // One character to people, 8 bytes.
        let flag = "\u{1F1E9}\u{1F1EA}"
        _ = try OutgoingChatMessage(String(repeating: flag, count: 256), as: bot)
        #expect(
            refusal { _ = try OutgoingChatMessage(String(repeating: flag, count: 257), as: bot) }
                == "content must be at most 2048 bytes of UTF-8, is 2056")
        // More code points than 500, but not more characters.
        _ = try OutgoingChatMessage(String(repeating: "e\u{301}", count: 500), as: bot)
        #expect(
            refusal { _ = try OutgoingChatMessage(String(repeating: "e\u{301}", count: 501), as: bot) }
                == "content must be 1 to 500 characters, is 501")
        #expect(
            refusal { _ = try OutgoingChatMessage(String(repeating: "x", count: 512), as: bot) }
                == "content must be 1 to 500 characters, is 512")
        for blank in ["", " ", "\n\t\u{3000}"] {
            #expect(refusal { _ = try OutgoingChatMessage(blank, as: bot) } == "content must not be empty or blank")
        }
        #expect(
            refusal { _ = try OutgoingChatMessage("x", as: .user(broadcasterUserID: 0)) }
                == "broadcaster must be at least 1, is 0")
        #expect(
            refusal { _ = try OutgoingChatMessage("x", as: bot, replyTo: "") }
                == "reply_to_message_id must be 1 to 64 characters, is 0")
    }

    @Test("An id cannot lead a path elsewhere")
    func paths() async throws {
        let stub = KickStub(204, "")
        let api = KickAPI(exchange: stub.exchange)
        for id in ["828f83bb-e391", "a?b=c", "a%2Fb", "..a", "ü"] {
            try await api.deleteChatMessage(KickID(id, named: "message"), token: Self.token, deadline: .never)
        }
        #expect(
            stub.requests.map(KickAPITests.target) == [
                "DELETE https://api.kick.com/public/v1/chat/828f83bb-e391",
                "DELETE https://api.kick.com/public/v1/chat/a%3Fb%3Dc",
                "DELETE https://api.kick.com/public/v1/chat/a%252Fb", "DELETE https://api.kick.com/public/v1/chat/..a",
                "DELETE https://api.kick.com/public/v1/chat/%C3%BC",
            ])
        #expect(stub.requests.allSatisfy { $0.bodyBytes.isEmpty && $0.query.isEmpty })
        _ = try KickID(String(repeating: "x", count: 64), named: "message")
        for id in [
            "", ".", "..", "../bans", "a/b", "a\\b", "a b", "a\u{0}", "a\r\nb", String(repeating: "x", count: 65),
        ] {
            #expect(refusal { _ = try KickID(id, named: "message") }?.hasPrefix("message ") == true)
        }
    }

    @Test("Bans: for good, for a time, and their end; a success has nothing in it")
    func bans() async throws {
        for body in [#"{"data":{},"message":"OK"}"#, #"{"data":[]}"#, #"{"data":null}"#, "{}", ""] {
            let stub = KickStub(200, body)
            let api = KickAPI(exchange: stub.exchange)
            try await api.ban(Ban(broadcasterUserID: 1, userID: 2), token: Self.token, deadline: .never)
            try await api.ban(
                Ban(broadcasterUserID: 1, userID: 2, durationMinutes: 10, reason: "spam"), token: Self.token,
                deadline: .never)
            try await api.unban(userID: 2, broadcasterUserID: 1, token: Self.token, deadline: .never)
            #expect(stub.requests.map(\.method) == [.post, .post, .delete])
            #expect(stub.requests.allSatisfy { $0.path == "/public/v1/moderation/bans" && $0.query.isEmpty })
            #expect(
                stub.requests.map(\.json) == [
                    #"{"broadcaster_user_id":1,"user_id":2}"#,
                    #"{"broadcaster_user_id":1,"duration":10,"reason":"spam","user_id":2}"#,
                    #"{"broadcaster_user_id":1,"user_id":2}"#,
                ])
        }
        let error = await #expect(throws: KickError.self) {
            try await KickAPI(exchange: KickStub(403, #"{"data":null,"message":"Forbidden"}"#).exchange).ban(
                Ban(broadcasterUserID: 1, userID: 2), token: Self.token, deadline: .never)
        }
        #expect(error?.kind == .forbidden)
    }

    @Test("Bans: bounds, at their edges")
    func banBounds() throws {
        for minutes in [1, 10_080] { _ = try Ban(broadcasterUserID: 1, userID: 1, durationMinutes: minutes) }
        for minutes in [0, -1, 10_081] {
            #expect(
                refusal { _ = try Ban(broadcasterUserID: 1, userID: 1, durationMinutes: minutes) }
                    == "duration_minutes must be 1 to 10080, is \(minutes)")
        }
        _ = try Ban(broadcasterUserID: 1, userID: 1, reason: String(repeating: "ü", count: 100))
        #expect(
            refusal { _ = try Ban(broadcasterUserID: 1, userID: 1, reason: String(repeating: "x", count: 101)) }
                == "reason must be at most 100 characters, is 101")
        #expect(refusal { _ = try Ban(broadcasterUserID: 0, userID: 1) } == "broadcaster must be at least 1, is 0")
        #expect(refusal { _ = try Ban(broadcasterUserID: 1, userID: -5) } == "user must be at least 1, is -5")
    }

    @Test("The channel is changed under the names that Kick does not ignore")
    func channel() async throws {
        let stub = KickStub(204, "")
        let api = KickAPI(exchange: stub.exchange)
        for change in [
            try ChannelChange(title: "T"), try ChannelChange(categoryID: 1),
            try ChannelChange(title: "T", categoryID: 15, tags: Array(repeating: "a", count: 10)),
            try ChannelChange(tags: []),
        ] {
            try await api.updateChannel(change, token: Self.token, deadline: .never)
        }
        #expect(stub.requests.allSatisfy { $0.method == .patch && $0.path == "/public/v1/channels" })
        #expect(
            stub.requests.map(\.json) == [
                #"{"stream_title":"T"}"#, #"{"category_id":1}"#,
                #"{"category_id":15,"custom_tags":["a","a","a","a","a","a","a","a","a","a"],"stream_title":"T"}"#,
                #"{"custom_tags":[]}"#,
            ])
        #expect(
            refusal { _ = try ChannelChange() } == "body must have at least one of title, category_id and tags")
        #expect(refusal { _ = try ChannelChange(title: " ") } == "title must not be empty or blank")
        #expect(refusal { _ = try ChannelChange(categoryID: 0) } == "category_id must be at least 1, is 0")
        #expect(
            refusal { _ = try ChannelChange(tags: Array(repeating: "a", count: 11)) }
                == "tags must be at most 10 entries, is 11")
        #expect(refusal { _ = try ChannelChange(tags: ["a", ""]) } == "tags must not be empty or blank")
    }
}
