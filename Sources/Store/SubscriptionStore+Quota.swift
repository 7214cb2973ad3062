package import Model
package import Postgres

/// How many subscriptions of one type an app has, out of those that Kick allows.
package struct SubscriptionQuota: Sendable, Equatable {
    package let type: String
    /// What Kick's list had at the last census, whoever made it.
    package let used: Int64
    /// Of how many broadcasters the type is wanted.
    package let wanted: Int64
    /// Kick has said that there are too many, and is not asked before this time.
    package let blockedUntil: Timestamp?
    /// The percentage that was last warned of; 0: none.
    package let warned: Int64
    package let countedAt: Timestamp
    /// By how much a day `wanted` has grown in the last two weeks; nil when that is not known yet.
    package let growthPerDay: Double?

    package init(
        type: String, used: Int64, wanted: Int64, blockedUntil: Timestamp?, warned: Int64, countedAt: Timestamp,
        growthPerDay: Double?
    ) {
        self.type = type
        self.used = used
        self.wanted = wanted
        self.blockedUntil = blockedUntil
        self.warned = warned
        self.countedAt = countedAt
        self.growthPerDay = growthPerDay
    }
}

/// The apps' quotas: Kick counts subscriptions by app and type (FACTS §3.2).
extension SubscriptionStore {
    /// An app whose whole list this process may look at.
    package struct Census: Sendable {
        package let app: AppID
        package let isVerified: Bool
    }

    /// Claims an app whose census is due, for `lease`; nil when none is.
    package func claimCensus(lease: Duration) async throws(DatabaseError) -> Census? {
        let rows = try await database.query(
            """
            UPDATE apps SET census_lease_until = now() + \(lease)
            WHERE id = (
                SELECT id FROM apps
                WHERE census_due_at <= now() AND (census_lease_until IS NULL OR census_lease_until < now())
                    AND EXISTS (SELECT FROM watched_broadcasters WHERE app_id = apps.id)
                ORDER BY census_due_at LIMIT 1
                FOR UPDATE SKIP LOCKED)
            RETURNING id, is_verified
            """)
        return try rows.first.map { row throws(DatabaseError) in
            Census(app: try row["id", as: AppID.self], isVerified: try row["is_verified", as: Bool.self])
        }
    }

    /// Stores a census.
    ///
    /// - Parameters:
    ///   - used: Kick's whole list by type; nil when Kick could not be asked.
    ///   - allTypes: what a wish for everything comes to.
    package func finish(
        _ census: Census, used: [String: Int64]?, allTypes: [String], nextAfter: Duration
    ) async throws(DatabaseError) {
        let types = Array(Set(allTypes).union(used?.keys.map { $0 } ?? []))
        _ = try await database.pipeline([
            """
            INSERT INTO subscription_quotas AS known (app_id, type, used, wanted)
            SELECT \(census.app), counted.type, counted.used, coalesce(wishes.number, 0)
            FROM unnest(\(types)::text[], \(types.map { used?[$0] ?? 0 })::bigint[]) AS counted (type, used)
            LEFT JOIN (
                SELECT type, count(DISTINCT kick_user_id) AS number
                FROM logins CROSS JOIN LATERAL unnest(coalesce(wanted_types, \(allTypes)::text[])) AS type
                WHERE app_id = \(census.app) AND wants_events
                GROUP BY type
            ) AS wishes USING (type)
            ON CONFLICT (app_id, type) DO UPDATE SET wanted = excluded.wanted, counted_at = now(),
                used = CASE WHEN \(used != nil) THEN excluded.used ELSE known.used END
            """,
            """
            INSERT INTO subscription_quota_days (app_id, type, day, wanted)
            SELECT app_id, type, (now() AT TIME ZONE 'UTC')::date, wanted
            FROM subscription_quotas WHERE app_id = \(census.app)
            ON CONFLICT (app_id, type, day) DO UPDATE SET wanted = excluded.wanted
            """,
            "DELETE FROM subscription_quota_days WHERE app_id = \(census.app) AND day < now() - interval '15 days'",
            """
            UPDATE apps SET census_lease_until = NULL, census_due_at = now() + \(nextAfter) WHERE id = \(census.app)
            """,
        ])
    }

    /// The app's quotas, by type.
    package func quotas(of app: AppID) async throws(DatabaseError) -> [SubscriptionQuota] {
        let rows = try await database.query(
            """
            SELECT type, used, wanted, CASE WHEN blocked_until > now() THEN blocked_until END AS blocked_until, warned,
                counted_at, (
                    SELECT regr_slope(days.wanted, days.day - current_date) FROM subscription_quota_days AS days
                    WHERE days.app_id = quotas.app_id AND days.type = quotas.type
                ) AS growth
            FROM subscription_quotas AS quotas WHERE app_id = \(app) ORDER BY type
            """)
        return try rows.map { row throws(DatabaseError) in
            SubscriptionQuota(
                type: try row["type", as: String.self], used: try row["used", as: Int64.self],
                wanted: try row["wanted", as: Int64.self],
                blockedUntil: try row["blocked_until", as: Timestamp?.self],
                warned: try row["warned", as: Int64.self], countedAt: try row["counted_at", as: Timestamp.self],
                growthPerDay: try row["growth", as: Double?.self])
        }
    }

    /// Notes the percentage that is warned of now; false when that was done already, by whichever process.
    package func noteWarning(
        of percentage: Int64, type: String, app: AppID
    ) async throws(DatabaseError) -> Bool {
        try await database.execute(
            """
            UPDATE subscription_quotas SET warned = \(percentage)
            WHERE app_id = \(app) AND type = \(type) AND warned <> \(percentage)
            """) > 0
    }

    /// Which of these broadcasters the gateway has to do with through the app. Others' subscriptions are somebody else's.
    package func watched(
        _ broadcasters: [Int64], app: AppID
    ) async throws(DatabaseError) -> Set<Int64> {
        let rows = try await database.query(
            """
            SELECT broadcaster_user_id FROM watched_broadcasters
            WHERE app_id = \(app) AND broadcaster_user_id = ANY (\(broadcasters))
            """)
        var found: Set<Int64> = []
        for row in rows { found.insert(try row["broadcaster_user_id", as: Int64.self]) }
        return found
    }

    /// Has broadcasters reviewed within `span`, spread over it: all of the app, or these.
    package func hasten(
        _ broadcasters: [Int64]? = nil, app: AppID, within span: Duration
    ) async throws(DatabaseError) {
        _ = try await database.execute(
            """
            UPDATE watched_broadcasters SET due_at = least(due_at, now() + random() * \(span))
            WHERE app_id = \(app)
                AND (\(broadcasters)::bigint[] IS NULL OR broadcaster_user_id = ANY (\(broadcasters)))
            """)
    }

    /// Which types the app may have no more of, and which it may again.
    func settleQuota(_ review: SubscriptionReview, _ result: SubscriptionReviewResult) async throws(DatabaseError) {
        let blocked = result.blocked.sorted { $0.key < $1.key }
        if !blocked.isEmpty {
            _ = try await database.execute(
                """
                INSERT INTO subscription_quotas (app_id, type, blocked_until)
                SELECT \(review.app), type, now() + pause
                FROM unnest(\(blocked.map(\.key))::text[], \(blocked.map(\.value))::interval[]) AS blocked (type, pause)
                ON CONFLICT (app_id, type) DO UPDATE SET blocked_until = excluded.blocked_until
                """)
        }
        let freed = result.freedTypes.sorted()
        guard !freed.isEmpty else { return }
        // As many as there is room for now; the others wait on.
        _ = try await database.pipeline([
            """
            UPDATE subscription_quotas SET blocked_until = NULL
            WHERE app_id = \(review.app) AND type = ANY (\(freed)) AND blocked_until IS NOT NULL
            """,
            """
            UPDATE watched_broadcasters AS watched SET due_at = least(due_at, now())
            FROM (
                SELECT DISTINCT ON (type) app_id, broadcaster_user_id FROM kick_subscriptions
                WHERE app_id = \(review.app) AND type = ANY (\(freed)) AND state = 'limited'
                ORDER BY type, state_since
            ) AS waiting
            WHERE watched.app_id = waiting.app_id AND watched.broadcaster_user_id = waiting.broadcaster_user_id
            """,
        ])
    }
}
