package import Model

/// `channel.subscription.renewal`: a subscription went on for another period. The viewer's message is not in it.
package struct ChannelSubscriptionRenewal: EventPayload {
    package static let type = EventType.channelSubscriptionRenewal

    package let broadcaster: EventUser
    package let subscriber: EventUser
    /// Presumably months.
    package let duration: Int?
    package let createdAt: Timestamp?
    package let expiresAt: Timestamp?

    enum CodingKeys: String, CodingKey {
        case broadcaster, subscriber, duration
        case createdAt = "created_at"
        case expiresAt = "expires_at"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        broadcaster = try container.decode(EventUser.self, forKey: .broadcaster)
        subscriber = try container.decode(EventUser.self, forKey: .subscriber)
        duration = try container.decodeIfPresent(Int.self, forKey: .duration)
        createdAt = try container.decodeTime(forKey: .createdAt)
        expiresAt = try container.decodeTime(forKey: .expiresAt)
    }
}
