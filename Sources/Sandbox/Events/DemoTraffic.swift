package import Kick

/// Chooses what happens next in the demo: mostly chat, now and then the rest, only where somebody listens.
package enum DemoTraffic {
    /// Events per second.
    package static let maximumRate = 1000.0

    /// How often each type happens, compared with the others.
    private static let weights: [(type: EventType, weight: Int)] = [
        (.chatMessageSent, 820), (.channelFollowed, 60), (.channelSubscriptionNew, 25),
        (.channelSubscriptionRenewal, 20), (.channelSubscriptionGifts, 15), (.kicksGifted, 25),
        (.channelRewardRedemptionUpdated, 22), (.livestreamMetadataUpdated, 5), (.livestreamStatusUpdated, 4),
        (.moderationBanned, 4),
    ]

    /// A type and a broadcaster who is subscribed to it. Nil when nobody is subscribed to anything.
    package static func next(
        in state: SandboxState, using random: inout some RandomNumberGenerator
    ) -> (type: EventType, broadcasterID: Int)? {
        let possible = weights.filter { state.subscriptionTable.hasEvent($0.type.rawValue) }
        let total = possible.reduce(0) { $0 + $1.weight }
        guard total > 0 else { return nil }
        var pick = Int.random(in: 0..<total, using: &random)
        for (type, weight) in possible {
            pick -= weight
            guard pick < 0 else { continue }
            let ids = state.subscriptions.filter { $0.event == type.rawValue }.map(\.broadcasterID)
            return ids.randomElement(using: &random).map { (type, $0) }
        }
        return nil
    }
}
