package import Model

/// `channel.subscription.gifts`: somebody, perhaps anonymous, gave subscriptions away. Sent even if the payment fails
/// later.
package struct ChannelSubscriptionGifts: EventPayload {
    package static let type = EventType.channelSubscriptionGifts

    package let broadcaster: EventUser
    package let gifter: EventUser
    package let giftees: [EventUser]
    package let createdAt: Timestamp?
    package let expiresAt: Timestamp?

    enum CodingKeys: String, CodingKey {
        case broadcaster, gifter, giftees
        case createdAt = "created_at"
        case expiresAt = "expires_at"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        broadcaster = try container.decode(EventUser.self, forKey: .broadcaster)
        gifter = try container.decode(EventUser.self, forKey: .gifter)
        giftees = try container.decodeList(forKey: .giftees)
        createdAt = try container.decodeTime(forKey: .createdAt)
        expiresAt = try container.decodeTime(forKey: .expiresAt)
    }
}
