import Kick

/// Somebody who may not write in a channel.
struct SandboxBan: Codable, Hashable, Sendable {
    let moderatorID: Int
    let reason: String
    let createdAt: SandboxTime
    /// Nil: for ever.
    let expiresAt: SandboxTime?
}

extension SandboxState {
    /// POST /public/v1/moderation/bans (FACTS §2.8). A second ban takes the place of the first.
    package mutating func ban(_ body: JSON?, for bearer: Bearer, at now: SandboxTime) -> APIOutcome {
        guard let moderatorID = bearer.userID, bearer.has("moderation:ban") else { return APIOutcome(.forbidden) }
        guard let (broadcasterID, userID) = Self.banned(body), let duration = Self.duration(body),
            let reason = Self.reason(body), userID != broadcasterID
        else { return APIOutcome(.invalidRequest) }
        guard let broadcaster = users[broadcasterID], moderates(moderatorID, broadcasterID) else {
            return APIOutcome(.forbidden)
        }
        let ban = SandboxBan(
            moderatorID: moderatorID, reason: reason, createdAt: now,
            expiresAt: duration == 0 ? nil : now + duration * 60)
        content.bans[broadcasterID, default: [:]][userID] = ban
        let event: JSON = [
            "broadcaster": broadcaster.eventUser, "moderator": person(moderatorID).user(),
            "banned_user": person(userID).user(),
            "metadata": [
                "reason": .string(reason), "created_at": .string(now.text),
                "expires_at": .optional(ban.expiresAt?.text),
            ],
        ]
        return APIOutcome(
            .ok([:]), [SandboxEvent(type: .moderationBanned, broadcasterID: broadcasterID, body: event)])
    }

    /// DELETE /public/v1/moderation/bans (FACTS §2.8): no event, and no complaint when there is no ban.
    package mutating func unban(_ body: JSON?, for bearer: Bearer) -> APIAnswer {
        guard let moderatorID = bearer.userID, bearer.has("moderation:ban") else { return .forbidden }
        guard let (broadcasterID, userID) = Self.banned(body) else { return .invalidRequest }
        guard users[broadcasterID] != nil, moderates(moderatorID, broadcasterID) else { return .forbidden }
        content.bans[broadcasterID]?[userID] = nil
        return .ok([:])
    }

    private static func banned(_ body: JSON?) -> (broadcasterID: Int, userID: Int)? {
        guard let broadcasterID = body?["broadcaster_user_id"]?.integerValue, broadcasterID > 0,
            let userID = body?["user_id"]?.integerValue, userID > 0
        else { return nil }
        return (broadcasterID, userID)
    }

    /// "" without any; nil when out of bounds.
    private static func reason(_ body: JSON?) -> String? {
        guard let value = body?["reason"] else { return "" }
        return value.stringValue.flatMap { $0.count <= 100 ? $0 : nil }
    }

    /// Minutes, 0 without any; nil when out of bounds.
    private static func duration(_ body: JSON?) -> Int? {
        guard let value = body?["duration"] else { return 0 }
        return value.integerValue.flatMap { (1...10_080).contains($0) ? $0 : nil }
    }

    // MARK: Looking

    /// Bans of a channel that hold now, for the control API.
    package func bansJSON(of broadcasterID: Int, at now: SandboxTime) -> JSON {
        let bans = (content.bans[broadcasterID] ?? [:]).filter { ban in ban.value.expiresAt.map { now < $0 } ?? true }
        return .array(
            bans.sorted { $0.key < $1.key }.map { userID, ban in
                [
                    "user_id": .integer(userID), "moderator_user_id": .integer(ban.moderatorID),
                    "reason": .string(ban.reason), "created_at": .string(ban.createdAt.text),
                    "expires_at": .optional(ban.expiresAt?.text),
                ]
            })
    }
}
