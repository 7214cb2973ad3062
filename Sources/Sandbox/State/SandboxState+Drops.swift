import Crypto
package import HTTP

/// A viewer's claim of a Drop (FACTS §2.12).
struct SandboxClaim: Codable, Hashable, Sendable {
    let id: String
    /// Whose campaign it is.
    let clientID: String
    let userID: Int
    let campaignID: String
    let rewardID: String
    let externalID: String
    var externalStatus = "initiated"
    let createdAt: SandboxTime
    var updatedAt: SandboxTime

    var json: JSON {
        [
            "claim_id": .string(id), "user_id": .integer(userID), "campaign_id": .string(campaignID),
            "reward_id": .string(rewardID), "external_id": .string(externalID),
            "external_status": .string(externalStatus), "created_at": .string(createdAt.text),
            "updated_at": .string(updatedAt.text),
        ]
    }

    /// As the webhook has it (FACTS §4.7).
    var webhookBody: JSON {
        var members: [JSON.Member] = [
            .init(name: "claim_id", value: .string(id)), .init(name: "user_id", value: .integer(userID)),
            .init(name: "campaign_id", value: .string(campaignID)), .init(name: "reward_id", value: .string(rewardID)),
        ]
        if !externalID.isEmpty { members.append(.init(name: "external_id", value: .string(externalID))) }
        return .object(members)
    }
}

/// Of its refusals only 401 and 500 are known; `data` is null in all of them.
extension SandboxState {
    static let maximumClaims = 10_000

    private func hasDrops(_ bearer: Bearer) -> Bool { bearer.isApp && apps[bearer.clientID]?.hasOrganization == true }

    /// GET /public/v1/drops/claims (FACTS §2.12): by id; the cursor is the last id and stands inside `data`.
    package func claimsAnswer(_ query: QueryItems, for bearer: Bearer) -> APIAnswer {
        guard hasDrops(bearer) else { return .unauthorized.withNullData }
        let users = query.values(of: "user_id").map { Int($0) }
        guard let limit = Self.limit(in: query, default: 10, maximum: 1000), !users.contains(nil), users.count <= 1
        else { return .invalidRequest.withNullData }
        let cursor = query["cursor"] ?? ""
        let found = content.claims.values
            .filter { claim in
                claim.clientID == bearer.clientID && claim.id > cursor
                    && (query["campaign_id"] ?? claim.campaignID) == claim.campaignID
                    && (query["claim_id"] ?? claim.id) == claim.id
                    && (query["external_status"] ?? claim.externalStatus) == claim.externalStatus
                    && (users.first ?? claim.userID) == claim.userID
            }
            .sorted { $0.id < $1.id }
        let page = found.prefix(limit)
        return .ok([
            "claims": .array(page.map(\.json)),
            "cursor": .string(page.count < found.count ? page.last?.id ?? "" : ""),
        ])
    }

    /// PATCH /public/v1/drops/claims (FACTS §2.12). Claims that are not the app's are passed over: what Kick does with
    /// them is not known.
    package mutating func patchClaims(_ body: JSON?, for bearer: Bearer, at now: SandboxTime) -> APIAnswer {
        guard hasDrops(bearer) else { return .unauthorized.withNullData }
        guard let items = body?["claims"]?.arrayValue, (1...100).contains(items.count) else {
            return .invalidRequest.withNullData
        }
        var changes: [(id: String, status: String)] = []
        for item in items {
            guard case .object(let members) = item, members.count == 2, let id = item["claim_id"]?.stringValue,
                let status = item["external_status"]?.stringValue, !status.isEmpty
            else { return .invalidRequest.withNullData }
            changes.append((id, status))
        }
        for (id, status) in changes where content.claims[id]?.clientID == bearer.clientID {
            content.claims[id]?.externalStatus = status
            content.claims[id]?.updatedAt = now
        }
        return .noContent
    }

    /// A viewer claims a Drop. Nil when there are too many.
    mutating func claim(
        clientID: String, userID: Int, campaignID: String, rewardID: String, externalID: String, at now: SandboxTime
    ) -> SandboxClaim? {
        guard content.claims.count < Self.maximumClaims else { return nil }
        let claim = SandboxClaim(
            id: ULID.make().description, clientID: clientID, userID: userID, campaignID: campaignID,
            rewardID: rewardID, externalID: externalID, createdAt: now, updatedAt: now)
        content.claims[claim.id] = claim
        return claim
    }
}
