import Gateway
import HTTP
import HTTPServer
import Kick
import Model

/// `/v1/logins/{id}/introspection`.
enum Introspection {
    struct View: Encodable {
        let active: Bool
        /// Public.
        let clientID: Nullable<String>
        let tokenType: Nullable<String>
        let scopes: [String]
        let expiresAt: Nullable<Timestamp>

        init(_ facts: TokenFacts) {
            active = facts.isActive
            clientID = Nullable(facts.clientID)
            tokenType = Nullable(facts.tokenType)
            scopes = facts.scopes?.map(\.rawValue) ?? []
            expiresAt = Nullable(facts.expiresAt)
        }
    }

    /// What Kick says about the login's access token, now.
    static func get(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        let login = try context.request.parameters.require("id", as: LoginID.self)
        return try await context.answer(.introspection(of: login), as: View.init)
    }
}
