package import Model
package import Postgres

/// What tenants want of broadcasters, what Kick was last seen to have, and who compares the two.
package struct SubscriptionStore: Sendable {
    let database: Database

    package init(database: Database) {
        self.database = database
    }

    // MARK: What a tenant sees

    /// Every type that the tenant wants, of one broadcaster or of all, by login and then in the catalogue's order.
    ///
    /// - Parameter allTypes: what a wish for everything comes to, in the order in which to list it.
    package func subscriptions(
        of broadcasterUserID: Int64? = nil, allTypes: [String], in tenant: TenantID
    ) async throws(DatabaseError) -> [EventSubscription] {
        let rows = try await database.query(
            """
            SELECT logins.id, kick_user_id, wanted.type, logins.wants_events, logins.state AS login_state,
                observed.state, kick_id, coalesce(
                    observed.last_error,
                    CASE WHEN coalesce(observed.state, 'pending') = 'pending' THEN watched.last_error END
                ) AS last_error,
                -- What another tenant had of the same broadcaster before is not this one's to see (P14).
                greatest(state_since, connected_at) AS state_since,
                CASE WHEN delivered_at > connected_at THEN delivered_at END AS delivered_at,
                CASE WHEN delivered_at > connected_at THEN usual_gap_seconds END AS usual_gap_seconds
            FROM logins
            CROSS JOIN LATERAL unnest(coalesce(wanted_types, \(allTypes)::text[])) WITH ORDINALITY
                AS wanted (type, place)
            LEFT JOIN kick_subscriptions AS observed
                ON observed.app_id = logins.app_id AND observed.broadcaster_user_id = kick_user_id
                    AND observed.type = wanted.type
            LEFT JOIN watched_broadcasters AS watched
                ON watched.app_id = logins.app_id AND watched.broadcaster_user_id = kick_user_id
            WHERE tenant_id = \(tenant) AND logins.state <> 'disconnected'
                AND kick_user_id = coalesce(\(broadcasterUserID), kick_user_id)
            ORDER BY logins.id, wanted.place
            """)
        return try rows.map { row throws(DatabaseError) in
            let observed = try row["state", as: String?.self].flatMap(SubscriptionState.init)
            let isPermitted = try row["wants_events", as: Bool.self]
            // A lost login keeps what it has and gets nothing new.
            let isAskedFor = try row["login_state", as: String.self] == LoginState.connected.rawValue
            return EventSubscription(
                loginID: try row["id", as: LoginID.self], broadcasterUserID: try row["kick_user_id", as: Int64.self],
                type: try row["type", as: String.self],
                state: isPermitted ? observed ?? (isAskedFor ? .pending : .notPermitted) : .notPermitted,
                stateSince: try row["state_since", as: Timestamp?.self],
                kickSubscriptionID: isPermitted ? try row["kick_id", as: String?.self] : nil,
                lastError: try row["last_error", as: String?.self],
                lastDeliveryAt: isPermitted ? try row["delivered_at", as: Timestamp?.self] : nil,
                usualGap: isPermitted ? try row["usual_gap_seconds", as: Double?.self].map { .seconds($0) } : nil)
        }
    }

    /// What the tenant wants of a broadcaster: nil types stand for all that there are. Nil when it has no login of them.
    package func wish(
        for broadcasterUserID: Int64, in tenant: TenantID
    ) async throws(DatabaseError) -> SubscriptionWish? {
        let rows = try await database.query(
            """
            SELECT \(unescaped: Self.wishColumns) FROM logins
            WHERE tenant_id = \(tenant) AND kick_user_id = \(broadcasterUserID) AND state <> 'disconnected'
            ORDER BY connected_at DESC LIMIT 1
            """)
        return try rows.first.map { row throws(DatabaseError) in try Self.wish(row) }
    }

    /// Changes what the tenant wants of a broadcaster; the broadcaster is reviewed at once. Nil when it has no login.
    package func setWish(
        _ types: [String]?, for broadcasterUserID: Int64, in tenant: TenantID
    ) async throws(DatabaseError) -> SubscriptionWish? {
        let rows = try await database.query(
            """
            UPDATE logins SET wanted_types = \(types)::text[]
            WHERE tenant_id = \(tenant) AND kick_user_id = \(broadcasterUserID) AND state <> 'disconnected'
            RETURNING \(unescaped: Self.wishColumns)
            """)
        return try rows.first.map { row throws(DatabaseError) in try Self.wish(row) }
    }

    private static let wishColumns = "id, app_id, state, wanted_types, wants_events"

    private static func wish(_ row: Row) throws(DatabaseError) -> SubscriptionWish {
        SubscriptionWish(
            loginID: try row["id", as: LoginID.self], appID: try row["app_id", as: AppID.self],
            loginState: LoginState(rawValue: try row["state", as: String.self]) ?? .reconnectRequired,
            types: try row["wanted_types", as: [String]?.self], isPermitted: try row["wants_events", as: Bool.self])
    }

    // MARK: Deliveries

    /// Notes what was delivered: proof of life, and the measure of silence. Has broadcasters reviewed whose subscriptions
    /// were thought to be silent or not there yet.
    package func record(_ deliveries: [SubscriptionDelivery]) async throws(DatabaseError) {
        guard !deliveries.isEmpty else { return }
        _ = try await database.execute(
            """
            WITH delivered AS (
                SELECT * FROM unnest(
                    \(deliveries.map(\.app.text))::text[], \(deliveries.map(\.broadcasterUserID))::bigint[],
                    \(deliveries.map(\.type))::text[], \(deliveries.map(\.subscriptionID))::text[],
                    \(deliveries.map(\.firstAt))::timestamptz[], \(deliveries.map(\.lastAt))::timestamptz[],
                    \(deliveries.map(\.count))::bigint[], \(deliveries.map(\.longestGap))::interval[]
                ) AS delivered (
                    app_id, broadcaster_user_id, type, subscription_id, first_at, last_at, number, longest_gap)
            ), locked AS (
                SELECT kick_subscriptions.app_id, kick_subscriptions.broadcaster_user_id, kick_subscriptions.type
                FROM kick_subscriptions JOIN delivered USING (app_id, broadcaster_user_id, type)
                ORDER BY 1, 2, 3
                FOR NO KEY UPDATE OF kick_subscriptions
            ), noted AS (
                UPDATE kick_subscriptions AS known SET
                    delivered_at = greatest(delivered_at, last_at), delivered_by = subscription_id,
                    deliveries = deliveries + number,
                    -- The longest pause of late: an old one counts for less, by half every week.
                    usual_gap_seconds = greatest(
                        extract(epoch FROM longest_gap), extract(epoch FROM first_at - delivered_at),
                        usual_gap_seconds * power(0.5, extract(epoch FROM last_at - delivered_at) / 604800))
                FROM delivered JOIN locked USING (app_id, broadcaster_user_id, type)
                WHERE known.app_id = delivered.app_id AND known.broadcaster_user_id = delivered.broadcaster_user_id
                    AND known.type = delivered.type
                RETURNING known.app_id, known.broadcaster_user_id, state IN ('pending', 'silent') AS is_news
            )
            UPDATE watched_broadcasters AS watched SET due_at = least(due_at, now())
            FROM noted
            WHERE is_news AND watched.app_id = noted.app_id
                AND watched.broadcaster_user_id = noted.broadcaster_user_id
            """)
    }
}

/// What a tenant wants of a broadcaster.
package struct SubscriptionWish: Sendable {
    package let loginID: LoginID
    package let appID: AppID
    package let loginState: LoginState
    /// Nil: all that there are.
    package let types: [String]?
    /// Whether the broadcaster has granted `events:subscribe`.
    package let isPermitted: Bool
}
