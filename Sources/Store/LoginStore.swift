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

    // MARK: Connecting

    /// Stores what a consent gave, and uses up its link, or what an import brought, in one transaction.
    ///
    /// An account that this tenant has had already keeps its login id, whatever became of it. A refresh that is under
    /// way loses its lease: its tokens belong to the grant that this one replaces. A teardown that is not done yet is
    /// called off. Throws `forbidden` when the link has been used meanwhile, or is for another account.
    ///
    /// - Parameters:
    ///   - id: the id for a login that is new.
    ///   - asked: the scopes that were asked for; nil for an import, where nobody knows.
    ///   - refreshAfter: when the tokens should be refreshed, from now.
    ///   - link: nil for an import. Its refresh token is unproven, so the one before it is kept (P4).
    ///   - tell: what the tenant's log is told, from what the login was and what it is now.
    package func connect(
        _ id: LoginID, account: Account, tokens: TokenPair, asked: [String]? = nil, app: AppID,
        refreshAfter: Duration, link: ConnectLinkID?, in tenant: TenantID,
        tell: (_ before: Login?, _ after: Login) -> GatewayEvent? = { _, _ in nil }
    ) async throws -> Login {
        try await vault.writing {
            try await database.transaction { transaction in
                // What is sealed is sealed for the login's id, so two who connect a new account at once must agree on it.
                _ = try await transaction.query(
                    """
                    SELECT pg_advisory_xact_lock(hashtextextended(
                        \("login \(tenant) \(app) \(account.kickUserID)"), 0))
                    """)
                let wanted = try await Self.use(link, transaction, in: tenant)
                let known = try await transaction.query(
                    """
                    SELECT \(unescaped: Self.columns) FROM logins
                    WHERE tenant_id = \(tenant) AND app_id = \(app) AND kick_user_id = \(account.kickUserID) FOR UPDATE
                    """)
                let before = try known.first.map { row in try Self.login(row) }
                if let wanted, wanted.id != before?.id {
                    throw GatewayError(
                        .forbidden,
                        """
                        This link is for the Kick account \(wanted.username), and you logged in as \(account.username). \
                        Log in to Kick with the right account and open the link again.
                        """)
                }
                let kept = before?.id ?? id
                let insertion = insertion(
                    of: kept, account, tokens, asked: asked, app, refreshAfter: refreshAfter, isConsent: link != nil,
                    tenant
                )
                let rows = try await transaction.query(insertion)
                if let link {
                    _ = try await transaction.execute(
                        "UPDATE connect_links SET login_id = \(kept) WHERE tenant_id = \(tenant) AND id = \(link)")
                }
                guard let row = rows.first else { throw GatewayError(.internal, "the login was not stored") }
                let after = try Self.login(row)
                if let event = tell(before, after) {
                    try await EventLog.append(event, in: tenant, transaction: transaction)
                }
                return after
            }
        }
    }

    /// Uses up a link; whose login it is for, if it is for one.
    private static func use(
        _ link: ConnectLinkID?, _ transaction: Transaction, in tenant: TenantID
    ) async throws -> (id: LoginID, username: String)? {
        guard let link else { return nil }
        let rows = try await transaction.query(
            """
            WITH used AS (
                UPDATE connect_links SET used_at = now()
                WHERE tenant_id = \(tenant) AND id = \(link) AND used_at IS NULL
                RETURNING login_id
            )
            SELECT login_id, username FROM used LEFT JOIN logins ON logins.id = used.login_id
            """)
        guard let row = rows.first else {
            throw GatewayError(.forbidden, "This link has been used already. Ask for a new one.")
        }
        guard let id = try row["login_id", as: LoginID?.self] else { return nil }
        return (id, try row["username", as: String?.self] ?? "")
    }

    private func insertion(
        of login: LoginID, _ account: Account, _ tokens: TokenPair, asked: [String]?, _ app: AppID,
        refreshAfter: Duration, isConsent: Bool, _ tenant: TenantID
    ) -> Query {
        let access = vault.seal(tokens.access.reveal(), for: Self.context(.access, login, tenant))
        let refresh = vault.seal(tokens.refresh.reveal(), for: Self.context(.refresh, login, tenant))
        let granted = tokens.scopes ?? []
        return """
            INSERT INTO logins (
                id, tenant_id, app_id, kick_user_id, username, slug, state, asked_scopes, scopes, access_token_sealed,
                refresh_token_sealed, access_expires_at, refresh_issued_at, refresh_due_at)
            VALUES (
                \(login), \(tenant), \(app), \(account.kickUserID), \(account.username), \(account.slug),
                'connected', \(asked ?? granted), \(granted), \(access), \(refresh), now() + \(tokens.lifetime), now(),
                now() + \(refreshAfter))
            ON CONFLICT (tenant_id, app_id, kick_user_id) DO UPDATE SET
                username = excluded.username, slug = excluded.slug, state = 'connected',
                asked_scopes = coalesce(\(asked)::text[], logins.asked_scopes), scopes = excluded.scopes,
                connected_at = now(), access_token_sealed = excluded.access_token_sealed,
                refresh_token_sealed = excluded.refresh_token_sealed,
                previous_refresh_token_sealed =
                    CASE WHEN NOT \(isConsent) AND logins.state <> 'disconnected' THEN logins.refresh_token_sealed END,
                access_expires_at = excluded.access_expires_at, refresh_issued_at = now(),
                refresh_due_at = excluded.refresh_due_at,
                generation = logins.generation + 1, refresh_fence = logins.refresh_fence + 1,
                refresh_lease_until = NULL, refresh_attempt_started_at = NULL, refresh_failures = 0,
                last_error = NULL, last_refresh_outcome = NULL, last_refresh_at = NULL, failing_announced = false,
                disconnected_at = NULL, teardown_due_at = NULL, teardown_lease_until = NULL, teardown_failures = 0
            RETURNING \(unescaped: Self.columns)
            """
    }

    // MARK: Reading

    package func logins(in tenant: TenantID) async throws(DatabaseError) -> [Login] {
        let rows = try await database.query(
            "SELECT \(unescaped: Self.columns) FROM logins WHERE tenant_id = \(tenant) ORDER BY id")
        return try rows.map { row throws(DatabaseError) in try Self.login(row) }
    }

    /// The login of a Kick account, whatever became of it.
    package func login(
        of kickUserID: Int64, through app: AppID, in tenant: TenantID
    ) async throws(DatabaseError) -> Login? {
        let rows = try await database.query(
            """
            SELECT \(unescaped: Self.columns) FROM logins
            WHERE tenant_id = \(tenant) AND app_id = \(app) AND kick_user_id = \(kickUserID)
            """)
        return try rows.first.map { row throws(DatabaseError) in try Self.login(row) }
    }

    /// The login of a Kick user, on the tenant's present app if there are several.
    package func login(ofUser kickUserID: Int64, in tenant: TenantID) async throws(DatabaseError) -> Login? {
        let rows = try await database.query(
            """
            SELECT \(unescaped: Self.columns) FROM logins
            WHERE tenant_id = \(tenant) AND kick_user_id = \(kickUserID)
            ORDER BY state = 'connected' DESC,
                app_id = (SELECT app_id FROM tenants WHERE id = \(tenant)) DESC, connected_at DESC
            LIMIT 1
            """)
        return try rows.first.map { row throws(DatabaseError) in try Self.login(row) }
    }

    package func login(_ id: LoginID, in tenant: TenantID) async throws(DatabaseError) -> Login? {
        let rows = try await database.query(
            "SELECT \(unescaped: Self.columns) FROM logins WHERE tenant_id = \(tenant) AND id = \(id)")
        return try rows.first.map { row throws(DatabaseError) in try Self.login(row) }
    }

    static let columns = """
        id, tenant_id, app_id, kick_user_id, username, slug, state, asked_scopes, scopes, connected_at,
        access_expires_at, refresh_issued_at, refresh_due_at, generation, refresh_failures, failing_announced,
        last_refresh_outcome, last_refresh_at, last_error, disconnected_at, teardown_due_at, teardown_failures,
        refresh_token_sealed IS NOT NULL OR access_token_sealed IS NOT NULL AS holds_tokens
        """

    static func login(_ row: Row) throws(DatabaseError) -> Login {
        Login(
            id: try row["id", as: LoginID.self], tenantID: try row["tenant_id", as: TenantID.self],
            appID: try row["app_id", as: AppID.self], kickUserID: try row["kick_user_id", as: Int64.self],
            username: try row["username", as: String.self], slug: try row["slug", as: String?.self],
            state: LoginState(rawValue: try row["state", as: String.self]) ?? .reconnectRequired,
            askedScopes: try row["asked_scopes", as: [String].self], scopes: try row["scopes", as: [String].self],
            connectedAt: try row["connected_at", as: Timestamp.self],
            accessExpiresAt: try row["access_expires_at", as: Timestamp?.self],
            refreshIssuedAt: try row["refresh_issued_at", as: Timestamp?.self],
            refreshDueAt: try row["refresh_due_at", as: Timestamp?.self],
            generation: try row["generation", as: Int64.self],
            refreshFailures: try row["refresh_failures", as: Int64.self],
            isFailingAnnounced: try row["failing_announced", as: Bool.self],
            lastRefreshResult: try row["last_refresh_outcome", as: String?.self].flatMap(RefreshResult.init),
            lastRefreshAt: try row["last_refresh_at", as: Timestamp?.self],
            lastError: try row["last_error", as: String?.self],
            teardown: Login.Teardown(
                disconnectedAt: try row["disconnected_at", as: Timestamp?.self],
                holdsTokens: try row["holds_tokens", as: Bool.self],
                dueAt: try row["teardown_due_at", as: Timestamp?.self],
                failures: try row["teardown_failures", as: Int64.self]))
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
