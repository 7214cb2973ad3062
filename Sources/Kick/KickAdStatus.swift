package import Model

/// How a channel stands with ads (FACTS §2.13).
package struct KickAdStatus: Decodable, Hashable, Sendable {
    package struct Break: Decodable, Hashable, Sendable {
        package let id: String
        /// Such as `inserted`.
        package let status: String?
        package let durationSeconds: Int?
        package let createdAt: Timestamp?
        /// Such as `public_api`.
        package let source: String?

        enum CodingKeys: String, CodingKey {
            case id, status, source
            case durationSeconds = "break_duration_seconds"
            case createdAt = "created_at"
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            id = try container.decode(String.self, forKey: .id)
            status = try container.decodeText(forKey: .status)
            durationSeconds = try container.decodeIfPresent(Int.self, forKey: .durationSeconds)
            createdAt = try container.decodeTime(forKey: .createdAt)
            source = try container.decodeText(forKey: .source)
        }
    }

    /// How many breaks there may be in a time.
    package struct Limits: Decodable, Hashable, Sendable {
        package let max: Int
        package let periodSeconds: Int

        enum CodingKeys: String, CodingKey {
            case max
            case periodSeconds = "period_seconds"
        }
    }

    package let isOptedIn: Bool
    package let areAdsBlocked: Bool
    /// Seen by one client only; nil when Kick does not tell.
    package let areAutoAdsActive: Bool?
    package let remainingAdBreaks: Int?
    package let adBreaks: [Break]
    package let limits: Limits?

    enum CodingKeys: String, CodingKey {
        case isOptedIn = "opted_in"
        case areAdsBlocked = "ads_blocked"
        case areAutoAdsActive = "auto_ads_active"
        case remainingAdBreaks = "remaining_ad_breaks"
        case adBreaks = "ad_breaks"
        case limits
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        isOptedIn = try container.decodeFlag(forKey: .isOptedIn)
        areAdsBlocked = try container.decodeFlag(forKey: .areAdsBlocked)
        areAutoAdsActive = try container.decodeIfPresent(Bool.self, forKey: .areAutoAdsActive)
        remainingAdBreaks = try container.decodeIfPresent(Int.self, forKey: .remainingAdBreaks)
        adBreaks = try container.decodeList(forKey: .adBreaks)
        limits =
            container.holdsEmptyObject(forKey: .limits)
            ? nil : try container.decodeIfPresent(Limits.self, forKey: .limits)
    }
}
