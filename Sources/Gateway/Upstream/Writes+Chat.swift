package import Kick
import Net
import Telemetry

extension KickWrite where Value == ChatReceipt {
    /// Writes into a chat with this user's token: his own words anywhere, the bot's in his own channel.
    package static func sendMessage(_ message: OutgoingChatMessage, as user: Int64) -> KickWrite {
        KickWrite(.sendChatMessage, as: .user(user)) { api, token, deadline throws(KickError) in
            try await api.sendChatMessage(message, token: token, deadline: deadline)
        }
    }
}

extension KickWrite where Value == Void {
    /// Takes a message out of a chat, as its broadcaster or as a moderator.
    package static func deleteMessage(_ message: KickID, as user: Int64) -> KickWrite {
        KickWrite(.deleteChatMessage, as: .user(user)) { api, token, deadline throws(KickError) in
            try await api.deleteChatMessage(message, token: token, deadline: deadline)
        }
    }

    /// Keeps somebody out of a chat, as its broadcaster or as a moderator.
    package static func ban(_ ban: Ban, as user: Int64) -> KickWrite {
        KickWrite(.ban, as: .user(user)) { api, token, deadline throws(KickError) in
            try await api.ban(ban, token: token, deadline: deadline)
        }
    }

    /// Lets somebody into a chat again, as its broadcaster or as a moderator.
    package static func unban(_ banned: Int64, from broadcaster: Int64, as user: Int64) -> KickWrite {
        KickWrite(.unban, as: .user(user)) { api, token, deadline throws(KickError) in
            try await api.unban(
                userID: banned, broadcasterUserID: broadcaster, token: token, deadline: deadline)
        }
    }
}
