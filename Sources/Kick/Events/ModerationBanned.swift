package import Model

/// `moderation.banned`: somebody was banned or timed out. There is no event for the end of a ban.
package struct ModerationBanned: EventPayload {
    package static let type = EventType.moderationBanned

    package let broadcaster: EventUser
    package let moderator: EventUser
    package let bannedUser: EventUser
    package let metadata: Metadata

    enum CodingKeys: String, CodingKey {
        case broadcaster, moderator
        case bannedUser = "banned_user"
        case metadata
    }

    /// Why, and for how long.
    package struct Metadata: Decodable, Sendable {
        package let reason: String?
        package let createdAt: Timestamp?
        /// Nil: for ever.
        package let expiresAt: Timestamp?

        enum CodingKeys: String, CodingKey {
            case reason
            case createdAt = "created_at"
            case expiresAt = "expires_at"
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            reason = try container.decodeText(forKey: .reason)
            createdAt = try container.decodeTime(forKey: .createdAt)
            expiresAt = try container.decodeTime(forKey: .expiresAt)
        }
    }
}
