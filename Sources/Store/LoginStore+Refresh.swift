import Crypto
package import Model
package import Postgres
package import Telemetry

/// A refresh that this process may carry out: the lease of one login, with the tokens that it starts from.
package struct RefreshLease: Sendable {
    package let login: LoginID
    package let tenant: TenantID
    package let app: AppID
    package let kickUserID: Int64
    package let username: String
    /// Number of this attempt. A failure is recorded only under the newest attempt's (P3).
    package let fence: Int64
    /// Number of the pair that is refreshed. It must stand in the row unchanged for any result to be stored (P3).
    package let generation: Int64
    package let refreshToken: Secret<String>
    /// The refresh token before that, until the present pair has worked once (P4).
    package let previousRefreshToken: Secret<String>?
    package let failures: Int64
    /// Whether the access token's life is over.
    package let hasExpired: Bool
    /// Whether the tenant's log says that refreshing fails, so that it has to say when it works again.
    package let isAnnounced: Bool
    /// Whether the attempt before this one was begun and never ended: its process died, and Kick may have rotated the
    /// token (P4).
    package let isRecovery: Bool
}

/// What came of asking for the lease of one login.
package enum RefreshClaim: Sendable {
    case leased(RefreshLease)
    /// Another process is at it.
    case taken
    /// The pair is not the one that was meant any more: somebody has refreshed it.
    case renewed
    /// The login is in this state, which is not connected; nil when it does not exist.
    case notConnected(LoginState?)
    /// The last attempt failed, and the next one is not due before this time has passed.
    case postponed(Duration, reason: String)
    /// The tokens do not open.
    case unreadable
}

/// Leases, attempts and their outcomes. Times are the database's: the clocks of replicas may differ.
extension LoginStore {
    private static let report = Log("tokens")

    // MARK: Leases

    /// Claims logins that are due, for each app at most as many as it has room for. The claim is committed before this
    /// returns: it is the record that a refresh may be under way (P4). Works across tenants: the schedule is the
    /// deployment's.
    ///
    /// - Parameter excluding: logins that this process is refreshing: while the database was away a lease may have run out
    ///   under a result that is still to be stored.
    package func claimDueRefreshes(
        room: [AppID: Int], lease duration: Duration, excluding: [LoginID] = []
    ) async throws -> [RefreshLease] {
        let apps = room.map(\.key.text)
        let limits = room.map { Int64($0.value) }
        let rows = try await database.query(
            """
            WITH due AS (
                SELECT picked.* FROM unnest(\(apps)::text[], \(limits)::bigint[]) AS app (id, room)
                CROSS JOIN LATERAL (
                    SELECT id, refresh_attempt_started_at IS NOT NULL AS is_recovery FROM logins
                    WHERE app_id = app.id AND state = 'connected' AND refresh_due_at <= now()
                        AND (refresh_lease_until IS NULL OR refresh_lease_until < now())
                        AND logins.id <> ALL (\(excluding.map(\.text)))
                    ORDER BY refresh_due_at
                    LIMIT app.room
                    FOR UPDATE SKIP LOCKED
                ) AS picked
            )
            \(Self.takeLease(duration))
            """)
        var leases: [RefreshLease] = []
        for row in rows {
            if let lease = try await lease(row) { leases.append(lease) }
        }
        return leases
    }

    /// Claims one login whose pair has the number `generation`, due or not.
    ///
    /// - Parameter isForced: also when an attempt failed a moment ago, and when the login must be reconnected.
    package func claimRefresh(
        of login: LoginID, generation: Int64, in tenant: TenantID, lease duration: Duration, isForced: Bool = false
    ) async throws -> RefreshClaim {
        let rows = try await database.query(
            """
            WITH due AS (
                SELECT id, refresh_attempt_started_at IS NOT NULL AS is_recovery FROM logins
                WHERE tenant_id = \(tenant) AND id = \(login) AND generation = \(generation)
                    AND (state = 'connected' AND (refresh_failures = 0 OR refresh_due_at <= now())
                        OR \(isForced) AND state <> 'disconnected')
                    AND (refresh_lease_until IS NULL OR refresh_lease_until < now())
                FOR UPDATE
            )
            \(Self.takeLease(duration))
            """)
        if let row = rows.first {
            guard let lease = try await lease(row) else { return .unreadable }
            return .leased(lease)
        }
        return try await standing(of: login, generation: generation, in: tenant, isForced: isForced)
    }

    /// Why a login could not be claimed.
    private func standing(
        of login: LoginID, generation: Int64, in tenant: TenantID, isForced: Bool
    ) async throws(DatabaseError) -> RefreshClaim {
        let rows = try await database.query(
            """
            SELECT state, generation, coalesce(refresh_lease_until > now(), false) AS is_taken, last_error,
                (extract(epoch FROM refresh_due_at - now()) * 1e6)::bigint AS microseconds
            FROM logins WHERE tenant_id = \(tenant) AND id = \(login)
            """)
        guard let row = rows.first else { return .notConnected(nil) }
        let state = LoginState(rawValue: try row["state", as: String.self])
        guard state == .connected || isForced && state == .reconnectRequired else { return .notConnected(state) }
        guard try row["generation", as: Int64.self] == generation else { return .renewed }
        guard try !row["is_taken", as: Bool.self] else { return .taken }
        let microseconds = try row["microseconds", as: Int64?.self] ?? 0
        return .postponed(
            .microseconds(max(0, microseconds)),
            reason: try row["last_error", as: String?.self] ?? "the last refresh failed")
    }

    /// The app that a login goes through; nil when there is no such login.
    package func app(of login: LoginID, in tenant: TenantID) async throws(DatabaseError) -> AppID? {
        let rows = try await database.query("SELECT app_id FROM logins WHERE tenant_id = \(tenant) AND id = \(login)")
        return try rows.first.map { row throws(DatabaseError) in try row["app_id", as: AppID.self] }
    }

    /// Takes the lease of the rows that a query named `due` has locked.
    private static func takeLease(_ duration: Duration) -> Query {
        """
        UPDATE logins SET refresh_fence = refresh_fence + 1, refresh_lease_until = now() + \(duration),
            refresh_attempt_started_at = now()
        FROM due WHERE logins.id = due.id
        RETURNING logins.id, tenant_id, app_id, kick_user_id, username, refresh_fence, generation, refresh_token_sealed,
            previous_refresh_token_sealed, refresh_failures, access_expires_at <= now() AS has_expired,
            failing_announced, is_recovery
        """
    }

    /// Nil for a login whose tokens do not open: it must not hold up the others.
    private func lease(_ row: Row) async throws -> RefreshLease? {
        let login = try row["id", as: LoginID.self]
        let tenant = try row["tenant_id", as: TenantID.self]
        let context = Self.context(.refresh, login, tenant)
        do {
            let refresh = try await vault.open(try row["refresh_token_sealed", as: [UInt8].self], for: context)
            var previous: Secret<String>?
            if let sealed = try row["previous_refresh_token_sealed", as: [UInt8]?.self] {
                previous = Secret(try await vault.open(sealed, for: context))
            }
            return RefreshLease(
                login: login, tenant: tenant, app: try row["app_id", as: AppID.self],
                kickUserID: try row["kick_user_id", as: Int64.self], username: try row["username", as: String.self],
                fence: try row["refresh_fence", as: Int64.self], generation: try row["generation", as: Int64.self],
                refreshToken: Secret(refresh), previousRefreshToken: previous,
                failures: try row["refresh_failures", as: Int64.self],
                hasExpired: try row["has_expired", as: Bool?.self] ?? false,
                isAnnounced: try row["failing_announced", as: Bool.self],
                isRecovery: try row["is_recovery", as: Bool.self])
        } catch let error as CryptoError {
            Self.report.error(
                "a login's tokens do not open",
                ["login": .text(login), "tenant": .text(tenant), "error": .string("\(error)")])
            return nil
        }
    }

    /// Time until the next login of these apps is due, zero when one is; nil when there is none.
    package func timeUntilNextRefresh(of apps: [AppID]) async throws(DatabaseError) -> Duration? {
        let rows = try await database.query(
            """
            SELECT (extract(epoch FROM min(next.refresh_due_at) - now()) * 1e6)::bigint AS microseconds
            FROM unnest(\(apps.map(\.text))::text[]) AS app (id)
            CROSS JOIN LATERAL (
                SELECT refresh_due_at FROM logins
                WHERE app_id = app.id AND state = 'connected' ORDER BY refresh_due_at LIMIT 1
            ) AS next
            """)
        guard let row = rows.first, let microseconds = try row["microseconds", as: Int64?.self] else { return nil }
        return .microseconds(max(0, microseconds))
    }

    /// Whether the row still holds the pair that this lease renews, or somebody else's newer one.
    package func isCurrent(_ lease: RefreshLease) async throws(DatabaseError) -> Bool {
        let rows = try await database.query(
            """
            SELECT 1 AS one FROM logins
            WHERE tenant_id = \(lease.tenant) AND id = \(lease.login) AND generation = \(lease.generation)
                AND state = 'connected'
            """)
        return rows.first != nil
    }

    // MARK: Outcomes

    /// A rotated pair, sealed and ready to be stored. Sealing is a step of its own so that nothing can fail between
    /// Kick's answer and the statement but the statement.
    package struct SealedPair: Sendable {
        let access: [UInt8]
        let refresh: [UInt8]
        let lifetime: Duration
        let scopes: [String]?
    }

    package func seal(_ tokens: TokenPair, for lease: RefreshLease) -> SealedPair {
        SealedPair(
            access: vault.seal(tokens.access.reveal(), for: Self.context(.access, lease.login, lease.tenant)),
            refresh: vault.seal(tokens.refresh.reveal(), for: Self.context(.refresh, lease.login, lease.tenant)),
            lifetime: tokens.lifetime, scopes: tokens.scopes)
    }

    /// Stores a rotated pair and ends the lease. False when the row holds another pair than the one that was refreshed:
    /// nothing was stored.
    ///
    /// The pair decides, not the fence: a holder whose lease has run out, because the database was away, may have the
    /// only pair that Kick still takes. The old refresh token stays beside the new one.
    ///
    /// - Parameter recovered: goes into the tenant's log with it when the log says that there was trouble.
    package func store(
        _ pair: SealedPair, refreshAfter: Duration, for lease: RefreshLease, recovered: GatewayEvent
    ) async throws -> Bool {
        try await settle(
            """
            WITH old AS (
                SELECT id, failing_announced FROM logins
                WHERE tenant_id = \(lease.tenant) AND id = \(lease.login) AND generation = \(lease.generation)
                    AND state <> 'disconnected'
                FOR NO KEY UPDATE
            ), settled AS (
                UPDATE logins SET state = 'connected', access_token_sealed = \(pair.access),
                    previous_refresh_token_sealed = refresh_token_sealed, refresh_token_sealed = \(pair.refresh),
                    access_expires_at = now() + \(pair.lifetime), refresh_issued_at = now(), refreshed_at = now(),
                    refresh_due_at = now() + \(refreshAfter), generation = generation + 1,
                    scopes = coalesce(\(pair.scopes), scopes), refresh_lease_until = NULL,
                    refresh_attempt_started_at = NULL, refresh_failures = 0, last_error = NULL,
                    failing_announced = false, last_refresh_outcome = 'renewed', last_refresh_at = now()
                FROM old WHERE logins.id = old.id
                RETURNING tenant_id, old.failing_announced AS announce
            ), \(EventLog.appending(recovered, whenToldBy: "settled"))
            SELECT 1 AS one FROM settled
            """)
    }

    /// Ends the lease without a result: the refresh is due again after `retryAfter`. No effect under another fence.
    ///
    /// - Parameter failing: goes into the tenant's log with it, unless the log says so already; nil while it is too
    ///   early to tell anybody.
    package func postpone(
        _ lease: RefreshLease, retryAfter: Duration, error: String, failing: GatewayEvent?
    ) async throws {
        let event = failing ?? GatewayEvent(type: "", broadcasterUserID: 0, body: [])
        _ = try await settle(
            """
            WITH old AS (
                SELECT id, failing_announced FROM logins
                WHERE tenant_id = \(lease.tenant) AND id = \(lease.login) AND refresh_fence = \(lease.fence)
                    AND generation = \(lease.generation) AND state <> 'disconnected'
                FOR NO KEY UPDATE
            ), settled AS (
                UPDATE logins SET refresh_lease_until = NULL, refresh_attempt_started_at = NULL,
                    refresh_due_at = now() + \(retryAfter), refresh_failures = refresh_failures + 1,
                    last_error = \(error), failing_announced = old.failing_announced OR \(failing != nil),
                    last_refresh_outcome = 'postponed', last_refresh_at = now()
                FROM old WHERE logins.id = old.id
                RETURNING tenant_id, \(failing != nil) AND NOT old.failing_announced AS announce
            ), \(EventLog.appending(event, whenToldBy: "settled"))
            SELECT 1 AS one FROM settled
            """)
    }

    /// Kick has refused every token we hold. False when the fence has moved on: somebody else knows better. The tokens
    /// stay, sealed: what Kick refuses by mistake today may work when somebody asks for another try.
    ///
    /// - Parameter lost: goes into the tenant's log with it.
    package func requireReconnect(_ lease: RefreshLease, error: String, lost: GatewayEvent) async throws -> Bool {
        try await settle(
            """
            WITH old AS (
                SELECT id, state FROM logins
                WHERE tenant_id = \(lease.tenant) AND id = \(lease.login) AND refresh_fence = \(lease.fence)
                    AND generation = \(lease.generation) AND state <> 'disconnected'
                FOR NO KEY UPDATE
            ), settled AS (
                UPDATE logins SET state = 'reconnect_required', refresh_lease_until = NULL,
                    refresh_attempt_started_at = NULL, refresh_due_at = NULL, last_error = \(error),
                    refresh_failures = refresh_failures + 1, failing_announced = true,
                    last_refresh_outcome = 'refused', last_refresh_at = now()
                FROM old WHERE logins.id = old.id
                RETURNING tenant_id, old.state = 'connected' AS announce
            ), \(EventLog.appending(lost, whenToldBy: "settled"))
            SELECT 1 AS one FROM settled
            """)
    }

    /// Runs a statement that answers with a row when it fitted.
    private func settle(_ statement: Query) async throws -> Bool {
        do throws(DatabaseError) {
            return try await database.query(statement).first != nil
        } catch  where error.sqlState == .foreignKeyViolation {
            // The key that sealed the pair was retired while this process still wrote with it.
            try await vault.load()
            throw error
        }
    }
}
