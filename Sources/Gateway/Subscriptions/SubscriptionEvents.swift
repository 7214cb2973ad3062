import Model

/// The events `gateway.subscription.*`: a wanted event type does not come as it should, or does again.
enum SubscriptionEvents {
    private struct Body: Encodable {
        let broadcasterUserID: Int64
        let subscriptionType: String
        let state: SubscriptionState
        let reason: String?
        let lastDeliveryAt: Timestamp?
        let usualGapSeconds: Int64?
        let at: Timestamp

        enum CodingKeys: String, CodingKey {
            case broadcasterUserID = "broadcaster_user_id"
            case subscriptionType = "subscription_type"
            case state, reason
            case lastDeliveryAt = "last_delivery_at"
            case usualGapSeconds = "usual_gap_seconds"
            case at
        }

        /// Every name is always there; what is not known is null.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(broadcasterUserID, forKey: .broadcasterUserID)
            try container.encode(subscriptionType, forKey: .subscriptionType)
            try container.encode(state, forKey: .state)
            try container.encode(reason, forKey: .reason)
            try container.encode(lastDeliveryAt, forKey: .lastDeliveryAt)
            try container.encode(usualGapSeconds, forKey: .usualGapSeconds)
            try container.encode(at, forKey: .at)
        }
    }

    /// - Parameter trouble: nil says that the last one is over.
    static func make(
        _ trouble: SubscriptionTrouble?, _ subscription: ObservedSubscription, of broadcasterUserID: Int64,
        at time: Timestamp
    ) -> GatewayEvent {
        let reason: String? =
            switch trouble {
            case nil: nil
            case .silent: "Kick lists the subscription, and nothing has come for far longer than usual."
            case .failed: subscription.lastError
            case .limited: "The app has as many subscriptions of this type as Kick allows."
            case .lost:
                "Kick had the subscription and has it no more. It is being asked for again; what happened meanwhile did not come."
            }
        let body = Body(
            broadcasterUserID: broadcasterUserID, subscriptionType: subscription.type, state: subscription.state,
            reason: reason, lastDeliveryAt: subscription.deliveredAt,
            usualGapSeconds: subscription.usualGap.map(\.components.seconds), at: time)
        return GatewayEvent(
            type: "gateway.subscription." + (trouble?.rawValue ?? "active"), broadcasterUserID: broadcasterUserID,
            payload: body)
    }
}
