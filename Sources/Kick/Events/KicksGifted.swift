package import Model

/// `kicks.gifted`: a viewer gave KICKs.
package struct KicksGifted: EventPayload {
    package static let type = EventType.kicksGifted

    package let broadcaster: EventUser
    package let sender: EventUser
    package let gift: Gift
    package let createdAt: Timestamp?

    enum CodingKeys: String, CodingKey {
        case broadcaster, sender, gift
        case createdAt = "created_at"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        broadcaster = try container.decode(EventUser.self, forKey: .broadcaster)
        sender = try container.decode(EventUser.self, forKey: .sender)
        gift = try container.decode(Gift.self, forKey: .gift)
        createdAt = try container.decodeTime(forKey: .createdAt)
    }

    /// What was given.
    package struct Gift: Decodable, Sendable {
        /// In KICKs, not in any money.
        package let amount: Int
        package let name: String?
        /// `BASIC`, `LEVEL_UP`, and what may come.
        package let type: String?
        /// `BASIC`, `MID`, and what may come.
        package let tier: String?
        package let message: String?
        /// How long the message stays on top of the chat; nil in deliveries before 2025-11-27.
        package let pinnedTimeSeconds: Int?

        enum CodingKeys: String, CodingKey {
            case amount, name, type, tier, message
            case pinnedTimeSeconds = "pinned_time_seconds"
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            amount = try container.decode(Int.self, forKey: .amount)
            name = try container.decodeText(forKey: .name)
            type = try container.decodeText(forKey: .type)
            tier = try container.decodeText(forKey: .tier)
            message = try container.decodeText(forKey: .message)
            pinnedTimeSeconds = try container.decodeIfPresent(Int.self, forKey: .pinnedTimeSeconds)
        }
    }
}
