import Gateway
import HTTP
import HTTPServer
import Model
import Telemetry

/// `/v1/logins` and the links that lead to them.
enum Logins {
    /// Default and longest life of a link, in seconds.
    private static let defaultLifetime: Int64 = 24 * 3600
    private static let longestLifetime: Int64 = 30 * 24 * 3600

    static func createLink(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        struct Body: Decodable {
            let scopes: [String]?
            let expiresInSeconds: Int64?
            let loginId: LoginID?
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
            scopes: body.scopes, login: body.loginId, lifetime: .seconds(seconds),
            in: try context.requireCaller().tenant)
        return try JSONBody.encode(
            View(id: link.id.text, url: link.url.description, scopes: link.scopes, expiresAt: link.expiresAt),
            status: .created)
    }

    static func list(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        let logins = try await context.services.records.logins(in: try context.requireCaller().tenant)
        let now = Timestamp.now()
        return try JSONBody.encode(DataList(data: logins.map { LoginView($0, at: now) }))
    }

    static func get(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        let id = try context.request.parameters.require("id", as: LoginID.self)
        let login = try await context.services.records.login(id, in: try context.requireCaller().tenant)
        return try JSONBody.encode(LoginView(login, at: .now()))
    }

    /// Takes over a pair of tokens that another program got from Kick. 202 when it could not be proven yet.
    static func importPair(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        struct Body: Decodable {
            let accessToken: String
            let refreshToken: String
        }
        let body: Body = try await JSONBody.decode(from: context.request)
        let imported = try await context.services.importing.importPair(
            access: Secret(body.accessToken), refresh: Secret(body.refreshToken),
            in: try context.requireCaller().tenant, deadline: context.request.deadline)
        return try JSONBody.encode(
            LoginView(imported.login, at: .now()), status: imported.isProven ? .created : .accepted)
    }

    /// Ends a login. 202 when something is left to do at Kick.
    static func disconnect(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        struct View: Encodable {
            let id: String
            let state: LoginState
            let disconnectedAt: Nullable<Timestamp>
            let revokedAtKick: Bool
            let isDone: Bool
        }
        let id = try context.request.parameters.require("id", as: LoginID.self)
        let login = try await context.services.disconnecting.disconnect(
            id, in: try context.requireCaller().tenant, deadline: context.request.deadline)
        let view = View(
            id: login.id.text, state: login.state, disconnectedAt: Nullable(login.teardown.disconnectedAt),
            revokedAtKick: login.teardown.isRevoked, isDone: !login.teardown.isPending)
        return try JSONBody.encode(view, status: login.teardown.isPending ? .accepted : .ok)
    }

    /// Has the tokens renewed now, whatever their age, also when Kick refused them before.
    static func refresh(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        let id = try context.request.parameters.require("id", as: LoginID.self)
        let tenant = try context.requireCaller().tenant
        try await context.services.tokens.renew(id, in: tenant, deadline: context.request.deadline)
        return try JSONBody.encode(LoginView(try await context.services.records.login(id, in: tenant), at: .now()))
    }
}

/// A login with its health, as its tenant sees it.
struct LoginView: Encodable {
    struct Feature: Encodable {
        let feature: String
        let works: Bool
        let missingScopes: [String]
    }

    struct LastRefresh: Encodable {
        let at: Timestamp
        let outcome: RefreshResult
        let error: Nullable<String>
    }

    let id: String
    let kickUserID: Int64
    let username: String
    let slug: Nullable<String>
    let state: LoginState
    let health: LoginHealth.Status
    let healthText: String
    let scopes: [String]
    let missingScopes: [String]
    let features: [Feature]
    let connectedAt: Timestamp
    let disconnectedAt: Nullable<Timestamp>
    let accessExpiresAt: Nullable<Timestamp>
    let refreshTokenIssuedAt: Nullable<Timestamp>
    let refreshTokenAgeSeconds: Nullable<Int64>
    let lastRefresh: Nullable<LastRefresh>
    let nextRefreshAt: Nullable<Timestamp>
    let refreshFailures: Int64
    let generation: Int64

    init(_ login: Login, at now: Timestamp) {
        let health = LoginHealth(of: login, at: now)
        id = login.id.text
        kickUserID = login.kickUserID
        username = login.username
        slug = Nullable(login.slug)
        state = login.state
        self.health = health.status
        healthText = health.text
        scopes = login.scopes
        missingScopes = login.missingScopes
        features = health.features.map {
            Feature(feature: $0.feature, works: $0.works, missingScopes: $0.missingScopes)
        }
        connectedAt = login.connectedAt
        disconnectedAt = Nullable(login.teardown.disconnectedAt)
        accessExpiresAt = Nullable(login.accessExpiresAt)
        refreshTokenIssuedAt = Nullable(login.refreshIssuedAt)
        refreshTokenAgeSeconds = Nullable(login.refreshIssuedAt.map { max(0, now.seconds - $0.seconds) })
        var last: LastRefresh?
        if let at = login.lastRefreshAt, let outcome = login.lastRefreshResult {
            last = LastRefresh(at: at, outcome: outcome, error: Nullable(login.lastError))
        }
        lastRefresh = Nullable(last)
        nextRefreshAt = Nullable(login.refreshDueAt)
        refreshFailures = login.refreshFailures
        generation = login.generation
    }
}
