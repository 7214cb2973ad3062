import Crypto
package import Model
package import Postgres
package import Telemetry

/// Access and refresh token as Kick issued them, with what Kick said of them.
package struct TokenPair: Sendable {
    package let access: Secret<String>
    package let refresh: Secret<String>
    /// Life of the access token from now.
    package let lifetime: Duration
    /// Scopes as granted; nil when Kick did not say, which means: as before.
    package let scopes: [String]?

    package init(access: Secret<String>, refresh: Secret<String>, lifetime: Duration, scopes: [String]?) {
        self.access = access
        self.refresh = refresh
        self.lifetime = lifetime
        self.scopes = scopes
    }
}

/// Logins: who they are, and their tokens, sealed. Leases and attempts of the refresh are in `LoginStore+Refresh.swift`.
package struct LoginStore: Sendable {
    let database: Database
    let vault: Vault

    package init(database: Database, vault: Vault) {
        self.database = database
        self.vault = vault
    }

    /// Who logged in.
    package struct Account: Sendable {
        package let kickUserID: Int64
        package let username: String
        package let slug: String?

        package init(kickUserID: Int64, username: String, slug: String?) {
            self.kickUserID = kickUserID
            self.username = username
            self.slug = slug
        }
    }

    /// Stores what a consent gave, and uses up the link, in one transaction.
    ///
    /// An account that this tenant has had already keeps its login id, whatever became of it. A refresh that is under
    /// way loses its lease: its tokens belong to the grant that this one replaces. Throws `forbidden` when the link has
    /// been used meanwhile.
    ///
    /// - Parameters:
    ///   - id: the id for a login that is new.
    ///   - refreshAfter: when the tokens should be refreshed, from now.
    package func connect(
        _ id: LoginID, account: Account, tokens: TokenPair, app: AppID, refreshAfter: Duration,
        link: ConnectLinkID, in tenant: TenantID
    ) async throws -> Login {
        try await database.transaction { transaction in
            let used = try await transaction.execute(
                """
                UPDATE connect_links SET used_at = now()
                WHERE tenant_id = \(tenant) AND id = \(link) AND used_at IS NULL
                """)
            guard used == 1 else {
                throw GatewayError(.forbidden, "This link has been used already. Ask for a new one.")
            }
            let known = try await transaction.query(
                """
                SELECT id FROM logins
                WHERE tenant_id = \(tenant) AND app_id = \(app) AND kick_user_id = \(account.kickUserID) FOR UPDATE
                """)
            let kept = try known.first.map { try $0["id", as: LoginID.self] } ?? id
            let access = vault.seal(tokens.access.reveal(), for: Self.context(.access, kept, tenant))
            let refresh = vault.seal(tokens.refresh.reveal(), for: Self.context(.refresh, kept, tenant))
            let rows = try await transaction.query(
                """
                INSERT INTO logins (
                    id, tenant_id, app_id, kick_user_id, username, slug, state, scopes, access_token_sealed,
                    refresh_token_sealed, access_expires_at, refresh_issued_at, refresh_due_at, subscriptions_due_at)
                VALUES (
                    \(kept), \(tenant), \(app), \(account.kickUserID), \(account.username), \(account.slug),
                    'connected', \(tokens.scopes ?? []), \(access), \(refresh), now() + \(tokens.lifetime), now(),
                    now() + \(refreshAfter), now())
                ON CONFLICT (tenant_id, app_id, kick_user_id) DO UPDATE SET
                    username = excluded.username, slug = excluded.slug, state = 'connected',
                    scopes = excluded.scopes, connected_at = now(),
                    access_token_sealed = excluded.access_token_sealed,
                    refresh_token_sealed = excluded.refresh_token_sealed, previous_refresh_token_sealed = NULL,
                    access_expires_at = excluded.access_expires_at, refresh_issued_at = now(),
                    refresh_due_at = excluded.refresh_due_at, subscriptions_due_at = now(),
                    generation = logins.generation + 1, refresh_fence = logins.refresh_fence + 1,
                    refresh_lease_until = NULL, refresh_attempt_started_at = NULL, refresh_failures = 0,
                    last_error = NULL
                RETURNING \(unescaped: Self.columns)
                """)
            _ = try await transaction.execute(
                """
                UPDATE connect_links SET login_id = \(kept)
                WHERE tenant_id = \(tenant) AND id = \(link)
                """)
            guard let row = rows.first else { throw GatewayError(.internal, "the login was not stored") }
            return try Self.login(row)
        }
    }

    package func logins(in tenant: TenantID) async throws(DatabaseError) -> [Login] {
        let rows = try await database.query(
            "SELECT \(unescaped: Self.columns) FROM logins WHERE tenant_id = \(tenant) ORDER BY id")
        return try rows.map { row throws(DatabaseError) in try Self.login(row) }
    }

    package func login(_ id: LoginID, in tenant: TenantID) async throws(DatabaseError) -> Login? {
        let rows = try await database.query(
            "SELECT \(unescaped: Self.columns) FROM logins WHERE tenant_id = \(tenant) AND id = \(id)")
        return try rows.first.map { row throws(DatabaseError) in try Self.login(row) }
    }

    static let columns = """
        id, tenant_id, app_id, kick_user_id, username, slug, state, scopes, connected_at, access_expires_at,
        refreshed_at, refresh_due_at, generation, refresh_failures, last_error
        """

    static func login(_ row: Row) throws(DatabaseError) -> Login {
        Login(
            id: try row["id", as: LoginID.self], tenantID: try row["tenant_id", as: TenantID.self],
            appID: try row["app_id", as: AppID.self], kickUserID: try row["kick_user_id", as: Int64.self],
            username: try row["username", as: String.self], slug: try row["slug", as: String?.self],
            state: LoginState(rawValue: try row["state", as: String.self]) ?? .reconnectRequired,
            scopes: try row["scopes", as: [String].self],
            connectedAt: try row["connected_at", as: Timestamp.self],
            accessExpiresAt: try row["access_expires_at", as: Timestamp?.self],
            refreshedAt: try row["refreshed_at", as: Timestamp?.self],
            refreshDueAt: try row["refresh_due_at", as: Timestamp?.self],
            generation: try row["generation", as: Int64.self],
            refreshFailures: try row["refresh_failures", as: Int64.self],
            lastError: try row["last_error", as: String?.self])
    }

    /// The column that a token is sealed for. The previous refresh token keeps the seal it had as the present one.
    enum TokenColumn: String {
        case access = "access_token"
        case refresh = "refresh_token"
    }

    static func context(_ column: TokenColumn, _ login: LoginID, _ tenant: TenantID) -> SealingContext {
        SealingContext(table: "logins", tenant: tenant.text, row: login.text, column: column.rawValue)
    }
}
