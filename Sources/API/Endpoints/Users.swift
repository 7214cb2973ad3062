import Gateway
import HTTP
import HTTPServer
import Kick
import Model

/// `/v1/users`, and the account behind a login.
enum Users {
    struct View: Encodable {
        let userID: Int64
        let username: Nullable<String>
        /// Only of the account behind a login.
        let email: Nullable<String>
        let profilePicture: Nullable<String>

        init(_ user: KickUser) {
            userID = user.userID
            username = Nullable(user.name)
            email = Nullable(user.email)
            profilePicture = Nullable(user.profilePicture)
        }
    }

    static func list(_ context: RequestContext) async throws -> Response {
        let parameters = try Parameters(context.request, lists: ["ids"])
        guard let ids = try parameters.ids("ids") else { throw GatewayError(.invalid, "is missing", field: "ids") }
        return try await context.answer(try .users(ids)) { BatchView($0, View.init) }
    }

    static func get(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        return try await context.answer(.user(try context.kickID("user")), as: View.init)
    }

    static func own(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        return try await context.answer(.user(of: try context.kickID("broadcaster")), as: View.init)
    }
}
