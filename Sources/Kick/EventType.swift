/// The name of an event, as in the header `Kick-Event-Type`. Open: unknown names are kept and passed on (P13).
package struct EventType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    package var description: String { rawValue }

    package static let chatMessageSent = EventType(rawValue: "chat.message.sent")
    package static let channelFollowed = EventType(rawValue: "channel.followed")
    package static let channelSubscriptionNew = EventType(rawValue: "channel.subscription.new")
    package static let channelSubscriptionRenewal = EventType(rawValue: "channel.subscription.renewal")
    package static let channelSubscriptionGifts = EventType(rawValue: "channel.subscription.gifts")
    package static let channelRewardRedemptionUpdated = EventType(rawValue: "channel.reward.redemption.updated")
    package static let livestreamStatusUpdated = EventType(rawValue: "livestream.status.updated")
    package static let livestreamMetadataUpdated = EventType(rawValue: "livestream.metadata.updated")
    package static let moderationBanned = EventType(rawValue: "moderation.banned")
    /// Comes on a way of its own, without a subscription (FACTS §4.7), and is named so here: Kick has no name for it.
    package static let dropsClaim = EventType(rawValue: "drops.claim")
    package static let kicksGifted = EventType(rawValue: "kicks.gifted")
}
