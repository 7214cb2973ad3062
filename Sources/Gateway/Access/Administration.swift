package import Crypto
package import Model
package import Store
package import Telemetry

/// What admins do: tenants, apps and keys.
package struct Administration: Sendable {
    private let tenants: TenantStore
    private let keys: KeyStore
    private let apps: AppDirectory
    private let access: AccessControl

    package init(tenants: TenantStore, keys: KeyStore, apps: AppDirectory, access: AccessControl) {
        self.tenants = tenants
        self.keys = keys
        self.apps = apps
        self.access = access
    }

    // MARK: Tenants

    /// Makes a tenant on the app, or on the default one. Throws `conflict` when the name is taken.
    package func createTenant(name: String, app: AppID?) async throws -> Tenant {
        try Self.check(name, field: "name")
        guard let app = try await apps.app(app) else {
            throw GatewayError(
                .invalid, app == nil ? "there is no default app: name one" : "there is no such app", field: "app_id")
        }
        let tenant = try await tenants.create(
            TenantID(unchecked: TenantID.prefix + ULID.make().description), name: name, app: app.app.id)
        guard let tenant else { throw GatewayError(.conflict, "a tenant of this name exists", field: "name") }
        return tenant
    }

    package func listTenants() async throws -> [Tenant] {
        try await tenants.tenants()
    }

    // MARK: Apps

    /// Makes an app, or gives the app of this client id a new secret.
    package func putApp(
        name: String, clientID: String, clientSecret: Secret<String>, isDefault: Bool, isVerified: Bool? = nil
    ) async throws -> App {
        try Self.check(name, field: "name")
        try Self.check(clientID, field: "client_id")
        try Self.check(clientSecret.reveal(), field: "client_secret")
        let id = try await tenants.put(
            AppID(unchecked: AppID.prefix + ULID.make().description), name: name, clientID: clientID,
            clientSecret: clientSecret, isDefault: isDefault, isVerified: isVerified)
        apps.forget()
        guard let app = try await apps.app(id) else { throw GatewayError(.internal, "the app was not stored") }
        return app.app
    }

    package func listApps() async throws -> [App] {
        try await apps.list()
    }

    // MARK: Keys

    /// Makes an API key. Its secret is in the result and nowhere else.
    package func createKey(
        name: String, scopes: [KeyScope], expiresAt: Timestamp?, in tenant: TenantID
    ) async throws -> (key: APIKey, secret: SecretToken) {
        try Self.check(name, field: "name")
        guard !scopes.isEmpty else { throw GatewayError(.invalid, "a key needs at least one scope", field: "scopes") }
        if let expiresAt, expiresAt <= .now() {
            throw GatewayError(.invalid, "must be in the future", field: "expires_at")
        }
        let secret = SecretToken(prefix: "kgw_")
        let key = try await keys.create(
            KeyID(unchecked: KeyID.prefix + ULID.make().description), name: name,
            hint: String(secret.reveal().prefix(10)), tokenHash: secret.hash, scopes: scopes, expiresAt: expiresAt,
            in: tenant)
        guard let key else { throw GatewayError(.notFound, "there is no such tenant") }
        return (key, secret)
    }

    package func listKeys(in tenant: TenantID) async throws -> [APIKey] {
        guard try await tenants.tenant(tenant) != nil else {
            throw GatewayError(.notFound, "there is no such tenant")
        }
        return try await keys.keys(in: tenant)
    }

    /// Revokes a key; its streams end within a second on every replica (P15).
    package func revokeKey(_ id: KeyID) async throws -> APIKey {
        guard let key = try await keys.revoke(id) else { throw GatewayError(.notFound, "there is no such key") }
        access.forget()
        return key
    }

    private static func check(_ text: String, field: String) throws(GatewayError) {
        guard (1...200).contains(text.unicodeScalars.count), !text.unicodeScalars.contains(where: { $0.value < 0x20 })
        else {
            throw GatewayError(.invalid, "must be 1 to 200 characters without control characters", field: field)
        }
    }
}
