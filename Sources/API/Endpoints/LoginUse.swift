import Gateway
import HTTP
import HTTPServer
import Kick
import Model
import Net

/// What a login can be asked to do with its token.
enum LoginUse {
    struct CheckView: Encodable {
        let works: Bool
        let kickUserID: Int64
        let username: Nullable<String>
    }

    /// For the renewal of a token and the call together.
    private static let timeout = Duration.seconds(25)

    /// Asks Kick whose token the login holds: whoever wants to know whether it works need not wait for the schedule.
    static func check(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        let id = try context.request.parameters.require("id", as: LoginID.self)
        let tenant = try context.requireCaller().tenant
        do {
            let user = try await context.services.tokens.check(id, in: tenant, deadline: .after(timeout))
            return try JSONBody.encode(
                CheckView(works: true, kickUserID: user.userID, username: Nullable(user.name)))
        } catch let error as KickError {
            throw GatewayError(.upstream, "\(error)", retryAfter: error.isTransient ? 5 : nil)
        }
    }
}
