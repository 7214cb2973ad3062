/// What viewers can get for their channel points (FACTS §2.4).
package struct KickReward: Decodable, Hashable, Sendable {
    package let id: String
    package let title: String
    package let description: String?
    package let cost: Int
    /// `#rrggbb`
    package let backgroundColor: String?
    package let isEnabled: Bool
    package let isPaused: Bool
    package let isUserInputRequired: Bool
    /// Whether a redemption counts as accepted at once.
    package let skipsRequestQueue: Bool

    enum CodingKeys: String, CodingKey {
        case id, title, description, cost
        case backgroundColor = "background_color"
        case isEnabled = "is_enabled"
        case isPaused = "is_paused"
        case isUserInputRequired = "is_user_input_required"
        case skipsRequestQueue = "should_redemptions_skip_request_queue"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        title = try container.decodeIfPresent(String.self, forKey: .title) ?? ""
        description = try container.decodeText(forKey: .description)
        cost = try container.decode(Int.self, forKey: .cost)
        backgroundColor = try container.decodeText(forKey: .backgroundColor)
        isEnabled = try container.decodeFlag(forKey: .isEnabled)
        isPaused = try container.decodeFlag(forKey: .isPaused)
        isUserInputRequired = try container.decodeFlag(forKey: .isUserInputRequired)
        skipsRequestQueue = try container.decodeFlag(forKey: .skipsRequestQueue)
    }
}

/// What can be said of a reward: all of it of a new one, a part of it to change one.
private struct RewardBody: Encodable {
    let title: String?
    let cost: Int?
    let description: String?
    let backgroundColor: String?
    let isEnabled: Bool?
    var isPaused: Bool?
    let isUserInputRequired: Bool?
    let skipsRequestQueue: Bool?

    enum CodingKeys: String, CodingKey {
        case title, cost, description
        case backgroundColor = "background_color"
        case isEnabled = "is_enabled"
        case isPaused = "is_paused"
        case isUserInputRequired = "is_user_input_required"
        case skipsRequestQueue = "should_redemptions_skip_request_queue"
    }

    func check() throws(KickBoundError) {
        if let title { try Bound.text(title, 1...50, "title") }
        if let cost { try Bound.positive(cost, "cost") }
        if let description { try Bound.text(description, 0...200, "description") }
        if let backgroundColor, !Self.isColor(backgroundColor) {
            throw KickBoundError("background_color", "must be a colour such as #00e701")
        }
    }

    private static func isColor(_ text: String) -> Bool {
        text.utf8.count == 7 && text.utf8.first == UInt8(ascii: "#")
            && text.utf8.dropFirst().allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
                    UInt8(ascii: "A")...UInt8(ascii: "F"):
                    true
                default: false
                }
            }
    }
}

/// A reward to be made (FACTS §2.4). What is nil is Kick's to choose: green, enabled, without input, through the queue.
package struct NewReward: Encodable, Sendable {
    private let body: RewardBody

    /// Throws for a title that is blank or not 1 to 50 characters long, for a cost below 1, for a description of more than
    /// 200 characters, and for a colour that is not `#rrggbb`.
    package init(
        title: String, cost: Int, description: String? = nil, backgroundColor: String? = nil, isEnabled: Bool? = nil,
        isUserInputRequired: Bool? = nil, skipsRequestQueue: Bool? = nil
    ) throws(KickBoundError) {
        body = RewardBody(
            title: title, cost: cost, description: description, backgroundColor: backgroundColor,
            isEnabled: isEnabled, isUserInputRequired: isUserInputRequired, skipsRequestQueue: skipsRequestQueue)
        try body.check()
    }

    package func encode(to encoder: any Encoder) throws { try body.encode(to: encoder) }
}

/// What is to change about a reward (FACTS §2.4). What is nil stays as it is.
package struct RewardChange: Encodable, Sendable {
    private let body: RewardBody

    /// Throws when there is nothing to change, and as `NewReward` does.
    package init(
        title: String? = nil, cost: Int? = nil, description: String? = nil, backgroundColor: String? = nil,
        isEnabled: Bool? = nil, isPaused: Bool? = nil, isUserInputRequired: Bool? = nil,
        skipsRequestQueue: Bool? = nil
    ) throws(KickBoundError) {
        let texts = [title, description, backgroundColor]
        let flags = [isEnabled, isPaused, isUserInputRequired, skipsRequestQueue]
        guard cost != nil || texts.contains(where: { $0 != nil }) || flags.contains(where: { $0 != nil }) else {
            throw KickBoundError("body", "must have at least one member")
        }
        body = RewardBody(
            title: title, cost: cost, description: description, backgroundColor: backgroundColor,
            isEnabled: isEnabled, isPaused: isPaused, isUserInputRequired: isUserInputRequired,
            skipsRequestQueue: skipsRequestQueue)
        try body.check()
    }

    package func encode(to encoder: any Encoder) throws { try body.encode(to: encoder) }
}
