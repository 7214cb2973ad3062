/// A person in an event: broadcaster, sender, follower, gifter and so on (FACTS §4.6, "U").
package struct EventUser: Decodable, Sendable {
    /// Kick hides who it was: everything else is nil. Absent in some types, which counts as false.
    package let isAnonymous: Bool
    /// Nil when anonymous.
    package let userID: Int64?
    /// Nil when anonymous. May change.
    package let username: String?
    /// Nil when anonymous, and for some known users too: "not told".
    package let isVerified: Bool?
    /// URL; nil when there is none.
    package let profilePicture: String?
    /// Nil when anonymous. May change; opaque.
    package let channelSlug: String?
    /// How the person looks in chat; only senders of chat messages have one today.
    package let identity: Identity?

    enum CodingKeys: String, CodingKey {
        case isAnonymous = "is_anonymous"
        case userID = "user_id"
        case username
        case isVerified = "is_verified"
        case profilePicture = "profile_picture"
        case channelSlug = "channel_slug"
        case identity
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        isAnonymous = try container.decodeFlag(forKey: .isAnonymous)
        userID = try container.decodeIfPresent(Int64.self, forKey: .userID)
        username = try container.decodeText(forKey: .username)
        isVerified = try container.decodeIfPresent(Bool.self, forKey: .isVerified)
        profilePicture = try container.decodeText(forKey: .profilePicture)
        channelSlug = try container.decodeText(forKey: .channelSlug)
        identity = try container.decodeIfPresent(Identity.self, forKey: .identity)
    }

    /// Colour and badges in one channel's chat.
    package struct Identity: Decodable, Sendable {
        /// `#RRGGBB`.
        package let usernameColor: String?
        package let badges: [Badge]

        enum CodingKeys: String, CodingKey {
            case usernameColor = "username_color"
            case badges
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            usernameColor = try container.decodeText(forKey: .usernameColor)
            badges = try container.decodeList(forKey: .badges)
        }
    }

    /// A badge beside a name.
    package struct Badge: Decodable, Sendable {
        /// For display.
        package let text: String?
        /// `broadcaster`, `moderator`, `vip`, `og`, `founder`, `verified`, `subscriber`, `sub_gifter`, and what may
        /// come.
        package let type: String
        /// Months or gifts, where the badge counts something.
        package let count: Int?
    }
}
