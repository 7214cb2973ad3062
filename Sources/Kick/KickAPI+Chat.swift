import HTTP
package import Net
package import Telemetry

/// A chat message to be sent (FACTS §2.7).
package struct OutgoingChatMessage: Hashable, Sendable {
    /// Who writes, and where.
    package enum Author: Hashable, Sendable {
        /// The token's user, in anybody's channel.
        case user(broadcasterUserID: Int64)
        /// The app's bot, in the channel of the token's user.
        case bot
    }

    package let author: Author
    package let content: String
    package let replyTo: KickID?

    /// Throws for a content that is blank, or longer than 500 characters as people count them (grapheme clusters) or than
    /// 2048 bytes of UTF-8; and for what cannot be a message's id.
    package init(
        _ content: String, as author: Author, replyTo: String? = nil
    ) throws(KickBoundError) {
        if case .user(let id) = author { try Bound.positive(id, "broadcaster") }
        try Bound.notBlank(content, "content")
        // Bytes first: there can be no more characters than bytes, but one character may be without end.
        let bytes = content.utf8.count
        guard bytes <= 2048 else {
            throw KickBoundError("content", "must be at most 2048 bytes of UTF-8, is \(bytes)")
        }
        try Bound.characters(content.count, 1...500, "content")
        self.author = author
        self.content = content
        self.replyTo = try KickID.ifAny(replyTo, named: "reply_to_message_id")
    }
}

/// What became of a message (FACTS §2.7).
package struct ChatReceipt: Decodable, Hashable, Sendable {
    /// A UUID.
    package let messageID: String?
    /// Kick has been declared to say no in a success; why it does so is nowhere written.
    package let isSent: Bool

    enum CodingKeys: String, CodingKey {
        case messageID = "message_id"
        case isSent = "is_sent"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        messageID = try container.decodeText(forKey: .messageID)
        isSent = try container.decodeIfPresent(Bool.self, forKey: .isSent) ?? (messageID != nil)
    }
}

extension KickAPI {
    /// Writes into a chat. User token with `chat:write`: the writer's, or for the bot the channel's owner's.
    package func sendChatMessage(
        _ message: OutgoingChatMessage, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> ChatReceipt {
        struct Body: Encodable {
            let type: String
            let content: String
            var broadcasterUserID: Int64?
            let replyTo: String?

            enum CodingKeys: String, CodingKey {
                case type, content
                case broadcasterUserID = "broadcaster_user_id"
                case replyTo = "reply_to_message_id"
            }
        }
        let replyTo = message.replyTo?.text
        let body =
            switch message.author {
            case .user(let id):
                Body(type: "user", content: message.content, broadcasterUserID: id, replyTo: replyTo)
            case .bot: Body(type: "bot", content: message.content, replyTo: replyTo)
            }
        let request = KickRequest(.sendChatMessage, body: try Self.json(body), bearer: token)
        return try await value(request, deadline)
    }

    /// Takes a message out of a chat. User token with `moderation:chat_message:manage`.
    package func deleteChatMessage(
        _ id: KickID, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) {
        try await command(KickRequest(.deleteChatMessage, id: id.text, bearer: token), deadline)
    }
}
