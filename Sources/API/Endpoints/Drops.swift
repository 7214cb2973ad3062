import Gateway
import HTTP
import HTTPServer
import Kick
import Model

/// `/v1/drops/claims`: for tenants whose app belongs to an organization at Kick.
enum Drops {
    struct View: Encodable {
        let claimID: String
        let userID: Int64
        let campaignID: Nullable<String>
        let rewardID: Nullable<String>
        let externalID: Nullable<String>
        let externalStatus: Nullable<String>
        let createdAt: Nullable<Timestamp>
        let updatedAt: Nullable<Timestamp>

        init(_ claim: KickDropsClaim) {
            claimID = claim.claimID
            userID = claim.userID
            campaignID = Nullable(claim.campaignID)
            rewardID = Nullable(claim.rewardID)
            externalID = Nullable(claim.externalID)
            externalStatus = Nullable(claim.externalStatus)
            createdAt = Nullable(claim.createdAt)
            updatedAt = Nullable(claim.updatedAt)
        }
    }

    static func list(_ context: RequestContext) async throws -> Response {
        let parameters = try Parameters(
            context.request, singles: ["campaign", "user", "claim", "external_status", "limit", "cursor"])
        let selection = try DropsClaimSelection(
            campaignID: parameters.text("campaign"), userID: try parameters.id("user"),
            claimID: parameters.text("claim"), externalStatus: parameters.text("external_status"),
            limit: try parameters.number("limit", in: 1...1000), cursor: parameters.text("cursor"))
        return try await context.answer(.dropsClaims(selection)) { PageView($0, View.init) }
    }

    /// Writes new words to claims.
    static func update(_ context: RequestContext) async throws -> Response {
        struct Body: Decodable {
            let claims: [Claim]
        }
        try context.refuseParameters()
        let body: Body = try await JSONBody.decode(from: context.request)
        let update = try DropsClaimsUpdate(
            body.claims.map { .init(claimID: $0.claimId, externalStatus: $0.externalStatus) })
        try await context.order(.updateDropsClaims(update))
        return .noContent
    }

    /// `JSONBody` refuses unknown members of the body; those of the objects in its list are looked after here.
    private struct Claim: Decodable {
        let claimId: String
        let externalStatus: String

        private struct Name: CodingKey {
            static let claimId = Name("claimId")
            static let externalStatus = Name("externalStatus")

            let stringValue: String
            var intValue: Int? { nil }

            private init(_ name: String) { stringValue = name }
            init?(stringValue: String) { self.init(stringValue) }
            init?(intValue: Int) { nil }
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Name.self)
            let known = [Name.claimId, .externalStatus].map(\.stringValue)
            if let unknown = container.allKeys.first(where: { !known.contains($0.stringValue) }) {
                throw DecodingError.dataCorruptedError(
                    forKey: unknown, in: container,
                    debugDescription: "is not known: there are claim_id, external_status")
            }
            claimId = try container.decode(String.self, forKey: .claimId)
            externalStatus = try container.decode(String.self, forKey: .externalStatus)
        }
    }
}
