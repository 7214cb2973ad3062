import Crypto
package import Model
package import Postgres
package import Telemetry

/// Connect links and the trips to Kick's consent page that they begin.
package struct ConnectStore: Sendable {
    /// A link as its token finds it.
    package struct Link: Sendable {
        package let id: ConnectLinkID
        package let tenant: TenantID
        package let app: AppID
        package let scopes: [String]
        package let expiresAt: Timestamp
        package let isUsed: Bool
    }

    /// A trip to the consent page, as its state finds it.
    package struct Attempt: Sendable {
        package let tenant: TenantID
        package let app: AppID
        package let link: ConnectLinkID
        package let browserHash: [UInt8]
        package let verifier: Secret<String>
        package let scopes: [String]
    }

    private let database: Database
    private let vault: Vault

    package init(database: Database, vault: Vault) {
        self.database = database
        self.vault = vault
    }

    /// Stores a link that works until `expiresAt`; sweeps out a few that are over.
    ///
    /// - Parameter login: the one login that it may connect again; nil for any account.
    package func createLink(
        _ id: ConnectLinkID, tokenHash: [UInt8], scopes: [String], expiresAt: Timestamp, login: LoginID? = nil,
        in tenant: TenantID
    ) async throws(DatabaseError) {
        _ = try await database.pipeline([
            Self.sweep,
            """
            INSERT INTO connect_links (id, tenant_id, token_hash, scopes, expires_at, login_id)
            VALUES (\(id), \(tenant), \(tokenHash), \(scopes), \(expiresAt), \(login))
            """,
        ])
    }

    /// Links go a day after their end, when no trip can be under way any more, or a week after their use. Ids sort by
    /// age, so only the oldest are looked at: however many links there are, it costs the same.
    private static let sweep: Query = """
        DELETE FROM connect_links WHERE id IN (
            SELECT id FROM (SELECT id, expires_at, used_at FROM connect_links ORDER BY id LIMIT 200) AS oldest
            WHERE expires_at < now() - interval '1 day' OR used_at < now() - interval '7 days'
            FOR UPDATE SKIP LOCKED)
        """

    /// The link whose token hashes to this: the way from a credential to its tenant. One that is for a login goes through
    /// that login's app.
    package func link(tokenHash: [UInt8]) async throws(DatabaseError) -> Link? {
        let rows = try await database.query(
            """
            SELECT connect_links.id, connect_links.tenant_id, coalesce(logins.app_id, tenants.app_id) AS app_id,
                connect_links.scopes, expires_at, used_at IS NOT NULL AS is_used
            FROM connect_links JOIN tenants ON tenants.id = connect_links.tenant_id
            LEFT JOIN logins ON logins.id = login_id
            WHERE token_hash = \(tokenHash)
            """)
        guard let row = rows.first else { return nil }
        return Link(
            id: try row["id", as: ConnectLinkID.self], tenant: try row["tenant_id", as: TenantID.self],
            app: try row["app_id", as: AppID.self], scopes: try row["scopes", as: [String].self],
            expiresAt: try row["expires_at", as: Timestamp.self], isUsed: try row["is_used", as: Bool.self])
    }

    /// Stores the beginning of a trip; sweeps out a few that never ended.
    package func begin(
        stateHash: [UInt8], attempt: Attempt, expiresAt: Timestamp
    ) async throws {
        try await vault.writing {
            let verifier = vault.seal(
                attempt.verifier.reveal(), for: Self.verifierContext(attempt.tenant, stateHash: stateHash))
            _ = try await database.pipeline([
                """
                DELETE FROM login_attempts WHERE state_hash IN (
                    SELECT state_hash FROM login_attempts WHERE expires_at < now() LIMIT 100 FOR UPDATE SKIP LOCKED)
                """,
                """
                INSERT INTO login_attempts (
                    state_hash, tenant_id, app_id, link_id, browser_hash, verifier_sealed, scopes, expires_at)
                VALUES (
                    \(stateHash), \(attempt.tenant), \(attempt.app), \(attempt.link), \(attempt.browserHash),
                    \(verifier), \(attempt.scopes), \(expiresAt))
                """,
            ])
        }
    }

    /// Takes the attempt out: a state works once. Nil when it is unknown, used or expired.
    package func take(stateHash: [UInt8]) async throws -> Attempt? {
        let rows = try await database.query(
            """
            DELETE FROM login_attempts WHERE state_hash = \(stateHash)
            RETURNING tenant_id, app_id, link_id, browser_hash, verifier_sealed, scopes, expires_at > now() AS is_fresh
            """)
        guard let row = rows.first, try row["is_fresh", as: Bool.self] else { return nil }
        let tenant = try row["tenant_id", as: TenantID.self]
        let verifier = try await vault.open(
            try row["verifier_sealed", as: [UInt8].self], for: Self.verifierContext(tenant, stateHash: stateHash))
        return Attempt(
            tenant: tenant, app: try row["app_id", as: AppID.self],
            link: try row["link_id", as: ConnectLinkID.self],
            browserHash: try row["browser_hash", as: [UInt8].self], verifier: Secret(verifier),
            scopes: try row["scopes", as: [String].self])
    }

    private static func verifierContext(_ tenant: TenantID, stateHash: [UInt8]) -> SealingContext {
        SealingContext(
            table: "login_attempts", tenant: tenant.text, row: Hex.encode(stateHash), column: "verifier")
    }
}

extension ConnectStore.Attempt {
    package init(
        link: ConnectStore.Link, browserHash: [UInt8], verifier: Secret<String>
    ) {
        self.init(
            tenant: link.tenant, app: link.app, link: link.id, browserHash: browserHash, verifier: verifier,
            scopes: link.scopes)
    }
}
