package import Model
package import Postgres

/// API keys: only hashes of their secrets are here.
package struct KeyStore: Sendable {
    /// PostgreSQL channel on which a revocation announces the key's id.
    package static let revocationChannel = "kick_gateway_keys"

    private let database: Database

    package init(database: Database) {
        self.database = database
    }

    /// Stores a key. Nil when there is no such tenant.
    package func create(
        _ id: KeyID, name: String, hint: String, tokenHash: [UInt8], scopes: [KeyScope], expiresAt: Timestamp?,
        in tenant: TenantID
    ) async throws(DatabaseError) -> APIKey? {
        let rows = try await database.query(
            """
            INSERT INTO api_keys (id, tenant_id, name, hint, token_hash, scopes, expires_at)
            SELECT \(id), id, \(name), \(hint), \(tokenHash), \(scopes.map(\.rawValue)), \(expiresAt)
            FROM tenants WHERE id = \(tenant)
            RETURNING id, tenant_id, name, hint, scopes, created_at, expires_at, revoked_at
            """)
        return try rows.first.map { row throws(DatabaseError) in try Self.key(row) }
    }

    package func keys(in tenant: TenantID) async throws(DatabaseError) -> [APIKey] {
        let rows = try await database.query(
            """
            SELECT id, tenant_id, name, hint, scopes, created_at, expires_at, revoked_at
            FROM api_keys WHERE tenant_id = \(tenant) ORDER BY id
            """)
        return try rows.map { row throws(DatabaseError) in try Self.key(row) }
    }

    /// A key with the app that its tenant uses.
    package struct Holder: Sendable {
        package let key: APIKey
        package let app: AppID
    }

    /// The key whose secret hashes to this: the way from a credential to its tenant.
    package func holder(tokenHash: [UInt8]) async throws(DatabaseError) -> Holder? {
        let rows = try await database.query(
            """
            SELECT api_keys.id, tenant_id, api_keys.name, hint, scopes, api_keys.created_at, expires_at, revoked_at, app_id
            FROM api_keys JOIN tenants ON tenants.id = tenant_id WHERE token_hash = \(tokenHash)
            """)
        return try rows.first.map { row throws(DatabaseError) in
            Holder(key: try Self.key(row), app: try row["app_id", as: AppID.self])
        }
    }

    /// Revokes a key for good and announces it at commit. Nil when there is no such key; harmless when repeated.
    package func revoke(_ id: KeyID) async throws(DatabaseError) -> APIKey? {
        let rows = try await database.query(
            """
            UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = \(id)
            RETURNING id, tenant_id, name, hint, scopes, created_at, expires_at, revoked_at,
                pg_notify(\(Self.revocationChannel), id) IS NULL AS announced
            """)
        return try rows.first.map { row throws(DatabaseError) in try Self.key(row) }
    }

    /// Which of these keys no longer open doors: revoked, expired or gone with their tenant.
    package func unusable(among keys: [KeyID]) async throws(DatabaseError) -> [KeyID] {
        let rows = try await database.query(
            """
            SELECT wanted.id FROM unnest(\(keys.map(\.text))::text[]) AS wanted (id)
            LEFT JOIN api_keys USING (id)
            WHERE api_keys.id IS NULL OR api_keys.revoked_at IS NOT NULL OR api_keys.expires_at <= now()
            """)
        return try rows.map { row throws(DatabaseError) in try row["id", as: KeyID.self] }
    }

    private static func key(_ row: Row) throws(DatabaseError) -> APIKey {
        APIKey(
            id: try row["id", as: KeyID.self], tenantID: try row["tenant_id", as: TenantID.self],
            name: try row["name", as: String.self], hint: try row["hint", as: String.self],
            scopes: try row["scopes", as: [String].self].compactMap(KeyScope.init(rawValue:)),
            createdAt: try row["created_at", as: Timestamp.self],
            expiresAt: try row["expires_at", as: Timestamp?.self],
            revokedAt: try row["revoked_at", as: Timestamp?.self])
    }
}
