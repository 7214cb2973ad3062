package import Model

/// A broadcast that is on now, whichever of Kick's three calls told of it (FACTS §2.2, §2.5): v1 and v2 name the same
/// things differently. Empty texts and times that are not set become nil.
package struct KickLivestream: Decodable, Hashable, Sendable {
    /// A UUID; nil from v1.
    package let id: String?
    package let broadcasterUserID: Int64
    /// May change; opaque.
    package let slug: String?
    /// Nil from v1.
    package let username: String?
    /// URL.
    package let profilePicture: String?
    package let title: String?
    package let category: KickCategory?
    package let tags: [String]
    /// BCP 47.
    package let language: String?
    package let isMature: Bool
    package let startedAt: Timestamp?
    /// 0 also when the broadcaster hides it.
    package let viewerCount: Int?
    /// URL.
    package let thumbnail: String?

    enum CodingKeys: String, CodingKey {
        case id, slug, title, category, tags, language, thumbnail, channel
        case broadcasterUser = "broadcaster_user"
        case broadcasterUserID = "broadcaster_user_id"
        case profilePicture = "profile_picture"
        case streamTitle = "stream_title"
        case customTags = "custom_tags"
        case languageCode = "language_code"
        case isMature = "has_mature_content"
        case startedAt = "started_at"
        case viewerCount = "viewer_count"
    }

    /// The broadcaster as v2 has it.
    private struct Broadcaster: Decodable {
        let id: Int64
        let username: String?
        let profilePicture: String?

        enum CodingKeys: String, CodingKey {
            case id, username
            case profilePicture = "profile_picture"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            id = try container.decode(Int64.self, forKey: .id)
            username = try container.decodeText(forKey: .username)
            profilePicture = try container.decodeText(forKey: .profilePicture)
        }
    }

    /// The channel as v2 has it.
    private struct Channel: Decodable {
        let slug: String?
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decodeText(forKey: .id)
        if let broadcaster = try container.decodeIfPresent(Broadcaster.self, forKey: .broadcasterUser) {
            broadcasterUserID = broadcaster.id
            username = broadcaster.username
            profilePicture = broadcaster.profilePicture
            let slug = try container.decodeIfPresent(Channel.self, forKey: .channel)?.slug
            self.slug = slug?.isEmpty == false ? slug : nil
            title = try container.decodeText(forKey: .title)
            tags = try container.decodeList(forKey: .tags)
            language = try container.decodeText(forKey: .languageCode)
        } else {
            broadcasterUserID = try container.decode(Int64.self, forKey: .broadcasterUserID)
            username = nil
            profilePicture = try container.decodeText(forKey: .profilePicture)
            slug = try container.decodeText(forKey: .slug)
            title = try container.decodeText(forKey: .streamTitle)
            tags = try container.decodeList(forKey: .customTags)
            language = try container.decodeText(forKey: .language)
        }
        category = try container.decodeCategory(forKey: .category)
        isMature = try container.decodeFlag(forKey: .isMature)
        startedAt = try container.decodeTime(forKey: .startedAt)
        viewerCount = try container.decodeIfPresent(Int.self, forKey: .viewerCount)
        thumbnail = try container.decodeText(forKey: .thumbnail)
    }
}
