package import HTTP

/// Everything that Kick's public API can be asked (FACTS §1, §2, §3), one case per method and path.
///
/// It is the list that budgets, caches and the table of what the gateway covers (`docs/kick-coverage.md`) go by.
package enum KickOperation: String, CaseIterable, Sendable {
    // Users
    case users = "GET /public/v1/users"
    case userLivestreams = "GET /public/v1/users/livestreams"
    // Channels
    case channels = "GET /public/v1/channels"
    case updateChannel = "PATCH /public/v1/channels"
    // Rewards and redemptions
    case rewards = "GET /public/v1/channels/rewards"
    case createReward = "POST /public/v1/channels/rewards"
    case updateReward = "PATCH /public/v1/channels/rewards/{id}"
    case deleteReward = "DELETE /public/v1/channels/rewards/{id}"
    case redemptions = "GET /public/v1/channels/rewards/redemptions"
    case acceptRedemptions = "POST /public/v1/channels/rewards/redemptions/accept"
    case rejectRedemptions = "POST /public/v1/channels/rewards/redemptions/reject"
    // Livestreams
    case livestreams = "GET /public/v2/livestreams"
    case livestreamsV1 = "GET /public/v1/livestreams"
    case livestreamStats = "GET /public/v1/livestreams/stats"
    // Categories
    case categories = "GET /public/v2/categories"
    case categorySearch = "GET /public/v1/categories"
    case category = "GET /public/v1/categories/{category_id}"
    // Chat and moderation
    case sendChatMessage = "POST /public/v1/chat"
    case deleteChatMessage = "DELETE /public/v1/chat/{message_id}"
    case ban = "POST /public/v1/moderation/bans"
    case unban = "DELETE /public/v1/moderation/bans"
    // KICKs
    case kicksLeaderboard = "GET /public/v1/kicks/leaderboard"
    // Events
    case subscriptions = "GET /public/v1/events/subscriptions"
    case subscribe = "POST /public/v1/events/subscriptions"
    case unsubscribe = "DELETE /public/v1/events/subscriptions"
    case publicKey = "GET /public/v1/public-key"
    // Drops
    case dropsClaims = "GET /public/v1/drops/claims"
    case updateDropsClaims = "PATCH /public/v1/drops/claims"
    // Ads
    case startAdBreak = "POST /public/v1/ads/ad-break"
    case adBreakStatus = "GET /public/v1/ads/ad-break-status"
    case enrollInAds = "POST /public/v1/ads/enroll"
    // OAuth
    case authorize = "GET /oauth/authorize"
    case token = "POST /oauth/token"
    case revoke = "POST /oauth/revoke"
    case introspect = "POST /oauth/token/introspect"
    case introspectV1 = "POST /public/v1/token/introspect"

    /// The method that Kick takes.
    package var method: HTTP.Method {
        HTTP.Method(String(rawValue.prefix { $0 != " " })) ?? .get
    }

    /// The path at Kick, with `{…}` for what is filled in.
    package var pattern: String { String(rawValue.drop { $0 != " " }.dropFirst()) }

    /// The scopes a user token needs: of each list one. The first of a list is the one to ask for (FACTS §1.9). Empty
    /// where any token will do.
    package var scopes: [[KickScope]] {
        switch self {
        case .users: [[.userRead]]
        case .channels: [[.channelRead]]
        case .updateChannel: [[.channelWrite]]
        case .rewards, .redemptions: [[.channelRewardsRead, .channelRewardsWrite]]
        case .createReward, .updateReward, .deleteReward, .acceptRedemptions, .rejectRedemptions:
            [[.channelRewardsWrite]]
        case .sendChatMessage: [[.chatWrite]]
        case .deleteChatMessage: [[.moderationChatMessageManage]]
        case .ban, .unban: [[.moderationBan]]
        case .kicksLeaderboard: [[.kicksRead]]
        case .subscribe, .unsubscribe: [[.eventsSubscribe]]
        case .startAdBreak, .enrollInAds: [[.adsWrite]]
        case .adBreakStatus: [[.adsRead, .adsWrite]]
        case .userLivestreams, .livestreams, .livestreamsV1, .livestreamStats, .categories, .categorySearch, .category,
            .subscriptions, .publicKey, .dropsClaims, .updateDropsClaims, .authorize, .token, .revoke, .introspect,
            .introspectV1:
            []
        }
    }
}
