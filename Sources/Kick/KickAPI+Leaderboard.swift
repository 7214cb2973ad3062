import HTTP
package import Net
package import Telemetry

/// Who gave most KICKs to a channel (FACTS §2.9).
package struct KicksLeaderboard: Decodable, Hashable, Sendable {
    package struct Entry: Decodable, Hashable, Sendable {
        package let rank: Int
        package let userID: Int64?
        package let username: String?
        /// In KICKs.
        package let giftedAmount: Int

        enum CodingKeys: String, CodingKey {
            case rank, username
            case userID = "user_id"
            case giftedAmount = "gifted_amount"
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            rank = try container.decode(Int.self, forKey: .rank)
            let userID = try container.decodeIfPresent(Int64.self, forKey: .userID)
            self.userID = userID == 0 ? nil : userID
            username = try container.decodeText(forKey: .username)
            giftedAmount = try container.decode(Int.self, forKey: .giftedAmount)
        }
    }

    package let lifetime: [Entry]
    package let month: [Entry]
    package let week: [Entry]

    enum CodingKeys: String, CodingKey {
        case lifetime, month, week
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        lifetime = try container.decodeList(forKey: .lifetime)
        month = try container.decodeList(forKey: .month)
        week = try container.decodeList(forKey: .week)
    }
}

/// How much of the leaderboard to tell.
package struct LeaderboardSelection: Hashable, Sendable {
    package let top: Int?

    /// Throws for a `top` outside of 1...100. Nil: Kick's default, 10.
    package init(top: Int? = nil) throws(KickBoundError) {
        if let top { try Bound.number(top, 1...100, "top") }
        self.top = top
    }
}

extension KickAPI {
    /// The leaderboard of the token's own channel. User token with `kicks:read`.
    package func kicksLeaderboard(
        _ selection: LeaderboardSelection, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> KicksLeaderboard {
        var query = QueryItems()
        query.append("top", ifAny: selection.top)
        return try await value(KickRequest(.kicksLeaderboard, query: query, bearer: token), deadline)
    }
}
