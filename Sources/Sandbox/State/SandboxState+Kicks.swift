package import HTTP
import Kick

/// KICKs that somebody gave a channel.
struct SandboxGift: Codable, Hashable, Sendable {
    let userID: Int
    let amount: Int
    let at: SandboxTime
}

extension SandboxState {
    /// Per channel; the oldest make room.
    private static let maximumGifts = 10_000

    /// GET /public/v1/kicks/leaderboard (FACTS §2.9). A week has seven days, a month thirty, up to now.
    package func leaderboardAnswer(_ query: QueryItems, for bearer: Bearer, at now: SandboxTime) -> APIAnswer {
        guard let userID = bearer.userID, bearer.has("kicks:read") else { return .forbidden }
        guard let top = Int(query["top"] ?? "10"), (1...100).contains(top) else { return .invalidRequest }
        let gifts = content.gifts[userID] ?? []
        func ranks(since start: SandboxTime?) -> JSON {
            var amounts: [Int: Int] = [:]
            for gift in gifts where start.map({ $0 < gift.at }) ?? true {
                amounts[gift.userID, default: 0] += gift.amount
            }
            let ranked = amounts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(top)
            return .array(
                ranked.enumerated().map { index, entry in
                    [
                        "gifted_amount": .integer(entry.value), "rank": .integer(index + 1),
                        "user_id": .integer(entry.key), "username": .string(person(entry.key).username),
                    ]
                })
        }
        return .ok([
            "lifetime": ranks(since: nil), "month": ranks(since: now + -30 * 86400),
            "week": ranks(since: now + -7 * 86400),
        ])
    }

    private mutating func count(_ gift: SandboxGift, to broadcasterID: Int) {
        if content.gifts[broadcasterID, default: []].count >= Self.maximumGifts {
            content.gifts[broadcasterID]?.removeFirst(Self.maximumGifts / 10)
        }
        content.gifts[broadcasterID, default: []].append(gift)
    }

    /// Takes it from the body of a `kicks.gifted`.
    mutating func count(gift body: JSON, at now: SandboxTime) {
        guard let broadcasterID = body["broadcaster"]?["user_id"]?.integerValue,
            let userID = body["sender"]?["user_id"]?.integerValue, let amount = body["gift"]?["amount"]?.integerValue
        else { return }
        count(SandboxGift(userID: userID, amount: amount, at: now), to: broadcasterID)
    }

    /// Somebody gives KICKs. Nil when there is no such broadcaster.
    mutating func give(
        _ amount: Int, by userID: Int, to broadcasterID: Int, message: String, at now: SandboxTime
    ) -> SandboxEvent? {
        guard let broadcaster = users[broadcasterID] else { return nil }
        count(SandboxGift(userID: userID, amount: amount, at: now), to: broadcasterID)
        let isLarge = amount >= 500
        return SandboxEvent(
            type: .kicksGifted, broadcasterID: broadcasterID,
            body: [
                "broadcaster": broadcaster.bareEventUser, "sender": person(userID).bareUser,
                "gift": [
                    "amount": .integer(amount), "name": isLarge ? "Rage Quit" : "Full Send",
                    "type": isLarge ? "LEVEL_UP" : "BASIC", "tier": isLarge ? "MID" : "BASIC",
                    "message": .string(message), "pinned_time_seconds": isLarge ? 600 : 0,
                ],
                "created_at": .string(now.textWithMilliseconds),
            ])
    }
}
