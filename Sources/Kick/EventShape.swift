/// What a body looks like, type by type. Kick does not sign the type (FACTS §4.2), and anybody with a Kick app has genuine
/// deliveries: a follow must not pass for a gift.
enum EventShape {
    /// Members of the outermost object that only these types have (FACTS §4.6).
    private static let marks: [(member: String, types: Set<EventType>)] = [
        ("content", [.chatMessageSent]),
        ("follower", [.channelFollowed]),
        ("subscriber", [.channelSubscriptionNew, .channelSubscriptionRenewal]),
        ("giftees", [.channelSubscriptionGifts]),
        ("reward", [.channelRewardRedemptionUpdated]),
        ("is_live", [.livestreamStatusUpdated]),
        ("banned_user", [.moderationBanned]),
        ("gift", [.kicksGifted]),
        // Bans have one, too, beside their own mark: it counts alone.
        ("metadata", [.livestreamMetadataUpdated]),
    ]

    /// What to look for in a body.
    static let members = marks.map(\.member)

    /// Whether a body with these members cannot be of the type: it has the marks of others only. A body without any mark, and a
    /// type that the catalogue does not know, are taken as they come (P13).
    static func contradicts(_ type: EventType, hasMember: [Bool]) -> Bool {
        guard EventCatalog.entry(for: type) != nil else { return false }
        var found = zip(marks, hasMember).filter(\.1).map(\.0)
        if found.count > 1 { found.removeAll { $0.member == "metadata" } }
        return !found.isEmpty && !found.allSatisfy { $0.types.contains(type) }
    }
}
