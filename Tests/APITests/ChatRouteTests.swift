import HTTP
import HTTPServer
import Kick
import Model
import TestKit
import Testing

@testable import API

@Suite("Routes of chat and bans", .timeLimit(.minutes(1)))
struct ChatRouteTests {
    private static let messages = "/v1/broadcasters/1001/chat/messages"
    private static let bans = "/v1/broadcasters/1001/bans"
    private static let receipt = #"{"data":{"is_sent":true,"message_id":"m1"},"message":"OK"}"#

    @Test("a message is written by the broadcaster, by another login, or by the app's bot")
    func send() async throws {
        let kick = MadeUpKick([.sendChatMessage: (200, Self.receipt)])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin(1001)
            try await stage.makeLogin(1002)
            let key = try await stage.makeKey([.chatWrite])
            for body in [
                #"{"content":"hi"}"#, #"{"content":"hi","as":"user","reply_to_message_id":"m0"}"#,
                #"{"content":"hi","sender_user_id":1002}"#, #"{"content":"hi","as":"bot"}"#,
            ] {
                let answer = try await stage.call("POST", Self.messages, key: key, body: body)
                #expect(answer.status == .created && answer.text == #"{"is_sent":true,"message_id":"m1"}"#)
                #expect(answer.fields[.cacheControl] == "no-store")
            }
            // Where somebody else writes, the broadcaster needs no login here; where he or the bot does, he does.
            let elsewhere = "/v1/broadcasters/7/chat/messages"
            let guest = try await stage.call(
                "POST", elsewhere, key: key, body: #"{"content":"hi","sender_user_id":1002}"#)
            #expect(guest.status == .created)
            for body in [#"{"content":"hi"}"#, #"{"content":"hi","as":"bot"}"#] {
                #expect(try await stage.call("POST", elsewhere, key: key, body: body).status == .notFound)
            }
            #expect(kick.tokens == ["access-1001", "access-1001", "access-1002", "access-1001", "access-1002"])
        }
        #expect(
            kick.bodies == [
                #"{"broadcaster_user_id":1001,"content":"hi","type":"user"}"#,
                #"{"broadcaster_user_id":1001,"content":"hi","reply_to_message_id":"m0","type":"user"}"#,
                #"{"broadcaster_user_id":1001,"content":"hi","type":"user"}"#, #"{"content":"hi","type":"bot"}"#,
                #"{"broadcaster_user_id":7,"content":"hi","type":"user"}"#,
            ])
    }

    @Test("a message that Kick took and did not send is told as that")
    func unsent() async throws {
        let kick = MadeUpKick([.sendChatMessage: (200, #"{"data":{"is_sent":false,"message_id":""}}"#)])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let answer = try await stage.call(
                "POST", Self.messages, key: try await stage.makeKey(), body: #"{"content":"hi"}"#)
            #expect(answer.status == .created && answer.text == #"{"is_sent":false,"message_id":null}"#)
        }
    }

    @Test("a message is taken out by the broadcaster or by a moderator")
    func delete() async throws {
        let kick = MadeUpKick([.deleteChatMessage: (204, "")])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin(1001)
            try await stage.makeLogin(1002)
            let key = try await stage.makeKey([.moderationWrite])
            for query in ["", "?moderator_user_id=1002"] {
                let answer = try await stage.call("DELETE", Self.messages + "/m1" + query, key: key)
                #expect(answer.status == .noContent && answer.text.isEmpty)
            }
            #expect(kick.tokens == ["access-1001", "access-1002"])
            kick.answer(.deleteChatMessage, 404, #"{"data":{},"message":"Not Found"}"#)
            let gone = try await stage.call("DELETE", Self.messages + "/m2", key: key)
            let words = try gone.json()["kick"] as? [String: Any]
            #expect(gone.status == .notFound && words?["status"] as? Int == 404)
        }
        #expect(kick.calls == ["m1", "m1", "m2"].map { "DELETE /public/v1/chat/" + $0 })
        #expect(kick.bodies.allSatisfy { $0.isEmpty })
    }

    @Test("a ban, a time-out and their end; DELETE carries to Kick the body that it wants")
    func banning() async throws {
        let kick = MadeUpKick([.ban: (200, #"{"data":{}}"#), .unban: (200, #"{"data":{}}"#)])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin(1001)
            try await stage.makeLogin(1002)
            let key = try await stage.makeKey([.moderationWrite])
            let forGood = try await stage.call("PUT", Self.bans + "/9", key: key)
            #expect(
                forGood.text == #"{"broadcaster_user_id":1001,"duration_minutes":null,"reason":null,"user_id":9}"#)
            let empty = try await stage.call("PUT", Self.bans + "/9", key: key, body: "{}")
            #expect(empty.text == forGood.text)
            let body = #"{"duration_minutes":10080,"reason":"spam","moderator_user_id":1002}"#
            let forATime = try await stage.call("PUT", Self.bans + "/9", key: key, body: body)
            #expect(forATime.status == .ok)
            #expect(
                forATime.text
                    == #"{"broadcaster_user_id":1001,"duration_minutes":10080,"reason":"spam","user_id":9}"#)
            for query in ["", "?moderator_user_id=1002"] {
                let lifted = try await stage.call("DELETE", Self.bans + "/9" + query, key: key)
                #expect(lifted.status == .noContent && lifted.text.isEmpty)
            }
            #expect(kick.tokens == ["access-1001", "access-1001", "access-1002", "access-1001", "access-1002"])
        }
        let both = #"{"broadcaster_user_id":1001,"user_id":9}"#
        #expect(
            kick.bodies == [
                both, both, #"{"broadcaster_user_id":1001,"duration":10080,"reason":"spam","user_id":9}"#, both, both,
            ])
        #expect(kick.requests.map(\.method.rawValue) == ["POST", "POST", "POST", "DELETE", "DELETE"])
        #expect(kick.requests.allSatisfy { $0.path == "/public/v1/moderation/bans" })
        #expect(kick.requests.allSatisfy { $0.fields[.contentType] == "application/json" })
    }

    @Test(
        "what cannot be is refused with its name and Kick is not asked",
        arguments: [
            ("POST", messages, "", "the body is empty"), ("POST", messages, "{}", "content: is missing"),
            ("POST", messages, #"{"content":" "}"#, "content: must not be empty or blank"),
            ("POST", messages, #"{"content":""}"#, "content: must not be empty or blank"),
            ("POST", messages, #"{"content":"\#(long(501))"}"#, "content: must be 1 to 500 characters, is 501"),
            (
                "POST", messages, #"{"content":"\#(String(repeating: "👨‍👩‍👧‍👦", count: 82))"}"#,
                "content: must be at most 2048 bytes of UTF-8, is 2050"
            ),
            ("POST", messages, #"{"content":7}"#, "content: must be a string"),
            ("POST", messages, #"{"content":"a","as":"me"}"#, "as: must be user or bot"),
            ("POST", messages, #"{"content":"a","type":"bot"}"#, "type: is not known: there are as, content"),
            ("POST", messages, #"{"content":"a","as":"bot","sender_user_id":1}"#, "sender_user_id: must not stand"),
            ("POST", messages, #"{"content":"a","sender_user_id":0}"#, "sender_user_id: must be at least 1, is 0"),
            ("POST", messages, #"{"content":"a","sender_user_id":"1"}"#, "sender_user_id: must be a whole number"),
            ("POST", messages, #"{"content":"a","reply_to_message_id":""}"#, "reply_to_message_id: must be 1 to 64"),
            ("POST", messages, #"{"content":"a","reply_to_message_id":"a/b"}"#, "reply_to_message_id: is not an id"),
            ("POST", messages + "?as=bot", #"{"content":"a"}"#, "as: is no parameter: there are none"),
            ("DELETE", messages + "/" + long(65), "", "message: must be 1 to 64 characters, is 65"),
            ("DELETE", messages + "/a%2Fb", "", "message: is not an id"),
            ("DELETE", messages + "/%2e%2e", "", "message: is not an id"),
            ("DELETE", messages + "/a?moderator=1", "", "moderator: is no parameter: there are moderator_user_id"),
            ("DELETE", messages + "/a?moderator_user_id=0", "", "moderator_user_id: must be an id"),
            ("DELETE", messages + "/a?moderator_user_id=", "", "moderator_user_id: must be an id"),
            (
                "DELETE", messages + "/a?moderator_user_id=1&moderator_user_id=2", "",
                "moderator_user_id: is there twice"
            ),
            ("PUT", bans + "/9", #"{"duration_minutes":0}"#, "duration_minutes: must be 1 to 10080, is 0"),
            ("PUT", bans + "/9", #"{"duration_minutes":10081}"#, "duration_minutes: must be 1 to 10080, is 10081"),
            ("PUT", bans + "/9", #"{"duration_minutes":1.5}"#, "duration_minutes: must be a whole number"),
            ("PUT", bans + "/9", #"{"duration_minutes":1e99}"#, "duration_minutes: must be a whole number"),
            ("PUT", bans + "/9", #"{"duration_minutes":"#, "the body is not valid JSON"),
            ("PUT", bans + "/9", #"{"duration":5}"#, "duration: is not known: there are duration_minutes"),
            ("PUT", bans + "/9", #"{"reason":"\#(long(101))"}"#, "reason: must be at most 100 characters, is 101"),
            ("PUT", bans + "/9", #"{"moderator_user_id":-1}"#, "moderator_user_id: must be at least 1, is -1"),
            ("PUT", bans + "/9?moderator_user_id=1", "", "moderator_user_id: is no parameter: there are none"),
            ("DELETE", bans + "/9?moderator_user_id=a", "", "moderator_user_id: must be an id"),
            ("DELETE", bans + "/9?reason=a", "", "reason: is no parameter"),
        ])
    func bounds(method: String, path: String, body: String, detail: String) async throws {
        let kick = MadeUpKick()
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let answer = try await stage.call(method, path, key: try await stage.makeKey(), body: body)
            let problem = try answer.json()
            #expect(answer.status == .badRequest && problem["code"] as? String == "invalid")
            #expect((problem["detail"] as? String)?.hasPrefix(detail) == true, "\(answer.text)")
        }
        #expect(kick.requests.isEmpty)
    }

    private static func long(_ count: Int) -> String { String(repeating: "x", count: count) }

    @Test("who has not the right at Kick is told so in Kick's words; who has no login or no consent gets no call")
    func refusals() async throws {
        let kick = MadeUpKick([.ban: (403, #"{"data":{},"message":"Forbidden"}"#)])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin(1001)
            let moderator = try await stage.makeLogin(1002, scopes: [.chatWrite])
            let key = try await stage.makeKey()
            let forbidden = try await stage.call("PUT", Self.bans + "/9", key: key)
            let problem = try forbidden.json()
            #expect(forbidden.status == .forbidden && problem["code"] as? String == "kick_forbidden")
            let words = problem["kick"] as? [String: Any]
            #expect(words?["status"] as? Int == 403 && words?["message"] as? String == "Forbidden")
            #expect(kick.requests.count == 1, "a write is made once")

            let nobody = try await stage.call("DELETE", Self.bans + "/9?moderator_user_id=1003", key: key)
            #expect(nobody.status == .notFound)
            let lacking = try await stage.call("DELETE", Self.bans + "/9?moderator_user_id=1002", key: key)
            let missing = try lacking.json()
            #expect(missing["code"] as? String == "missing_scope")
            #expect(missing["missing_scopes"] as? [String] == ["moderation:ban"])
            #expect(missing["login_id"] as? String == moderator.id.text)
            for target in ["/0", "/a", "/-9"] {
                #expect(try await stage.call("PUT", Self.bans + target, key: key).status == .notFound)
            }
            #expect(kick.requests.count == 1)
        }
    }
}
