/// Advertisements in a channel (FACTS §2.13).
struct SandboxAds: Codable, Hashable, Sendable {
    struct Break: Codable, Hashable, Sendable {
        let id: String
        let seconds: Int
        let createdAt: SandboxTime
    }

    var isOptedIn = false
    var isBlocked = false
    var hasAutoAds = false
    /// Whether the channel was ever live.
    var hasStreamed = false
    /// Oldest first; only those that still count.
    var breaks: [Break] = []

    static let maximumBreaks = 3
    static let periodSeconds = 3600

    func remaining(at now: SandboxTime) -> Int { max(0, Self.maximumBreaks - counting(at: now).count) }

    func counting(at now: SandboxTime) -> [Break] { breaks.filter { now < $0.createdAt + Self.periodSeconds } }

    func isRunning(at now: SandboxTime) -> Bool { breaks.contains { now < $0.createdAt + $0.seconds } }
}

extension SandboxState {
    /// POST /public/v1/ads/ad-break (FACTS §2.13).
    package mutating func startAdBreak(
        _ body: JSON?, for bearer: Bearer, policy: APIPolicy = APIPolicy(), at now: SandboxTime
    ) -> APIAnswer {
        guard let userID = bearer.userID, bearer.has("ads:write") else { return .forbidden }
        guard let id = body?["id"]?.stringValue, Self.isUUID(id),
            let seconds = body?["break_duration_seconds"]?.integerValue, (7...300).contains(seconds)
        else { return .invalidRequest }
        var account = content.ads[userID] ?? SandboxAds()
        guard users[userID]?.channel.liveSince != nil else { return .code("CHANNEL_IS_NOT_LIVE") }
        guard account.isOptedIn else { return .code("CHANNEL_NOT_OPTED_IN") }
        guard !account.isBlocked else { return .code("ADS_BLOCKED") }
        guard !account.hasAutoAds else { return .code("AUTO_ADS_ACTIVE") }
        guard !account.isRunning(at: now) else { return .code("AD_BREAK_ACTIVE", status: 409) }
        guard account.remaining(at: now) > 0 else { return .code("MAX_AD_BREAKS_REACHED", status: 429) }
        account.breaks = account.counting(at: now) + [SandboxAds.Break(id: id, seconds: seconds, createdAt: now)]
        content.ads[userID] = account
        return .accepted(
            ["id": .string(id), "remaining_ad_breaks": .integer(account.remaining(at: now))],
            status: policy.adBreakStatus)
    }

    /// GET /public/v1/ads/ad-break-status (FACTS §2.13).
    package func adBreakStatusAnswer(for bearer: Bearer, at now: SandboxTime) -> APIAnswer {
        guard let userID = bearer.userID, bearer.has("ads:read") || bearer.has("ads:write") else { return .forbidden }
        let account = content.ads[userID] ?? SandboxAds()
        return .ok([
            "opted_in": .bool(account.isOptedIn), "ads_blocked": .bool(account.isBlocked),
            "auto_ads_active": .bool(account.hasAutoAds), "remaining_ad_breaks": .integer(account.remaining(at: now)),
            "ad_breaks": .array(
                account.counting(at: now).map { one in
                    [
                        "id": .string(one.id), "status": "inserted", "break_duration_seconds": .integer(one.seconds),
                        "created_at": .string(one.createdAt.text), "source": "public_api",
                    ]
                }),
            "limits": [
                "max": .integer(SandboxAds.maximumBreaks), "period_seconds": .integer(SandboxAds.periodSeconds),
            ],
        ])
    }

    /// POST /public/v1/ads/enroll (FACTS §2.13): a channel that is not live, and was once.
    package mutating func enrollInAds(for bearer: Bearer) -> APIAnswer {
        guard let userID = bearer.userID, bearer.has("ads:write") else { return .forbidden }
        guard let user = users[userID] else { return .code("CHANNEL_NOT_FOUND", status: 404) }
        guard user.channel.liveSince == nil else { return .code("CHANNEL_IS_LIVE") }
        guard content.ads[userID]?.hasStreamed == true else { return .code("CHANNEL_NEVER_STREAMED") }
        content.ads[userID]?.isOptedIn = true
        return .ok([:])
    }
}
