package import Model

/// One viewer's redemption of a reward (FACTS §2.4).
package struct KickRedemption: Hashable, Sendable {
    /// The reward as it stands beside its redemptions.
    package struct Reward: Decodable, Hashable, Sendable {
        package let id: String
        package let title: String
        package let description: String?
        package let cost: Int?
        /// Whether this app made it, and may accept and reject.
        package let canManage: Bool
        package let isDeleted: Bool

        enum CodingKeys: String, CodingKey {
            case id, title, description, cost
            case canManage = "can_manage"
            case isDeleted = "is_deleted"
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            id = try container.decode(String.self, forKey: .id)
            title = try container.decodeIfPresent(String.self, forKey: .title) ?? ""
            description = try container.decodeText(forKey: .description)
            cost = try container.decodeIfPresent(Int.self, forKey: .cost)
            canManage = try container.decodeFlag(forKey: .canManage)
            isDeleted = try container.decodeFlag(forKey: .isDeleted)
        }
    }

    package let id: String
    /// `pending`, `accepted` or `rejected`.
    package let status: String
    package let redeemedAt: Timestamp?
    package let userInput: String?
    /// Who redeemed.
    package let userID: Int64?
    package let reward: Reward
}

/// How Kick lists redemptions: by reward.
struct RedemptionGroup: Decodable, Sendable {
    private struct Entry: Decodable {
        struct Redeemer: Decodable {
            let userID: Int64?

            enum CodingKeys: String, CodingKey {
                case userID = "user_id"
            }
        }

        let id: String
        let status: String
        let redeemedAt: Timestamp?
        let userInput: String?
        let redeemer: Redeemer?

        enum CodingKeys: String, CodingKey {
            case id, status, redeemer
            case redeemedAt = "redeemed_at"
            case userInput = "user_input"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            id = try container.decode(String.self, forKey: .id)
            status = try container.decode(String.self, forKey: .status)
            redeemedAt = try container.decodeTime(forKey: .redeemedAt)
            userInput = try container.decodeText(forKey: .userInput)
            redeemer = try container.decodeIfPresent(Redeemer.self, forKey: .redeemer)
        }
    }

    let redemptions: [KickRedemption]

    enum CodingKeys: String, CodingKey {
        case reward, redemptions
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let reward = try container.decode(KickRedemption.Reward.self, forKey: .reward)
        redemptions = try container.decodeList(Entry.self, forKey: .redemptions).map { entry in
            let userID = entry.redeemer?.userID
            return KickRedemption(
                id: entry.id, status: entry.status, redeemedAt: entry.redeemedAt, userInput: entry.userInput,
                userID: userID == 0 ? nil : userID, reward: reward)
        }
    }
}

/// A redemption that Kick did not accept or reject as asked (FACTS §2.4).
package struct FailedRedemption: Decodable, Hashable, Sendable {
    package let id: String
    /// `UNKNOWN`, `NOT_PENDING`, `NOT_FOUND`, `NOT_OWNED`, or what Kick invents tomorrow.
    package let reason: String

    enum CodingKeys: String, CodingKey {
        case id, reason
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        reason = try container.decodeText(forKey: .reason).map { KickError.cleaned($0, of: []) } ?? "UNKNOWN"
    }
}
