package import Model

/// `chat.message.sent`: somebody wrote in a channel's chat.
package struct ChatMessageSent: EventPayload {
    package static let type = EventType.chatMessageSent

    /// UUID.
    package let messageID: String
    package let broadcaster: EventUser
    package let sender: EventUser
    /// The text, with emotes as `[emote:ID:NAME]`.
    package let content: String
    /// Empty when Kick sends null, which it does without emotes and sometimes with them: for certainty read `content`.
    package let emotes: [Emote]
    /// The message that this one answers.
    package let repliesTo: Reply?
    /// Nil in deliveries before 2025-07-22.
    package let createdAt: Timestamp?

    enum CodingKeys: String, CodingKey {
        case messageID = "message_id"
        case broadcaster, sender, content, emotes
        case repliesTo = "replies_to"
        case createdAt = "created_at"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        messageID = try container.decode(String.self, forKey: .messageID)
        broadcaster = try container.decode(EventUser.self, forKey: .broadcaster)
        sender = try container.decode(EventUser.self, forKey: .sender)
        content = try container.decode(String.self, forKey: .content)
        emotes = try container.decodeList(forKey: .emotes)
        repliesTo = try container.decodeIfPresent(Reply.self, forKey: .repliesTo)
        createdAt = try container.decodeTime(forKey: .createdAt)
    }

    /// The message that is answered, as it was.
    package struct Reply: Decodable, Sendable {
        package let messageID: String
        package let content: String
        package let sender: EventUser

        enum CodingKeys: String, CodingKey {
            case messageID = "message_id"
            case content, sender
        }
    }

    /// An emote and where it stands in `content`.
    package struct Emote: Decodable, Sendable {
        /// Digits; Kick writes a text or a number.
        package let emoteID: String
        package let positions: [Position]

        enum CodingKeys: String, CodingKey {
            case emoteID = "emote_id"
            case positions
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            emoteID = try container.decodeID(forKey: .emoteID)
            positions = try container.decodeList(forKey: .positions)
        }
    }

    /// First and last character of `[emote:…]`, counted from 0, both included. Kick does not say what a character is.
    package struct Position: Decodable, Hashable, Sendable {
        package let start: Int
        package let end: Int

        enum CodingKeys: String, CodingKey {
            case start = "s"
            case end = "e"
        }
    }
}
