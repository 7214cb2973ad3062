import HTTP
package import Model
package import Net
package import Telemetry

/// A viewer's claim of a reward of a Drops campaign, as the API lists it (FACTS §2.12).
package struct KickDropsClaim: Decodable, Hashable, Sendable {
    package let claimID: String
    package let userID: Int64
    package let campaignID: String?
    package let rewardID: String?
    package let externalID: String?
    /// `initiated` at first, then the app's own word.
    package let externalStatus: String?
    package let createdAt: Timestamp?
    package let updatedAt: Timestamp?

    enum CodingKeys: String, CodingKey {
        case claimID = "claim_id"
        case userID = "user_id"
        case campaignID = "campaign_id"
        case rewardID = "reward_id"
        case externalID = "external_id"
        case externalStatus = "external_status"
        case createdAt = "created_at"
        case updatedAt = "updated_at"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        claimID = try container.decode(String.self, forKey: .claimID)
        userID = try container.decode(Int64.self, forKey: .userID)
        campaignID = try container.decodeText(forKey: .campaignID)
        rewardID = try container.decodeText(forKey: .rewardID)
        externalID = try container.decodeText(forKey: .externalID)
        externalStatus = try container.decodeText(forKey: .externalStatus)
        createdAt = try container.decodeTime(forKey: .createdAt)
        updatedAt = try container.decodeTime(forKey: .updatedAt)
    }
}

/// Which claims to list. Everything may be left out.
package struct DropsClaimSelection: Hashable, Sendable {
    package let campaignID: KickID?
    package let userID: Int64?
    package let claimID: KickID?
    package let externalStatus: String?
    package let limit: Int?
    package let cursor: KickID?

    /// Throws for what cannot be an id (the cursor is one), for a user below 1, for a status that is not 1 to 100
    /// characters long, and for a limit outside of 1...1000.
    package init(
        campaignID: String? = nil, userID: Int64? = nil, claimID: String? = nil, externalStatus: String? = nil,
        limit: Int? = nil, cursor: String? = nil
    ) throws(KickBoundError) {
        self.campaignID = try KickID.ifAny(campaignID, named: "campaign")
        self.claimID = try KickID.ifAny(claimID, named: "claim")
        self.cursor = try KickID.ifAny(cursor, named: "cursor")
        if let userID { try Bound.positive(userID, "user") }
        if let externalStatus { try Bound.opaque(externalStatus, 1...100, "external_status") }
        if let limit { try Bound.number(limit, 1...1000, "limit") }
        self.userID = userID
        self.externalStatus = externalStatus
        self.limit = limit
    }
}

/// New words for claims.
package struct DropsClaimsUpdate: Hashable, Sendable {
    package struct Claim: Hashable, Sendable {
        package let claimID: String
        package let externalStatus: String

        package init(claimID: String, externalStatus: String) {
            self.claimID = claimID
            self.externalStatus = externalStatus
        }
    }

    package let claims: [Claim]

    /// Throws for less than 1 or more than 100 claims, for one that comes twice, for what cannot be an id, and for a status
    /// that is blank or not 1 to 100 characters long. Of one claim among many the field is `claims.3.external_status`.
    package init(_ claims: [Claim]) throws(KickBoundError) {
        try Bound.count(claims, 1...100, "claims")
        try Bound.unique(claims.map(\.claimID), "claims")
        for (index, claim) in claims.enumerated() {
            _ = try KickID(claim.claimID, named: "claims.\(index).claim_id")
            try Bound.text(claim.externalStatus, 1...100, "claims.\(index).external_status")
            try Bound.opaque(claim.externalStatus, 1...100, "claims.\(index).external_status")
        }
        self.claims = claims
    }
}

extension KickAPI {
    /// The claims of the organization's campaigns. App token, of an app that belongs to an organization.
    package func dropsClaims(
        _ selection: DropsClaimSelection, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> KickPage<KickDropsClaim> {
        var query = QueryItems()
        query.append("campaign_id", ifAny: selection.campaignID)
        query.append("user_id", ifAny: selection.userID)
        query.append("claim_id", ifAny: selection.claimID)
        query.append("external_status", ifAny: selection.externalStatus)
        query.append("limit", ifAny: selection.limit)
        query.append("cursor", ifAny: selection.cursor)
        let request = KickRequest(.dropsClaims, query: query, bearer: token, maximumAnswer: 4 << 20)
        let page = try await value(of: ClaimsPage?.self, request, deadline)
        return KickPage(elements: page?.claims ?? [], nextCursor: page?.cursor)
    }

    /// Writes new words to claims. App token, of an app that belongs to an organization.
    package func updateDropsClaims(
        _ update: DropsClaimsUpdate, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) {
        struct Body: Encodable {
            struct Claim: Encodable {
                let id: String
                let status: String

                enum CodingKeys: String, CodingKey {
                    case id = "claim_id"
                    case status = "external_status"
                }
            }

            let claims: [Claim]
        }
        let body = try Self.json(
            Body(claims: update.claims.map { .init(id: $0.claimID, status: $0.externalStatus) }))
        try await command(KickRequest(.updateDropsClaims, body: body, bearer: token), deadline)
    }

    /// This list keeps its cursor within `data`.
    private struct ClaimsPage: Decodable {
        let claims: [KickDropsClaim]
        let cursor: String?

        enum CodingKeys: String, CodingKey {
            case claims, cursor
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            claims = try container.decodeList(forKey: .claims)
            cursor = try container.decodeText(forKey: .cursor)
        }
    }
}
