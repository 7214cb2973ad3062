import HTTP
package import Net
package import Telemetry

/// Which redemptions to list (FACTS §2.4).
package struct RedemptionSelection: Hashable, Sendable {
    package static let statuses = ["pending", "accepted", "rejected"]

    package let rewardID: KickID?
    /// Nil: pending ones.
    package let status: String?
    package let ids: [KickID]
    package let cursor: String?

    /// Throws for ids beside anything else, for more than 100 ids or doubles among them, for a status that does not
    /// exist, for what cannot be an id, and for a cursor of more than 512 characters.
    package init(
        rewardID: String? = nil, status: String? = nil, ids: [String] = [], cursor: String? = nil
    ) throws(KickBoundError) {
        try Bound.count(ids, 0...100, "ids")
        try Bound.unique(ids, "ids")
        if !ids.isEmpty, rewardID != nil || status != nil || cursor != nil {
            throw KickBoundError("ids", "must not stand beside reward, status and cursor")
        }
        if let status, !Self.statuses.contains(status) {
            throw KickBoundError("status", "must be pending, accepted or rejected")
        }
        if let cursor { try Bound.opaque(cursor, 1...512, "cursor") }
        self.rewardID = try KickID.ifAny(rewardID, named: "reward")
        self.status = status
        self.ids = try KickID.list(ids, named: "ids")
        self.cursor = cursor
    }
}

/// Redemptions to be accepted or rejected together.
package struct RedemptionBatch: Hashable, Sendable {
    package let ids: [KickID]

    /// Throws for less than 1 or more than 25 ids, for doubles, and for what cannot be an id.
    package init(ids: [String]) throws(KickBoundError) {
        try Bound.count(ids, 1...25, "ids")
        try Bound.unique(ids, "ids")
        self.ids = try KickID.list(ids, named: "ids")
    }
}

extension KickAPI {
    /// The redemptions of the token's own channel. User token with `channel:rewards:read` or `channel:rewards:write`.
    package func redemptions(
        _ selection: RedemptionSelection, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> KickPage<KickRedemption> {
        var query = QueryItems()
        query.append("reward_id", ifAny: selection.rewardID)
        query.append("status", ifAny: selection.status)
        for id in selection.ids { query.append("id", id.text) }
        query.append("cursor", ifAny: selection.cursor)
        let request = KickRequest(.redemptions, query: query, bearer: token, maximumAnswer: 4 << 20)
        let page = try await page(of: RedemptionGroup.self, request, deadline)
        return KickPage(elements: page.elements.flatMap(\.redemptions), nextCursor: page.nextCursor)
    }

    /// Accepts redemptions of this app's rewards. User token with `channel:rewards:write`. Those that Kick names come back;
    /// all others are accepted.
    package func acceptRedemptions(
        _ batch: RedemptionBatch, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> [FailedRedemption] {
        try await decide(.acceptRedemptions, batch, token, deadline)
    }

    /// Rejects redemptions of this app's rewards. User token with `channel:rewards:write`. Those that Kick names come back;
    /// all others are rejected.
    package func rejectRedemptions(
        _ batch: RedemptionBatch, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> [FailedRedemption] {
        try await decide(.rejectRedemptions, batch, token, deadline)
    }

    private func decide(
        _ operation: KickOperation, _ batch: RedemptionBatch, _ token: Secret<String>, _ deadline: Deadline
    ) async throws(KickError) -> [FailedRedemption] {
        let body = try Self.json(["ids": batch.ids.map(\.text)])
        let request = KickRequest(operation, body: body, bearer: token)
        let answer = try await exchange(request, deadline)
        // No failures, in all the ways that Kick may say so: it is a success.
        if (200...299).contains(answer.status), answer.body.isEmpty { return [] }
        return try Failures.read(answer, to: request).list
    }

    private struct Failures: Decodable {
        let list: [FailedRedemption]

        enum CodingKeys: String, CodingKey {
            case data
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            list = container.holdsEmptyObject(forKey: .data) ? [] : try container.decodeList(forKey: .data)
        }
    }
}
