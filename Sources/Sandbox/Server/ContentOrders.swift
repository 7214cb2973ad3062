/// What POST /sandbox/channels asks for, checked: what a channel is like, changed without an event.
struct ChannelOrder: Sendable {
    let broadcasterID: Int
    let isLive: Bool?
    let viewerCount: Int?
    let title: String?
    /// 0: none was ever set.
    let categoryID: Int?
    let language: String?
    let isMature: Bool?
    let moderators: [Int]?
    let isOptedIn: Bool?
    let isBlocked: Bool?
    let hasAutoAds: Bool?
    let hasStreamed: Bool?
    /// Breaks of the last hour are forgotten.
    let clearsAdBreaks: Bool

    init(_ json: JSON?) throws(SandboxError) {
        let order = try OrderReader(
            json,
            known: [
                "broadcaster_user_id", "is_live", "viewer_count", "stream_title", "category_id", "language",
                "is_mature", "moderators", "ads_opted_in", "ads_blocked", "auto_ads_active", "has_streamed",
                "clear_ad_breaks",
            ])
        guard let id = try order.number("broadcaster_user_id", in: 1...Int.max) else {
            throw .configuration(reason: "broadcaster_user_id: expected a user id")
        }
        broadcasterID = id
        isLive = try order.flag("is_live")
        viewerCount = try order.number("viewer_count", in: 0...1_000_000_000)
        title = try order.text("stream_title")
        categoryID = try order.number("category_id", in: 0...Int.max)
        language = try order.text("language")
        isMature = try order.flag("is_mature")
        moderators = try order.numbers("moderators")
        isOptedIn = try order.flag("ads_opted_in")
        isBlocked = try order.flag("ads_blocked")
        hasAutoAds = try order.flag("auto_ads_active")
        hasStreamed = try order.flag("has_streamed")
        clearsAdBreaks = try order.flag("clear_ad_breaks") ?? false
    }
}

/// What POST /sandbox/drops/claims asks for, checked.
struct ClaimOrder: Sendable {
    let clientID: String
    let userID: Int
    let campaignID: String
    let rewardID: String
    let externalID: String
    let count: Int
    /// Whether the webhook is sent.
    let delivers: Bool

    /// - Parameter standard: the app that is meant when none is named.
    init(_ json: JSON?, standard: String) throws(SandboxError) {
        let order = try OrderReader(
            json,
            known: ["client_id", "user_id", "campaign_id", "reward_id", "external_id", "count", "deliver"])
        clientID = try order.text("client_id") ?? standard
        userID = try order.number("user_id", in: 1...Int.max) ?? Viewer.all[1].id
        campaignID = try order.text("campaign_id") ?? "01JAXK8N4QWRTY5PM7ZEBVJDS8"
        rewardID = try order.text("reward_id") ?? "01K0TDDR08Q5ZNWXK92SDH7SDH"
        externalID = try order.text("external_id") ?? ""
        count = try order.number("count", in: 1...1000) ?? 1
        delivers = try order.flag("deliver") ?? false
    }
}

extension SandboxState {
    /// False when there is no such user.
    mutating func apply(_ order: ChannelOrder, at now: SandboxTime) -> Bool {
        let id = order.broadcasterID
        guard var channel = users[id]?.channel else { return false }
        var account = content.ads[id] ?? SandboxAds()
        if let isLive = order.isLive {
            if isLive != (channel.liveSince != nil) { channel.liveSince = isLive ? now : nil }
            if isLive { account.hasStreamed = true } else { channel.viewerCount = 0 }
        }
        if let value = order.viewerCount { channel.viewerCount = value }
        if let value = order.title { channel.title = value }
        if let value = order.categoryID { channel.categoryID = value }
        if let value = order.language { channel.language = value }
        if let value = order.isMature { channel.isMature = value }
        if let value = order.moderators { content.moderators[id] = Set(value) }
        if let value = order.isOptedIn { account.isOptedIn = value }
        if let value = order.isBlocked { account.isBlocked = value }
        if let value = order.hasAutoAds { account.hasAutoAds = value }
        if let value = order.hasStreamed { account.hasStreamed = value }
        if order.clearsAdBreaks { account.breaks = [] }
        users[id]?.channel = channel
        content.ads[id] = account
        return true
    }

    mutating func claim(_ order: ClaimOrder, at now: SandboxTime) -> SandboxClaim? {
        claim(
            clientID: order.clientID, userID: order.userID, campaignID: order.campaignID, rewardID: order.rewardID,
            externalID: order.externalID, at: now)
    }

    /// What the control API tells of a channel; nil when there is no such user.
    func channelStateJSON(of id: Int, at now: SandboxTime) -> JSON? {
        guard let channel = users[id]?.channel else { return nil }
        let account = content.ads[id] ?? SandboxAds()
        let redemptions = content.redemptions.values.filter { $0.broadcasterID == id }
        return [
            "broadcaster_user_id": .integer(id), "is_live": .bool(channel.liveSince != nil),
            "viewer_count": .integer(channel.viewerCount), "stream_title": .string(channel.title),
            "category_id": .integer(channel.categoryID), "language": .string(channel.language),
            "is_mature": .bool(channel.isMature), "tags": .array(channel.customTags.map { .string($0) }),
            "moderators": .array((content.moderators[id] ?? []).sorted().map { .integer($0) }),
            "bans": bansJSON(of: id, at: now), "rewards": .array(rewards(of: id).map(\.json)),
            "redemptions": .object(
                SandboxRedemption.Status.allCases.map { status in
                    .init(name: status.rawValue, value: .integer(redemptions.count { $0.status == status }))
                }),
            "ads_opted_in": .bool(account.isOptedIn), "ads_blocked": .bool(account.isBlocked),
            "auto_ads_active": .bool(account.hasAutoAds), "has_streamed": .bool(account.hasStreamed),
            "remaining_ad_breaks": .integer(account.remaining(at: now)),
        ]
    }
}
