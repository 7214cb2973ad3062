package import Model

/// A channel as the API tells (FACTS §2.3). Empty texts and times that are not set become nil.
///
/// `stream.key` and `stream.url` are not read at all: whoever has the key can go live on the channel (P6).
package struct KickChannel: Decodable, Sendable {
    /// Stable; the same number as the user's id.
    package let broadcasterUserID: Int64
    /// May change; opaque.
    package let slug: String
    package let description: String?
    /// URL.
    package let bannerPicture: String?
    /// Also while offline.
    package let streamTitle: String?
    package let category: KickCategory?
    /// Whether gifted ones are counted has changed over time.
    package let activeSubscribersCount: Int?
    package let activeGiftedSubscribersCount: Int?
    package let canceledSubscribersCount: Int?
    package let stream: Stream?

    enum CodingKeys: String, CodingKey {
        case broadcasterUserID = "broadcaster_user_id"
        case slug
        case description = "channel_description"
        case bannerPicture = "banner_picture"
        case streamTitle = "stream_title"
        case category
        case activeSubscribersCount = "active_subscribers_count"
        case activeGiftedSubscribersCount = "active_gifted_subscribers_count"
        case canceledSubscribersCount = "canceled_subscribers_count"
        case stream
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        broadcasterUserID = try container.decode(Int64.self, forKey: .broadcasterUserID)
        slug = try container.decode(String.self, forKey: .slug)
        description = try container.decodeText(forKey: .description)
        bannerPicture = try container.decodeText(forKey: .bannerPicture)
        streamTitle = try container.decodeText(forKey: .streamTitle)
        category = try container.decodeCategory(forKey: .category)
        activeSubscribersCount = try container.decodeIfPresent(Int.self, forKey: .activeSubscribersCount)
        activeGiftedSubscribersCount = try container.decodeIfPresent(Int.self, forKey: .activeGiftedSubscribersCount)
        canceledSubscribersCount = try container.decodeIfPresent(Int.self, forKey: .canceledSubscribersCount)
        stream = try container.decodeIfPresent(Stream.self, forKey: .stream)
    }

    /// The broadcast, if any.
    package struct Stream: Decodable, Sendable {
        package let isLive: Bool
        package let isMature: Bool
        package let language: String?
        /// Nil while offline.
        package let startTime: Timestamp?
        /// URL; while offline perhaps the default picture.
        package let thumbnail: String?
        package let viewerCount: Int?
        package let customTags: [String]

        enum CodingKeys: String, CodingKey {
            case isLive = "is_live"
            case isMature = "is_mature"
            case language
            case startTime = "start_time"
            case thumbnail
            case viewerCount = "viewer_count"
            case customTags = "custom_tags"
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            isLive = try container.decodeFlag(forKey: .isLive)
            isMature = try container.decodeFlag(forKey: .isMature)
            language = try container.decodeText(forKey: .language)
            startTime = try container.decodeTime(forKey: .startTime)
            thumbnail = try container.decodeText(forKey: .thumbnail)
            viewerCount = try container.decodeIfPresent(Int.self, forKey: .viewerCount)
            customTags = try container.decodeList(forKey: .customTags)
        }
    }
}
