package import Model

/// `channel.reward.redemption.updated`: a viewer redeemed a reward, or its state changed. The same id comes once per
/// state.
package struct ChannelRewardRedemptionUpdated: EventPayload {
    package static let type = EventType.channelRewardRedemptionUpdated

    /// ULID, not to be validated: Kick's samples are of several lengths.
    package let id: String
    /// What the viewer typed; nil when nothing.
    package let userInput: String?
    package let status: Status
    package let redeemedAt: Timestamp?
    package let reward: Reward
    package let redeemer: EventUser
    package let broadcaster: EventUser

    enum CodingKeys: String, CodingKey {
        case id
        case userInput = "user_input"
        case status
        case redeemedAt = "redeemed_at"
        case reward, redeemer, broadcaster
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        userInput = try container.decodeText(forKey: .userInput)
        status = try Status(rawValue: container.decode(String.self, forKey: .status))
        redeemedAt = try container.decodeTime(forKey: .redeemedAt)
        reward = try container.decode(Reward.self, forKey: .reward)
        redeemer = try container.decode(EventUser.self, forKey: .redeemer)
        broadcaster = try container.decode(EventUser.self, forKey: .broadcaster)
    }

    /// State of a redemption. Open.
    package struct Status: RawRepresentable, Hashable, Sendable {
        package let rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        package static let pending = Status(rawValue: "pending")
        package static let accepted = Status(rawValue: "accepted")
        package static let rejected = Status(rawValue: "rejected")
    }

    /// What was redeemed.
    package struct Reward: Decodable, Sendable {
        /// ULID.
        package let id: String
        package let title: String?
        /// Channel points.
        package let cost: Int?
        package let description: String?
    }
}
