import Crypto
import Gateway
import HTTP
import HTTPServer
import Model
import Telemetry

/// `/admin/v1`: tenants, keys, apps.
enum Admin {
    struct TenantView: Encodable {
        let id: String
        let name: String
        let appID: String
        let createdAt: Timestamp

        init(_ tenant: Tenant) {
            id = tenant.id.text
            name = tenant.name
            appID = tenant.appID.text
            createdAt = tenant.createdAt
        }
    }

    struct KeyView: Encodable {
        let id: String
        let tenantID: String
        let name: String
        let hint: String
        let scopes: [KeyScope]
        let createdAt: Timestamp
        let expiresAt: Nullable<Timestamp>
        let revokedAt: Nullable<Timestamp>
        /// Only in the answer that made the key.
        var secret: String?

        init(_ key: APIKey, secret: String? = nil) {
            id = key.id.text
            tenantID = key.tenantID.text
            name = key.name
            hint = key.hint
            scopes = key.scopes
            createdAt = key.createdAt
            expiresAt = Nullable(key.expiresAt)
            revokedAt = Nullable(key.revokedAt)
            self.secret = secret
        }
    }

    struct AppView: Encodable {
        let id: String
        let name: String
        let clientID: String
        let isDefault: Bool
        let isVerified: Bool
        let createdAt: Timestamp

        init(_ app: App) {
            id = app.id.text
            name = app.name
            clientID = app.clientID
            isDefault = app.isDefault
            isVerified = app.isVerified
            createdAt = app.createdAt
        }
    }

    // MARK: Tenants

    static func listTenants(_ context: RequestContext) async throws -> Response {
        let tenants = try await context.services.administration.listTenants()
        return try JSONBody.encode(DataList(data: tenants.map(TenantView.init)))
    }

    static func createTenant(_ context: RequestContext) async throws -> Response {
        struct Body: Decodable {
            let name: String
            let appId: String?
        }
        let body: Body = try await JSONBody.decode(from: context.request)
        let app = try body.appId.map { text in
            guard let id = AppID(text) else { throw GatewayError(.invalid, "is not an app id", field: "app_id") }
            return id
        }
        let tenant = try await context.services.administration.createTenant(name: body.name, app: app)
        return try JSONBody.encode(TenantView(tenant), status: .created)
    }

    // MARK: Keys

    static func listKeys(_ context: RequestContext) async throws -> Response {
        let tenant = try context.request.parameters.require("tenant", as: TenantID.self)
        let keys = try await context.services.administration.listKeys(in: tenant)
        return try JSONBody.encode(DataList(data: keys.map { KeyView($0) }))
    }

    static func createKey(_ context: RequestContext) async throws -> Response {
        struct Body: Decodable {
            let name: String
            let scopes: [String]?
            let expiresAt: Timestamp?
        }
        let tenant = try context.request.parameters.require("tenant", as: TenantID.self)
        let body: Body = try await JSONBody.decode(from: context.request)
        let scopes = try body.scopes?.map { name in
            guard let scope = KeyScope(rawValue: name) else {
                let known = KeyScope.allCases.map(\.rawValue).joined(separator: ", ")
                throw GatewayError(.invalid, "'\(name)' is no scope: there are \(known)", field: "scopes")
            }
            return scope
        }
        let (key, secret) = try await context.services.administration.createKey(
            name: body.name, scopes: scopes ?? KeyScope.standard, expiresAt: body.expiresAt, in: tenant)
        return try JSONBody.encode(KeyView(key, secret: secret.reveal()), status: .created)
    }

    static func revokeKey(_ context: RequestContext) async throws -> Response {
        let id = try context.request.parameters.require("key", as: KeyID.self)
        return try JSONBody.encode(KeyView(try await context.services.administration.revokeKey(id)))
    }

    // MARK: Apps

    static func listApps(_ context: RequestContext) async throws -> Response {
        let apps = try await context.services.administration.listApps()
        return try JSONBody.encode(DataList(data: apps.map(AppView.init)))
    }

    static func putApp(_ context: RequestContext) async throws -> Response {
        struct Body: Decodable {
            let name: String
            let clientId: String
            let clientSecret: String
            let isDefault: Bool?
            let isVerified: Bool?
        }
        let body: Body = try await JSONBody.decode(from: context.request)
        let app = try await context.services.administration.putApp(
            name: body.name, clientID: body.clientId, clientSecret: Secret(body.clientSecret),
            isDefault: body.isDefault ?? false, isVerified: body.isVerified)
        return try JSONBody.encode(AppView(app))
    }
}
