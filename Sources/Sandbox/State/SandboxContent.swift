/// What lives in the channels beside their title: rewards, bans, gifts, claims, ads.
struct SandboxContent: Codable, Sendable {
    /// By id; those that were deleted stay, because redemptions speak of them.
    var rewards: [String: SandboxReward] = [:]
    /// By id.
    var redemptions: [String: SandboxRedemption] = [:]
    /// By broadcaster, then by the user who is banned.
    var bans: [Int: [Int: SandboxBan]] = [:]
    /// By broadcaster.
    var moderators: [Int: Set<Int>] = [:]
    /// By broadcaster, oldest first.
    var gifts: [Int: [SandboxGift]] = [:]
    /// By id.
    var claims: [String: SandboxClaim] = [:]
    /// By broadcaster.
    var ads: [Int: SandboxAds] = [:]

    init() {}

    /// What a file of an older version lacks is empty.
    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        rewards = try container.decodeIfPresent([String: SandboxReward].self, forKey: .rewards) ?? [:]
        redemptions = try container.decodeIfPresent([String: SandboxRedemption].self, forKey: .redemptions) ?? [:]
        bans = try container.decodeIfPresent([Int: [Int: SandboxBan]].self, forKey: .bans) ?? [:]
        moderators = try container.decodeIfPresent([Int: Set<Int>].self, forKey: .moderators) ?? [:]
        gifts = try container.decodeIfPresent([Int: [SandboxGift]].self, forKey: .gifts) ?? [:]
        claims = try container.decodeIfPresent([String: SandboxClaim].self, forKey: .claims) ?? [:]
        ads = try container.decodeIfPresent([Int: SandboxAds].self, forKey: .ads) ?? [:]
    }
}
