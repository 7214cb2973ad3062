import Crypto
package import Model
package import Postgres
package import Telemetry

/// A login whose end at Kick this process may bring about, with what is still stored of its tokens.
package struct TeardownClaim: Sendable {
    package let login: LoginID
    package let tenant: TenantID
    package let app: AppID
    /// Number of the stored pair. It must stand in the row unchanged when the tokens are erased.
    package let generation: Int64
    /// Refresh tokens first; empty when they are erased already.
    package let tokens: [Token]
    /// Whether there are tokens that do not open, so that Kick cannot be told of them.
    package let isUnreadable: Bool
    /// Attempts before this one that failed.
    package let failures: Int64
    /// Whether the login was ended so long ago that this attempt is the last.
    package let isLast: Bool

    package struct Token: Sendable {
        package let secret: Secret<String>
        package let isRefreshToken: Bool
    }
}

/// What came of asking for the teardown of one login.
package enum TeardownStart: Sendable {
    case claimed(TeardownClaim)
    /// Another process is at it.
    case busy
    /// Nothing is left to do.
    case done
}

/// The end of logins: at once here, as soon as it can be had at Kick.
extension LoginStore {
    private static let report = Log("logins")
    /// How long after the wish to disconnect Kick is still asked to revoke.
    private static let patience = Duration.seconds(24 * 3600)

    // MARK: The wish

    /// Ends a login: from the commit on nobody uses its tokens, nobody refreshes them, and the result of a refresh that
    /// is under way is taken by ``keepForTeardown(_:for:)`` alone. Nil when there is no such login; nothing happens to one
    /// that was ended before.
    ///
    /// - Parameter tell: what goes into the tenant's log with it.
    package func disconnect(
        _ id: LoginID, in tenant: TenantID, tell: (Login) -> GatewayEvent
    ) async throws -> Login? {
        try await database.transaction { transaction in
            let known = try await transaction.query(
                """
                SELECT \(unescaped: Self.columns) FROM logins WHERE tenant_id = \(tenant) AND id = \(id) FOR UPDATE
                """)
            guard let before = try known.first.map({ row in try Self.login(row) }), before.state != .disconnected
            else { return try known.first.map { row in try Self.login(row) } }
            let rows = try await transaction.query(
                """
                UPDATE logins SET state = 'disconnected', disconnected_at = now(), teardown_due_at = now(),
                    teardown_lease_until = NULL, teardown_failures = 0, refresh_due_at = NULL,
                    refresh_fence = refresh_fence + 1, refresh_lease_until = NULL, refresh_attempt_started_at = NULL,
                    failing_announced = false
                WHERE tenant_id = \(tenant) AND id = \(id)
                RETURNING \(unescaped: Self.columns)
                """)
            guard let row = rows.first else { return nil }
            let after = try Self.login(row)
            try await EventLog.append(tell(after), in: tenant, transaction: transaction)
            return after
        }
    }

    /// Takes a pair that Kick gave for a login that was ended meanwhile: it has to be revoked too. False when the login
    /// is not disconnected, or was connected anew since.
    package func keepForTeardown(_ pair: SealedPair, for lease: RefreshLease) async throws(DatabaseError) -> Bool {
        let rows = try await database.query(
            """
            UPDATE logins SET previous_refresh_token_sealed = refresh_token_sealed,
                access_token_sealed = \(pair.access), refresh_token_sealed = \(pair.refresh),
                generation = generation + 1, teardown_due_at = now(), teardown_lease_until = NULL
            WHERE tenant_id = \(lease.tenant) AND id = \(lease.login) AND generation = \(lease.generation)
                AND state = 'disconnected'
            RETURNING 1 AS one
            """)
        return rows.first != nil
    }

    // MARK: Claims

    /// Claims ended logins that are due, at most `limit`, each for `lease`. Works across tenants.
    package func claimDueTeardowns(_ limit: Int, lease: Duration) async throws -> [TeardownClaim] {
        let rows = try await database.query(
            """
            WITH due AS (
                SELECT id FROM logins
                WHERE teardown_due_at <= now() AND state = 'disconnected'
                    AND (teardown_lease_until IS NULL OR teardown_lease_until < now())
                ORDER BY teardown_due_at
                LIMIT \(Int64(limit))
                FOR UPDATE SKIP LOCKED
            )
            \(Self.takeTeardown(lease))
            """)
        var claims: [TeardownClaim] = []
        for row in rows { claims.append(try await teardown(row)) }
        return claims
    }

    /// Claims one login, due or not.
    package func claimTeardown(of login: LoginID, in tenant: TenantID, lease: Duration) async throws -> TeardownStart {
        let rows = try await database.query(
            """
            WITH due AS (
                SELECT id FROM logins
                WHERE tenant_id = \(tenant) AND id = \(login) AND teardown_due_at IS NOT NULL
                    AND state = 'disconnected'
                    AND (teardown_lease_until IS NULL OR teardown_lease_until < now())
                FOR UPDATE
            )
            \(Self.takeTeardown(lease))
            """)
        if let row = rows.first { return .claimed(try await teardown(row)) }
        let pending = try await database.query(
            """
            SELECT 1 AS one FROM logins
            WHERE tenant_id = \(tenant) AND id = \(login) AND teardown_due_at IS NOT NULL AND state = 'disconnected'
            """)
        return pending.first == nil ? .done : .busy
    }

    private static func takeTeardown(_ lease: Duration) -> Query {
        """
        UPDATE logins SET teardown_lease_until = now() + \(lease)
        FROM due WHERE logins.id = due.id
        RETURNING logins.id, tenant_id, app_id, generation, access_token_sealed, refresh_token_sealed,
            previous_refresh_token_sealed, teardown_failures, disconnected_at + \(patience) < now() AS is_last
        """
    }

    private func teardown(_ row: Row) async throws -> TeardownClaim {
        let login = try row["id", as: LoginID.self]
        let tenant = try row["tenant_id", as: TenantID.self]
        var tokens: [TeardownClaim.Token] = []
        var isUnreadable = false
        for (column, place) in [
            ("refresh_token_sealed", TokenColumn.refresh), ("previous_refresh_token_sealed", .refresh),
            ("access_token_sealed", .access),
        ] {
            guard let sealed = try row[column, as: [UInt8]?.self] else { continue }
            do {
                let secret = Secret(try await vault.open(sealed, for: Self.context(place, login, tenant)))
                tokens.append(TeardownClaim.Token(secret: secret, isRefreshToken: place == .refresh))
            } catch let error as CryptoError {
                isUnreadable = true
                Self.report.error(
                    "a token that should be revoked does not open",
                    ["login": .text(login), "tenant": .text(tenant), "error": .string("\(error)")])
            }
        }
        return TeardownClaim(
            login: login, tenant: tenant, app: try row["app_id", as: AppID.self],
            generation: try row["generation", as: Int64.self],
            tokens: tokens, isUnreadable: isUnreadable, failures: try row["teardown_failures", as: Int64.self],
            isLast: try row["is_last", as: Bool.self])
    }

    // MARK: Steps

    /// Whether the login is still to be ended with the tokens of this claim.
    package func isCurrent(_ claim: TeardownClaim) async throws(DatabaseError) -> Bool {
        let rows = try await database.query(
            """
            SELECT 1 AS one FROM logins
            WHERE tenant_id = \(claim.tenant) AND id = \(claim.login) AND generation = \(claim.generation)
                AND state = 'disconnected'
            """)
        return rows.first != nil
    }

    /// Kick has revoked the tokens of this claim. False when the row holds others by now.
    package func eraseTokens(_ claim: TeardownClaim) async throws(DatabaseError) -> Bool {
        let rows = try await database.query(
            """
            UPDATE logins SET \(unescaped: Self.noTokens)
            WHERE tenant_id = \(claim.tenant) AND id = \(claim.login) AND generation = \(claim.generation)
                AND state = 'disconnected'
            RETURNING 1 AS one
            """)
        return rows.first != nil
    }

    private static let noTokens = """
        access_token_sealed = NULL, refresh_token_sealed = NULL, previous_refresh_token_sealed = NULL,
        access_expires_at = NULL, refresh_issued_at = NULL
        """

    /// Nothing is left to do. No effect when tokens have come meanwhile, or the login was connected anew.
    package func finishTeardown(_ claim: TeardownClaim) async throws(DatabaseError) {
        _ = try await database.execute(
            """
            UPDATE logins SET teardown_due_at = NULL, teardown_lease_until = NULL, teardown_failures = 0
            WHERE tenant_id = \(claim.tenant) AND id = \(claim.login) AND state = 'disconnected'
                AND access_token_sealed IS NULL AND refresh_token_sealed IS NULL
            """)
    }

    /// Something is left to do, after a while.
    package func postponeTeardown(_ claim: TeardownClaim, retryAfter: Duration) async throws(DatabaseError) {
        _ = try await database.execute(
            """
            UPDATE logins SET teardown_due_at = now() + \(retryAfter), teardown_lease_until = NULL,
                teardown_failures = teardown_failures + 1
            WHERE tenant_id = \(claim.tenant) AND id = \(claim.login) AND generation = \(claim.generation)
                AND state = 'disconnected'
            """)
    }

    /// Kick was asked for long enough: the tokens are erased all the same. False when the row holds others by now.
    package func abandonTeardown(_ claim: TeardownClaim) async throws(DatabaseError) -> Bool {
        let rows = try await database.query(
            """
            UPDATE logins SET \(unescaped: Self.noTokens), teardown_due_at = NULL, teardown_lease_until = NULL,
                teardown_failures = teardown_failures + 1
            WHERE tenant_id = \(claim.tenant) AND id = \(claim.login) AND generation = \(claim.generation)
                AND state = 'disconnected'
            RETURNING 1 AS one
            """)
        return rows.first != nil
    }

    // MARK: Tokens that are another account's

    /// Takes the tokens out of a login that they do not belong to: its broadcaster must connect again. False when the
    /// row holds others by now.
    package func refuseTokens(
        of login: LoginID, generation: Int64, reason: String, lost: GatewayEvent, in tenant: TenantID
    ) async throws(DatabaseError) -> Bool {
        let rows = try await database.query(
            """
            WITH settled AS (
                UPDATE logins SET state = 'reconnect_required', \(unescaped: Self.noTokens), refresh_due_at = NULL,
                    refresh_fence = refresh_fence + 1, refresh_lease_until = NULL, refresh_attempt_started_at = NULL,
                    last_error = \(reason), failing_announced = true
                WHERE tenant_id = \(tenant) AND id = \(login) AND generation = \(generation) AND state = 'connected'
                RETURNING tenant_id, true AS announce
            ), \(EventLog.appending(lost, whenToldBy: "settled"))
            SELECT 1 AS one FROM settled
            """)
        return rows.first != nil
    }
}
