package import Model
package import Postgres
package import Telemetry

/// The access token of a login, for a call on its behalf.
package struct AccessGrant: Sendable {
    package let state: LoginState
    package let token: Secret<String>
    /// Number of the pair that it belongs to.
    package let generation: Int64
    /// What is left of its life; negative when it is over.
    package let remaining: Duration
    /// How long ago the pair was got.
    package let age: Duration
    package let kickUserID: Int64
    /// Whether the refresh token before is still kept.
    package let hasPrevious: Bool
}

/// Logins in use.
extension LoginStore {
    /// Nil when there is no such login, or it has no token. Throws `CryptoError` when the token does not open.
    package func accessGrant(of login: LoginID, in tenant: TenantID) async throws -> AccessGrant? {
        let rows = try await database.query(
            """
            SELECT state, access_token_sealed, generation, kick_user_id,
                (extract(epoch FROM access_expires_at - now()) * 1e6)::bigint AS remaining,
                (extract(epoch FROM now() - refresh_issued_at) * 1e6)::bigint AS age,
                previous_refresh_token_sealed IS NOT NULL AS has_previous
            FROM logins WHERE tenant_id = \(tenant) AND id = \(login)
            """)
        guard let row = rows.first, let sealed = try row["access_token_sealed", as: [UInt8]?.self] else { return nil }
        let token = try await vault.open(sealed, for: Self.context(.access, login, tenant))
        return AccessGrant(
            state: LoginState(rawValue: try row["state", as: String.self]) ?? .reconnectRequired, token: Secret(token),
            generation: try row["generation", as: Int64.self],
            remaining: .microseconds(try row["remaining", as: Int64?.self] ?? 0),
            age: .microseconds(try row["age", as: Int64?.self] ?? 0),
            kickUserID: try row["kick_user_id", as: Int64.self], hasPrevious: try row["has_previous", as: Bool.self])
    }

    /// The pair of this number has worked: the refresh token before it is not needed any more (P4).
    package func forgetPreviousToken(
        of login: LoginID, generation: Int64, in tenant: TenantID
    ) async throws(DatabaseError) {
        _ = try await database.execute(
            """
            UPDATE logins SET previous_refresh_token_sealed = NULL
            WHERE tenant_id = \(tenant) AND id = \(login) AND generation = \(generation)
                AND refresh_lease_until IS NULL
            """)
    }
}
