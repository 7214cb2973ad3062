import Foundation
import HTTP
import Kick
import Model
import Sandbox
import TestKit
import Testing

@testable import Gateway

@Suite("Chat, bans and channels at Kick", .timeLimit(.minutes(1)))
struct ChatCallTests {
    @Test("a message is written by the broadcaster, by another login, or by the bot in the token's channel")
    func authors() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(1001)
            _ = try await stage.makeLogin(1002)
            let mine = try OutgoingChatMessage("hi", as: .user(broadcasterUserID: 1001))
            let own = try await stage.write(.sendMessage(mine, as: 1001))
            #expect(own.isSent)
            let id = try #require(own.messageID)
            let answer = try OutgoingChatMessage("you too", as: .user(broadcasterUserID: 1001), replyTo: id)
            let guest = try await stage.write(.sendMessage(answer, as: 1002))
            #expect(guest.isSent && guest.messageID != own.messageID)
            let bot = try await stage.write(.sendMessage(try OutgoingChatMessage("beep", as: .bot), as: 1001))
            #expect(bot.isSent && bot.messageID != nil)
            #expect(stage.count(.sendChatMessage) == 3)

            // Where there is no channel there is no message.
            let nowhere = try OutgoingChatMessage("hi", as: .user(broadcasterUserID: 999_999))
            let error = await #expect(throws: GatewayError.self) {
                try await stage.write(.sendMessage(nowhere, as: 1001))
            }
            #expect(error?.code == .notFound && error?.kick?.status == 404)
        }
    }

    @Test("a message that Kick took and did not send is no error, and is not sent again")
    func unsent() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(1001)
            try await stage.kick.call(.put, "/sandbox/api/policy", ["unsent_chats": 1])
            let message = try OutgoingChatMessage("hi", as: .user(broadcasterUserID: 1001))
            #expect(try await stage.write(.sendMessage(message, as: 1001)).isSent == false)
            #expect(stage.count(.sendChatMessage) == 1)
            #expect(try await stage.write(.sendMessage(message, as: 1001)).isSent)
        }
    }

    @Test("a message is taken out by the broadcaster and by a moderator, and by nobody else")
    func delete() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(1001)
            _ = try await stage.makeLogin(1002)
            let (first, second) = (try await say("one", in: stage), try await say("two", in: stage))
            let foreign = await #expect(throws: GatewayError.self) {
                try await stage.write(.deleteMessage(first, as: 1002))
            }
            #expect(foreign?.code == .kickForbidden && foreign?.kick?.status == 403)
            try await stage.write(.deleteMessage(first, as: 1001))
            let gone = await #expect(throws: GatewayError.self) {
                try await stage.write(.deleteMessage(first, as: 1001))
            }
            #expect(gone?.code == .notFound && gone?.kick?.status == 404)
            try await appoint([1002], in: stage)
            try await stage.write(.deleteMessage(second, as: 1002))
            #expect(stage.count(.deleteChatMessage) == 4)
        }
    }

    @Test("a ban, a time-out and their end, by the broadcaster and by a moderator, and by nobody else")
    func bans() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(1001)
            _ = try await stage.makeLogin(1002)
            try await stage.write(.ban(try Ban(broadcasterUserID: 1001, userID: 77), as: 1001))
            let forGood = try #require(try await bans(in: stage).first)
            #expect(forGood["user_id"] as? Int == 77 && forGood["moderator_user_id"] as? Int == 1001)
            #expect(forGood["expires_at"] is NSNull)

            let pause = try Ban(broadcasterUserID: 1001, userID: 78, durationMinutes: 10_080, reason: "spam")
            for order in [KickWrite.ban(pause, as: 1002), .unban(77, from: 1001, as: 1002)] {
                let error = await #expect(throws: GatewayError.self) { try await stage.write(order) }
                #expect(error?.code == .kickForbidden && error?.kick?.status == 403)
            }
            #expect(try await bans(in: stage).count == 1)

            try await appoint([1002], in: stage)
            try await stage.write(.ban(pause, as: 1002))
            let both = try await bans(in: stage)
            #expect(both.map { $0["user_id"] as? Int } == [77, 78])
            #expect(both.last?["moderator_user_id"] as? Int == 1002 && both.last?["reason"] as? String == "spam")
            #expect(both.last?["expires_at"] is String)
            try await stage.write(.unban(77, from: 1001, as: 1002))
            try await stage.write(.unban(78, from: 1001, as: 1001))
            #expect(try await bans(in: stage).isEmpty)
            #expect(stage.count(.ban) == 3 && stage.count(.unban) == 3)
        }
    }

    @Test("without the consent there is no call, whichever of these it is")
    func consent() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(1001, scopes: [.userRead])
            let id = try KickID("a", named: "message")
            let orders: [(KickWrite<Void>, String)] = [
                (.deleteMessage(id, as: 1001), "moderation:chat_message:manage"),
                (.ban(try Ban(broadcasterUserID: 1001, userID: 7), as: 1001), "moderation:ban"),
                (.unban(7, from: 1001, as: 1001), "moderation:ban"),
            ]
            for (order, scope) in orders {
                let error = await #expect(throws: GatewayError.self) { try await stage.write(order) }
                #expect(error?.code == .missingScope && error?.consent?.scopes == [scope])
            }
            let bot = try OutgoingChatMessage("beep", as: .bot)
            let error = await #expect(throws: GatewayError.self) {
                try await stage.write(.sendMessage(bot, as: 1001))
            }
            #expect(error?.code == .missingScope && error?.consent?.scopes == ["chat:write"])
            #expect(stage.calls.value == [])
        }
    }

    @Test("when Kick shows a changed channel as it was, that is not remembered for long")
    func staleAtKick() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(1001)
            try await stage.kick.call(.put, "/sandbox/api/policy", ["stale_channel_seconds": 3600])
            try await stage.write(.updateChannel(try ChannelChange(title: "Another title"), of: 1001))
            let behind = try await stage.read(.channel(.id(1001)))
            #expect(behind.text?.contains("nova plays") == true && behind.freshness <= .seconds(1))
            try await stage.kick.call(.put, "/sandbox/api/policy", ["stale_channel_seconds": 0])
            stage.ahead.update { $0 += .seconds(1) }
            #expect(try await stage.read(.channel(.id(1001))).text?.contains("Another title") == true)
            // Once Kick has had its time, what it says counts as long as ever.
            stage.ahead.update { $0 += .seconds(10) }
            #expect(try await stage.read(.channel(.id(1001))).freshness > .seconds(5))
        }
    }

    // MARK: The sandbox

    private func say(_ text: String, in stage: UpstreamStage) async throws -> KickID {
        let message = try OutgoingChatMessage(text, as: .user(broadcasterUserID: 1001))
        let receipt = try await stage.write(.sendMessage(message, as: 1001))
        return try KickID(try #require(receipt.messageID), named: "message")
    }

    private func appoint(_ moderators: [Int], in stage: UpstreamStage) async throws {
        try await stage.kick.call(
            .post, "/sandbox/channels", ["broadcaster_user_id": 1001, "moderators": moderators])
    }

    private func bans(in stage: UpstreamStage) async throws -> [[String: Any]] {
        try #require(try await stage.kick.call(.get, "/sandbox/channels/1001")["bans"] as? [[String: Any]])
    }
}
