import Crypto
package import Model
package import Postgres
package import Telemetry

/// Tenants and the Kick applications they go through.
package struct TenantStore: Sendable {
    private let database: Database
    private let vault: Vault
    private let log: EventLog
    private static let report = Log("apps")

    package init(database: Database, vault: Vault) {
        self.database = database
        self.vault = vault
        log = EventLog(database: database)
    }

    // MARK: Tenants

    /// Makes a tenant with an empty event log. Nil when the name is taken.
    package func create(_ id: TenantID, name: String, app: AppID) async throws(DatabaseError) -> Tenant? {
        do throws(DatabaseError) {
            let results = try await database.pipeline([
                """
                INSERT INTO tenants (id, name, app_id) VALUES (\(id), \(name), \(app))
                RETURNING id, name, app_id, created_at
                """,
                log.create(for: id),
            ])
            return try results[0].first.map { row throws(DatabaseError) in try Self.tenant(row) }
        } catch  where error.sqlState == .uniqueViolation {
            return nil
        }
    }

    package func tenants() async throws(DatabaseError) -> [Tenant] {
        let rows = try await database.query("SELECT id, name, app_id, created_at FROM tenants ORDER BY id")
        return try rows.map { row throws(DatabaseError) in try Self.tenant(row) }
    }

    /// Whether no other tenant uses the app.
    package func isAlone(_ tenant: TenantID, on app: AppID) async throws(DatabaseError) -> Bool {
        let rows = try await database.query(
            """
            SELECT NOT EXISTS (SELECT FROM tenants WHERE app_id = \(app) AND id <> \(tenant)) AS alone
            """)
        return try rows.first.map { row throws(DatabaseError) in try row["alone", as: Bool.self] } ?? false
    }

    package func tenant(_ id: TenantID) async throws(DatabaseError) -> Tenant? {
        let rows = try await database.query("SELECT id, name, app_id, created_at FROM tenants WHERE id = \(id)")
        return try rows.first.map { row throws(DatabaseError) in try Self.tenant(row) }
    }

    private static func tenant(_ row: Row) throws(DatabaseError) -> Tenant {
        Tenant(
            id: try row["id", as: TenantID.self], name: try row["name", as: String.self],
            appID: try row["app_id", as: AppID.self], createdAt: try row["created_at", as: Timestamp.self])
    }

    // MARK: Apps

    /// A Kick application with the secret that its token calls need.
    package struct SecretApp: Sendable {
        package let app: App
        package let clientSecret: Secret<String>
    }

    /// Makes an app, or gives the app of that client id its present secret; the id stays.
    ///
    /// - Parameters:
    ///   - isDefault: tenants that name no app get this one from now on.
    ///   - isVerified: whether Kick has verified the app; nil leaves what is known.
    package func put(
        _ id: AppID, name: String, clientID: String, clientSecret: Secret<String>, isDefault: Bool,
        isVerified: Bool? = nil
    ) async throws -> AppID {
        try await vault.writing {
            try await database.transaction { transaction in
                let known = try await transaction.query("SELECT id FROM apps WHERE client_id = \(clientID) FOR UPDATE")
                let kept = try known.first.map { try $0["id", as: AppID.self] } ?? id
                if isDefault {
                    _ = try await transaction.execute(
                        "UPDATE apps SET is_default = false WHERE is_default AND id <> \(kept)")
                }
                let sealed = vault.seal(clientSecret.reveal(), for: Self.secretContext(kept))
                _ = try await transaction.execute(
                    """
                    INSERT INTO apps (id, name, client_id, client_secret_sealed, is_default, is_verified)
                    VALUES (\(kept), \(name), \(clientID), \(sealed), \(isDefault), \(isVerified ?? false))
                    ON CONFLICT (client_id) DO UPDATE SET client_secret_sealed = excluded.client_secret_sealed,
                        is_default = apps.is_default OR excluded.is_default,
                        is_verified = coalesce(\(isVerified), apps.is_verified)
                    """)
                return kept
            }
        }
    }

    package func apps() async throws -> [SecretApp] {
        let rows = try await database.query(
            "SELECT id, name, client_id, client_secret_sealed, is_default, is_verified, created_at FROM apps ORDER BY id"
        )
        // A secret that does not open (a key is missing) must not take the other apps with it.
        var apps: [SecretApp] = []
        for row in rows {
            do {
                apps.append(try await app(row))
            } catch let error as CryptoError {
                Self.report.error(
                    "an app's secret does not open",
                    ["app": .string(try row["id", as: String.self]), "error": .string("\(error)")])
            }
        }
        return apps
    }

    private func app(_ row: Row) async throws -> SecretApp {
        let id = try row["id", as: AppID.self]
        let sealed = try row["client_secret_sealed", as: [UInt8].self]
        return SecretApp(
            app: App(
                id: id, name: try row["name", as: String.self], clientID: try row["client_id", as: String.self],
                isDefault: try row["is_default", as: Bool.self], isVerified: try row["is_verified", as: Bool.self],
                createdAt: try row["created_at", as: Timestamp.self]),
            clientSecret: Secret(try await vault.open(sealed, for: Self.secretContext(id))))
    }

    /// Apps belong to the deployment, not to a tenant.
    private static func secretContext(_ id: AppID) -> SealingContext {
        SealingContext(table: "apps", tenant: "", row: id.text, column: "client_secret")
    }
}
