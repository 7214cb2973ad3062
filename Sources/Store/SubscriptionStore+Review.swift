package import Model
package import Postgres

/// A broadcaster that this process may bring in line with Kick, and what it has to know for it.
package struct SubscriptionReview: Sendable {
    package let app: AppID
    package let broadcasterUserID: Int64
    /// Number of the lease: what is written later must present it.
    package let fence: Int64
    /// How often wishes had changed when they were read.
    package let wishChanges: Int64
    /// Reviews before this one that came to nothing, in a row.
    package let failures: Int64
    /// The database's time.
    package let now: Timestamp
    package internal(set) var wish = CombinedWish()
    package internal(set) var observed: [ObservedSubscription] = []
    /// What Kick was told to delete of late, and when.
    package internal(set) var deleted: [String: Timestamp] = [:]
    /// Types of which Kick allows no more now, and until when.
    package internal(set) var blocked: [String: Timestamp] = [:]

    package init(
        app: AppID, broadcasterUserID: Int64, fence: Int64 = 0, wishChanges: Int64 = 0, failures: Int64 = 0,
        now: Timestamp, wish: CombinedWish = CombinedWish(), observed: [ObservedSubscription] = [],
        deleted: [String: Timestamp] = [:], blocked: [String: Timestamp] = [:]
    ) {
        self.app = app
        self.broadcasterUserID = broadcasterUserID
        self.fence = fence
        self.wishChanges = wishChanges
        self.failures = failures
        self.now = now
        self.wish = wish
        self.observed = observed
        self.deleted = deleted
        self.blocked = blocked
    }

    /// What all tenants together want of the broadcaster.
    package struct CombinedWish: Sendable, Equatable {
        package var wantsEverything = false
        package var types: Set<String> = []
        /// Whether Kick may be asked for more: one of the logins is connected. A lost one keeps what it has.
        package var mayRequest = false

        package init(wantsEverything: Bool = false, types: Set<String> = [], mayRequest: Bool = false) {
            self.wantsEverything = wantsEverything
            self.types = types
            self.mayRequest = mayRequest
        }
    }
}

/// What a review came to.
package struct SubscriptionReviewResult: Sendable {
    /// The wanted types as they stand now. What is not here is forgotten.
    package var observed: [ObservedSubscription] = []
    /// Kick's ids, told to be deleted now; and the types that this makes room for.
    package var deleted: [String] = []
    package var freedTypes: Set<String> = []
    /// Types that Kick allows no more of, and for how long.
    package var blocked: [String: Duration] = [:]
    /// What to tell the tenants that want the type.
    package var news: [(type: String, event: GatewayEvent)] = []
    package var lookAgainAfter: Duration
    /// Why it came to nothing; nil when it did not.
    package var error: String?
    /// Whether nobody wants the broadcaster and nothing of it is left at Kick.
    package var isOver = false

    package init(lookAgainAfter: Duration) {
        self.lookAgainAfter = lookAgainAfter
    }
}

extension SubscriptionStore {
    // MARK: Claims

    /// Claims broadcasters that are due, at most `limit`, each for `lease`, and reads what is known of them. Works across
    /// tenants: a subscription at Kick is the app's.
    package func claimReviews(
        _ limit: Int, lease: Duration, excluding apps: [AppID] = []
    ) async throws(DatabaseError) -> [SubscriptionReview] {
        let rows = try await database.query(
            """
            UPDATE watched_broadcasters AS watched SET
                due_at = now() + \(lease), lease_until = now() + \(lease), fence = fence + 1
            FROM (
                SELECT app_id, broadcaster_user_id FROM watched_broadcasters
                WHERE due_at <= now() AND (lease_until IS NULL OR lease_until < now())
                    AND app_id <> ALL (\(apps.map(\.text)))
                ORDER BY due_at
                LIMIT \(Int64(limit))
                FOR UPDATE SKIP LOCKED
            ) AS due
            WHERE watched.app_id = due.app_id AND watched.broadcaster_user_id = due.broadcaster_user_id
            RETURNING watched.app_id, watched.broadcaster_user_id, fence, wish_changes, failures, now() AS now
            """)
        var reviews: [SubscriptionReview] = []
        for row in rows {
            var review = SubscriptionReview(
                app: try row["app_id", as: AppID.self],
                broadcasterUserID: try row["broadcaster_user_id", as: Int64.self],
                fence: try row["fence", as: Int64.self], wishChanges: try row["wish_changes", as: Int64.self],
                failures: try row["failures", as: Int64.self], now: try row["now", as: Timestamp.self])
            try await load(&review)
            reviews.append(review)
        }
        return reviews
    }

    /// Reads wishes after the claim was committed: a change that comes later raises `wish_changes`.
    private func load(_ review: inout SubscriptionReview) async throws(DatabaseError) {
        let (app, broadcaster) = (review.app, review.broadcasterUserID)
        let answers = try await database.pipeline([
            """
            SELECT state, wanted_types FROM logins
            WHERE app_id = \(app) AND kick_user_id = \(broadcaster) AND wants_events
            """,
            """
            SELECT \(unescaped: Self.observedColumns) FROM kick_subscriptions
            WHERE app_id = \(app) AND broadcaster_user_id = \(broadcaster) ORDER BY type
            """,
            """
            SELECT kick_id, deleted_at FROM deleted_kick_subscriptions
            WHERE app_id = \(app) AND broadcaster_user_id = \(broadcaster)
            """,
            "SELECT type, blocked_until FROM subscription_quotas WHERE app_id = \(app) AND blocked_until > now()",
        ])
        for row in answers[0] {
            if try row["state", as: String.self] == LoginState.connected.rawValue { review.wish.mayRequest = true }
            if let types = try row["wanted_types", as: [String]?.self] {
                review.wish.types.formUnion(types)
            } else {
                review.wish.wantsEverything = true
            }
        }
        review.observed = try answers[1].map { row throws(DatabaseError) in try Self.observed(row) }
        for row in answers[2] {
            review.deleted[try row["kick_id", as: String.self]] = try row["deleted_at", as: Timestamp.self]
        }
        for row in answers[3] {
            review.blocked[try row["type", as: String.self]] = try row["blocked_until", as: Timestamp.self]
        }
    }

    private static let observedColumns = """
        type, state, announced, kick_id, requested_at, requests, listed_at, missing_since, failures, retry_at, last_error,
        delivered_at, delivered_by, deliveries, usual_gap_seconds
        """

    private static func observed(_ row: Row) throws(DatabaseError) -> ObservedSubscription {
        ObservedSubscription(
            type: try row["type", as: String.self],
            state: SubscriptionState(rawValue: try row["state", as: String.self]) ?? .pending,
            announced: try row["announced", as: String?.self].flatMap(SubscriptionTrouble.init),
            kickID: try row["kick_id", as: String?.self], requestedAt: try row["requested_at", as: Timestamp?.self],
            requests: try row["requests", as: Int64.self], listedAt: try row["listed_at", as: Timestamp?.self],
            missingSince: try row["missing_since", as: Timestamp?.self], failures: try row["failures", as: Int64.self],
            retryAt: try row["retry_at", as: Timestamp?.self], lastError: try row["last_error", as: String?.self],
            deliveredAt: try row["delivered_at", as: Timestamp?.self],
            deliveredBy: try row["delivered_by", as: String?.self], deliveries: try row["deliveries", as: Int64.self],
            usualGap: try row["usual_gap_seconds", as: Double?.self].map { .seconds($0) })
    }

    // MARK: Steps

    /// Notes that Kick is about to be asked for these types, so that whoever comes after a crash waits for what may come of
    /// it instead of asking twice. False when the lease is somebody else's by now, or wishes have changed since.
    package func begin(
        _ review: SubscriptionReview, requesting types: [String]
    ) async throws(DatabaseError) -> Bool {
        let count = try await database.execute(
            """
            INSERT INTO kick_subscriptions AS known (
                app_id, broadcaster_user_id, type, state, requested_at, requests, total_requests)
            SELECT app_id, broadcaster_user_id, asked.type, 'pending', now(), 1, 1
            FROM watched_broadcasters, unnest(\(types)::text[]) AS asked (type)
            WHERE app_id = \(review.app) AND broadcaster_user_id = \(review.broadcasterUserID)
                AND fence = \(review.fence) AND lease_until > now() AND wish_changes = \(review.wishChanges)
            ORDER BY asked.type
            ON CONFLICT (app_id, broadcaster_user_id, type) DO UPDATE SET
                requested_at = now(), requests = known.requests + 1, total_requests = known.total_requests + 1
            """)
        return count > 0
    }

    /// Notes that Kick is about to be told to delete these: from now on its list may show them, and they count for nothing.
    package func begin(
        _ review: SubscriptionReview, deleting ids: [String]
    ) async throws(DatabaseError) -> Bool {
        let count = try await database.execute(
            """
            INSERT INTO deleted_kick_subscriptions (app_id, broadcaster_user_id, kick_id)
            SELECT app_id, broadcaster_user_id, kick_id
            FROM watched_broadcasters, unnest(\(ids)::text[]) AS kick_id
            WHERE app_id = \(review.app) AND broadcaster_user_id = \(review.broadcasterUserID)
                AND fence = \(review.fence) AND lease_until > now() AND wish_changes = \(review.wishChanges)
            ORDER BY kick_id
            ON CONFLICT (app_id, broadcaster_user_id, kick_id) DO UPDATE SET deleted_at = now()
            """)
        return count > 0
    }

    /// Stores what a review came to and gives the lease back. No effect when it is somebody else's by now.
    package func finish(_ review: SubscriptionReview, _ result: SubscriptionReviewResult) async throws {
        try await database.transaction { transaction in
            let held = try await transaction.query(
                """
                SELECT wish_changes FROM watched_broadcasters
                WHERE app_id = \(review.app) AND broadcaster_user_id = \(review.broadcasterUserID)
                    AND fence = \(review.fence)
                FOR UPDATE
                """)
            guard let changes = try held.first?["wish_changes", as: Int64.self] else { return }
            let isOver = result.isOver && changes == review.wishChanges
            if isOver {
                try await transaction.execute(
                    """
                    DELETE FROM watched_broadcasters
                    WHERE app_id = \(review.app) AND broadcaster_user_id = \(review.broadcasterUserID)
                    """)
                return
            }
            try await transaction.execute(Self.storing(result.observed, review))
            try await transaction.execute(
                """
                DELETE FROM kick_subscriptions
                WHERE app_id = \(review.app) AND broadcaster_user_id = \(review.broadcasterUserID)
                    AND type <> ALL (\(result.observed.map(\.type)))
                """)
            try await transaction.execute(
                """
                DELETE FROM deleted_kick_subscriptions
                WHERE app_id = \(review.app) AND broadcaster_user_id = \(review.broadcasterUserID)
                    AND (deleted_at < now() - interval '1 day'
                        OR kick_id = ANY (\(result.observed.compactMap(\.kickID))))
                """)
            try await Self.tell(result.news, review, transaction)
            try await transaction.execute(
                """
                UPDATE watched_broadcasters SET lease_until = NULL,
                    -- Whoever changed a wish meanwhile, or had something delivered that is news, has made it due again.
                    due_at = CASE WHEN due_at > now() THEN now() + \(result.lookAgainAfter) ELSE now() END,
                    failures = CASE WHEN \(result.error != nil) THEN failures + 1 ELSE 0 END, last_error = \(result.error)
                WHERE app_id = \(review.app) AND broadcaster_user_id = \(review.broadcasterUserID)
                """)
        }
        try await settleQuota(review, result)
    }

    private static func storing(_ rows: [ObservedSubscription], _ review: SubscriptionReview) -> Query {
        """
        INSERT INTO kick_subscriptions AS known (
            app_id, broadcaster_user_id, type, state, announced, kick_id, requested_at, requests, listed_at,
            missing_since, failures, retry_at, last_error)
        SELECT \(review.app), \(review.broadcasterUserID), row.*
        FROM unnest(
            \(rows.map(\.type))::text[], \(rows.map(\.state.rawValue))::text[],
            \(rows.map { $0.announced?.rawValue })::text[], \(rows.map(\.kickID))::text[],
            \(rows.map(\.requestedAt))::timestamptz[], \(rows.map(\.requests))::bigint[],
            \(rows.map(\.listedAt))::timestamptz[], \(rows.map(\.missingSince))::timestamptz[],
            \(rows.map(\.failures))::bigint[], \(rows.map(\.retryAt))::timestamptz[], \(rows.map(\.lastError))::text[]
        ) AS row
        ORDER BY 3
        ON CONFLICT (app_id, broadcaster_user_id, type) DO UPDATE SET
            state = excluded.state,
            state_since = CASE WHEN known.state = excluded.state THEN known.state_since ELSE now() END,
            announced = excluded.announced, kick_id = excluded.kick_id, requested_at = excluded.requested_at,
            requests = excluded.requests, listed_at = excluded.listed_at, missing_since = excluded.missing_since,
            failures = excluded.failures, retry_at = excluded.retry_at, last_error = excluded.last_error
        """
    }

    /// Tells every tenant that wants the type. In the order of their ids, as appends lock their logs.
    private static func tell(
        _ news: [(type: String, event: GatewayEvent)], _ review: SubscriptionReview, _ transaction: Transaction
    ) async throws {
        guard !news.isEmpty else { return }
        let wishes = try await transaction.query(
            """
            SELECT tenant_id, wanted_types FROM logins
            WHERE app_id = \(review.app) AND kick_user_id = \(review.broadcasterUserID) AND wants_events
            ORDER BY tenant_id
            """)
        for wish in wishes {
            let tenant = try wish["tenant_id", as: TenantID.self]
            let types = try wish["wanted_types", as: [String]?.self]
            for (type, event) in news where types?.contains(type) ?? true {
                try await EventLog.append(event, in: tenant, transaction: transaction)
            }
        }
    }
}
