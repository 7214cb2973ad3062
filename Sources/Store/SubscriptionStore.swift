package import Model
package import Postgres

/// What logins are subscribed to, and which of them somebody should look at.
package struct SubscriptionStore: Sendable {
    private let database: Database

    package init(database: Database) {
        self.database = database
    }

    /// A login whose subscriptions this process may bring in line with Kick.
    package struct Claim: Sendable {
        package let login: LoginID
        package let tenant: TenantID
        package let app: AppID
        package let broadcasterUserID: Int64
    }

    /// What became of one wanted type.
    package struct Outcome: Sendable {
        package let type: String
        package let state: EventSubscription.State
        package let kickSubscriptionID: String?
        package let error: String?

        package init(type: String, state: EventSubscription.State, kickSubscriptionID: String?, error: String?) {
            self.type = type
            self.state = state
            self.kickSubscriptionID = kickSubscriptionID
            self.error = error
        }
    }

    /// Claims logins that are due, at most `limit`, each for `lease`. Works across tenants: Kick's quota is the app's.
    package func claimDue(limit: Int, lease: Duration) async throws(DatabaseError) -> [Claim] {
        let rows = try await database.query(
            """
            UPDATE logins SET subscriptions_lease_until = now() + \(lease)
            WHERE id IN (
                SELECT id FROM logins
                WHERE state = 'connected' AND subscriptions_due_at <= now()
                    AND (subscriptions_lease_until IS NULL OR subscriptions_lease_until < now())
                ORDER BY subscriptions_due_at
                LIMIT \(Int64(limit))
                FOR UPDATE SKIP LOCKED)
            RETURNING id, tenant_id, app_id, kick_user_id
            """)
        return try rows.map { row throws(DatabaseError) in
            Claim(
                login: try row["id", as: LoginID.self], tenant: try row["tenant_id", as: TenantID.self],
                app: try row["app_id", as: AppID.self],
                broadcasterUserID: try row["kick_user_id", as: Int64.self])
        }
    }

    /// Stores the outcomes and when to look again.
    package func finish(
        _ claim: Claim, outcomes: [Outcome], lookAgainAfter: Duration
    ) async throws(DatabaseError) {
        _ = try await database.pipeline([
            """
            INSERT INTO event_subscriptions (
                tenant_id, login_id, broadcaster_user_id, type, state, kick_subscription_id, last_error)
            SELECT \(claim.tenant), \(claim.login), \(claim.broadcasterUserID), type, state,
                nullif(kick_id, ''), nullif(error, '')
            FROM unnest(
                \(outcomes.map(\.type))::text[], \(outcomes.map(\.state.rawValue))::text[],
                \(outcomes.map { $0.kickSubscriptionID ?? "" })::text[], \(outcomes.map { $0.error ?? "" })::text[]
            ) AS outcome (type, state, kick_id, error)
            ON CONFLICT (login_id, type) DO UPDATE SET state = excluded.state,
                kick_subscription_id = excluded.kick_subscription_id, last_error = excluded.last_error,
                updated_at = now()
            """,
            """
            UPDATE logins SET subscriptions_lease_until = NULL, subscriptions_due_at = now() + \(lookAgainAfter)
            WHERE tenant_id = \(claim.tenant) AND id = \(claim.login)
            """,
        ])
    }

    package func subscriptions(in tenant: TenantID) async throws(DatabaseError) -> [EventSubscription] {
        let rows = try await database.query(
            """
            SELECT login_id, broadcaster_user_id, type, state, kick_subscription_id, last_error, updated_at
            FROM event_subscriptions WHERE tenant_id = \(tenant) ORDER BY login_id, type
            """)
        return try rows.map { row throws(DatabaseError) in
            EventSubscription(
                loginID: try row["login_id", as: LoginID.self],
                broadcasterUserID: try row["broadcaster_user_id", as: Int64.self],
                type: try row["type", as: String.self],
                state: EventSubscription.State(rawValue: try row["state", as: String.self]) ?? .pending,
                kickSubscriptionID: try row["kick_subscription_id", as: String?.self],
                lastError: try row["last_error", as: String?.self],
                updatedAt: try row["updated_at", as: Timestamp.self])
        }
    }
}
