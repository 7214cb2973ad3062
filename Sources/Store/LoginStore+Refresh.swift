import Crypto
package import Model
package import Postgres
package import Telemetry

/// A refresh that this process may carry out: the lease of one login, with the tokens that it starts from.
package struct RefreshLease: Sendable {
    package let login: LoginID
    package let tenant: TenantID
    package let app: AppID
    /// Number of this attempt. A failure is recorded only under the newest attempt's (P3).
    package let fence: Int64
    /// Number of the pair that is refreshed. It must stand in the row unchanged for any result to be stored (P3).
    package let generation: Int64
    package let refreshToken: Secret<String>
    /// The refresh token before that, until the present pair has worked once (P4).
    package let previousRefreshToken: Secret<String>?
    package let failures: Int64
}

/// Leases, attempts and their outcomes. Times are the database's: the clocks of replicas may differ.
extension LoginStore {
    private static let report = Log("tokens")

    /// Claims logins that are due, at most `limit`, each for a while. The claim is committed before this returns: it is
    /// the record that a refresh may be under way (P4). Works across tenants: the schedule is the deployment's.
    ///
    /// - Parameter excluding: logins that this process is refreshing: while the database was away a lease may have run out
    ///   under a result that is still to be stored.
    package func claimDueRefreshes(
        limit: Int, lease duration: Duration, excluding: [LoginID] = []
    ) async throws -> [RefreshLease] {
        let rows = try await database.query(
            """
            UPDATE logins SET refresh_fence = refresh_fence + 1, refresh_lease_until = now() + \(duration),
                refresh_attempt_started_at = now()
            WHERE id IN (
                SELECT id FROM logins
                WHERE state = 'connected' AND refresh_due_at <= now()
                    AND (refresh_lease_until IS NULL OR refresh_lease_until < now())
                    AND id <> ALL (\(excluding.map(\.text)))
                ORDER BY refresh_due_at
                LIMIT \(Int64(limit))
                FOR UPDATE SKIP LOCKED)
            RETURNING id, tenant_id, app_id, refresh_fence, generation, refresh_token_sealed,
                previous_refresh_token_sealed, refresh_failures
            """)
        // A token that does not open (a key is missing) must not hold up the others.
        return try rows.compactMap { row in
            do {
                return try lease(row)
            } catch let error as CryptoError {
                Self.report.error(
                    "a login's tokens do not open",
                    ["login": .string(try row["id", as: String.self]), "error": .string("\(error)")])
                return nil
            }
        }
    }

    /// Time until the next login is due, zero when one is; nil when there is none.
    package func timeUntilNextRefresh() async throws(DatabaseError) -> Duration? {
        let rows = try await database.query(
            """
            SELECT (extract(epoch FROM min(greatest(refresh_due_at, refresh_lease_until)) - now()) * 1e6)::bigint
                AS microseconds
            FROM logins WHERE state = 'connected'
            """)
        guard let row = rows.first, let microseconds = try row["microseconds", as: Int64?.self] else { return nil }
        return .microseconds(max(0, microseconds))
    }

    /// Stores a rotated pair and ends the lease. False when the row holds another pair than the one that was refreshed:
    /// nothing was stored.
    ///
    /// The pair decides, not the fence: a holder whose lease has run out, because the database was away, may have the
    /// only pair that Kick still takes. The old refresh token stays beside the new one.
    package func store(
        _ tokens: TokenPair, refreshAfter: Duration, for lease: RefreshLease
    ) async throws(DatabaseError) -> Bool {
        let access = sealer.seal(tokens.access.reveal(), for: Self.context(.access, lease.login, lease.tenant))
        let refresh = sealer.seal(tokens.refresh.reveal(), for: Self.context(.refresh, lease.login, lease.tenant))
        let count = try await database.execute(
            """
            UPDATE logins SET access_token_sealed = \(access), previous_refresh_token_sealed = refresh_token_sealed,
                refresh_token_sealed = \(refresh), access_expires_at = now() + \(tokens.lifetime),
                refresh_issued_at = now(), refreshed_at = now(), refresh_due_at = now() + \(refreshAfter),
                generation = generation + 1, scopes = coalesce(\(tokens.scopes), scopes), refresh_lease_until = NULL,
                refresh_attempt_started_at = NULL, refresh_failures = 0, last_error = NULL
            WHERE tenant_id = \(lease.tenant) AND id = \(lease.login) AND generation = \(lease.generation)
                AND state <> 'disconnected'
            """)
        return count == 1
    }

    /// Ends the lease without a result: the refresh is due again after `retryAfter`. No effect under another fence.
    package func postpone(
        _ lease: RefreshLease, retryAfter: Duration, error: String
    ) async throws(DatabaseError) {
        _ = try await database.execute(
            """
            UPDATE logins SET refresh_lease_until = NULL, refresh_attempt_started_at = NULL,
                refresh_due_at = now() + \(retryAfter), refresh_failures = refresh_failures + 1,
                last_error = \(error)
            WHERE tenant_id = \(lease.tenant) AND id = \(lease.login) AND refresh_fence = \(lease.fence)
                AND generation = \(lease.generation)
            """)
    }

    /// Kick has refused every token we hold. False when the fence has moved on: somebody else knows better.
    package func requireReconnect(_ lease: RefreshLease, error: String) async throws(DatabaseError) -> Bool {
        let count = try await database.execute(
            """
            UPDATE logins SET state = 'reconnect_required', refresh_lease_until = NULL,
                refresh_attempt_started_at = NULL, refresh_due_at = NULL, last_error = \(error)
            WHERE tenant_id = \(lease.tenant) AND id = \(lease.login) AND refresh_fence = \(lease.fence)
                AND generation = \(lease.generation)
            """)
        return count == 1
    }

    private func lease(_ row: Row) throws -> RefreshLease {
        let login = try row["id", as: LoginID.self]
        let tenant = try row["tenant_id", as: TenantID.self]
        let context = Self.context(.refresh, login, tenant)
        let previous = try row["previous_refresh_token_sealed", as: [UInt8]?.self]
        return RefreshLease(
            login: login, tenant: tenant, app: try row["app_id", as: AppID.self],
            fence: try row["refresh_fence", as: Int64.self], generation: try row["generation", as: Int64.self],
            refreshToken: Secret(
                try sealer.openText(try row["refresh_token_sealed", as: [UInt8].self], for: context)),
            previousRefreshToken: try previous.map { Secret(try sealer.openText($0, for: context)) },
            failures: try row["refresh_failures", as: Int64.self])
    }
}
