/// Something that viewers spend their points on (FACTS §2.4).
struct SandboxReward: Codable, Hashable, Sendable {
    let id: String
    let broadcasterID: Int
    /// The app that made it: no other changes it. Nil: the broadcaster did, in the dashboard.
    let clientID: String?
    var title: String
    var cost: Int
    var description = ""
    var backgroundColor = "#00e701"
    var isEnabled = true
    var isPaused = false
    var isUserInputRequired = false
    var skipsRequestQueue = false
    var isDeleted = false

    /// As its own call tells it.
    var json: JSON {
        [
            "background_color": .string(backgroundColor), "cost": .integer(cost), "description": .string(description),
            "id": .string(id), "is_enabled": .bool(isEnabled), "is_paused": .bool(isPaused),
            "is_user_input_required": .bool(isUserInputRequired),
            "should_redemptions_skip_request_queue": .bool(skipsRequestQueue), "title": .string(title),
        ]
    }

    /// As the list of redemptions tells it to an app.
    func jsonOfRedemptions(for clientID: String) -> JSON {
        var members: [JSON.Member] = [
            .init(name: "can_manage", value: .bool(clientID == self.clientID)),
            .init(name: "cost", value: .integer(cost)), .init(name: "description", value: .string(description)),
            .init(name: "id", value: .string(id)),
        ]
        // Only there when it holds.
        if isDeleted { members.append(.init(name: "is_deleted", value: true)) }
        return .object(members + [.init(name: "title", value: .string(title))])
    }

    /// Takes what the body of a POST or PATCH names. False when something in it is out of bounds.
    mutating func apply(_ body: JSON) -> Bool {
        if let value = body["title"] {
            guard let text = value.stringValue, (1...50).contains(text.count) else { return false }
            title = text
        }
        if let value = body["cost"] {
            guard let number = value.integerValue, number >= 1 else { return false }
            cost = number
        }
        if let value = body["description"] {
            guard let text = value.stringValue, text.count <= 200 else { return false }
            description = text
        }
        if let value = body["background_color"] {
            guard let text = value.stringValue, Self.isColor(text) else { return false }
            backgroundColor = text
        }
        return take("is_enabled", body, &isEnabled) && take("is_user_input_required", body, &isUserInputRequired)
            && take("should_redemptions_skip_request_queue", body, &skipsRequestQueue)
    }

    /// Only a PATCH pauses.
    mutating func pause(_ body: JSON) -> Bool { take("is_paused", body, &isPaused) }

    private func take(_ name: String, _ body: JSON, _ flag: inout Bool) -> Bool {
        guard let value = body[name] else { return true }
        guard let wish = value.boolValue else { return false }
        flag = wish
        return true
    }

    private static func isColor(_ text: String) -> Bool {
        text.first == "#" && text.count == 7
            && text.dropFirst().allSatisfy { $0.isASCII && $0.isHexDigit }
    }

    /// What a PATCH may name.
    static let members = [
        "title", "cost", "description", "background_color", "is_enabled", "is_paused", "is_user_input_required",
        "should_redemptions_skip_request_queue",
    ]
}

/// That a viewer spent points on a reward.
struct SandboxRedemption: Codable, Hashable, Sendable {
    enum Status: String, Codable, Sendable, CaseIterable {
        case pending
        case accepted
        case rejected
    }

    let id: String
    let rewardID: String
    let broadcasterID: Int
    let userID: Int
    let userInput: String
    let redeemedAt: SandboxTime
    var status: Status

    /// Of the redeemer only the id: the webhook says more.
    var json: JSON {
        [
            "id": .string(id), "redeemed_at": .string(redeemedAt.text), "redeemer": ["user_id": .integer(userID)],
            "status": .string(status.rawValue), "user_input": .string(userInput),
        ]
    }
}
