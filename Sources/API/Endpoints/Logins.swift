import Gateway
import HTTP
import HTTPServer
import Model

/// `/v1/logins` and the links that lead to them.
enum Logins {
    struct LoginView: Encodable {
        let id: String
        let kickUserID: Int64
        let username: String
        let slug: Nullable<String>
        let state: LoginState
        let scopes: [String]
        let connectedAt: Timestamp
        let accessExpiresAt: Nullable<Timestamp>
        let refreshedAt: Nullable<Timestamp>
        let refreshDueAt: Nullable<Timestamp>
        let generation: Int64
        let refreshFailures: Int64
        let lastError: Nullable<String>

        init(_ login: Login) {
            id = login.id.text
            kickUserID = login.kickUserID
            username = login.username
            slug = Nullable(login.slug)
            state = login.state
            scopes = login.scopes
            connectedAt = login.connectedAt
            accessExpiresAt = Nullable(login.accessExpiresAt)
            refreshedAt = Nullable(login.refreshedAt)
            refreshDueAt = Nullable(login.refreshDueAt)
            generation = login.generation
            refreshFailures = login.refreshFailures
            lastError = Nullable(login.lastError)
        }
    }

    /// Default and longest life of a link, in seconds.
    private static let defaultLifetime: Int64 = 24 * 3600
    private static let longestLifetime: Int64 = 30 * 24 * 3600

    static func createLink(_ context: RequestContext) async throws -> Response {
        struct Body: Decodable {
            let scopes: [String]?
            let expiresInSeconds: Int64?
        }
        struct View: Encodable {
            let id: String
            let url: String
            let scopes: [String]
            let expiresAt: Timestamp
        }
        let body: Body = try await JSONBody.decode(from: context.request)
        let seconds = body.expiresInSeconds ?? defaultLifetime
        guard (60...longestLifetime).contains(seconds) else {
            throw GatewayError(.invalid, "must be from 60 to \(longestLifetime)", field: "expires_in_seconds")
        }
        let link = try await context.services.connecting.createLink(
            scopes: body.scopes, lifetime: .seconds(seconds), in: try context.requireCaller().tenant)
        return try JSONBody.encode(
            View(id: link.id.text, url: link.url.description, scopes: link.scopes, expiresAt: link.expiresAt),
            status: .created)
    }

    static func list(_ context: RequestContext) async throws -> Response {
        let logins = try await context.services.records.logins(in: try context.requireCaller().tenant)
        return try JSONBody.encode(DataList(data: logins.map(LoginView.init)))
    }

    static func get(_ context: RequestContext) async throws -> Response {
        let id = try context.request.parameters.require("id", as: LoginID.self)
        let login = try await context.services.records.login(id, in: try context.requireCaller().tenant)
        return try JSONBody.encode(LoginView(login))
    }
}
