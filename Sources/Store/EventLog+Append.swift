package import Model
package import Postgres

/// A verified webhook on its way into the logs of those who want it.
package struct IncomingEvent: Sendable {
    package let app: AppID
    package let messageID: String
    package let type: String
    package let version: String
    package let broadcasterUserID: Int64
    package let subscriptionID: String
    package let sentAt: Timestamp
    package let receivedAt: Timestamp
    package let body: [UInt8]
    package let sameness: Sameness?

    /// What tells that two events are the same fact (P9).
    package struct Sameness: Sendable {
        package let fingerprint: [UInt8]
        /// How long after the first one.
        package let window: Duration
        /// Whether the first one must have come through another subscription.
        package let throughAnotherSubscription: Bool

        package init(fingerprint: [UInt8], window: Duration, throughAnotherSubscription: Bool) {
            self.fingerprint = fingerprint
            self.window = window
            self.throughAnotherSubscription = throughAnotherSubscription
        }
    }

    package init(
        app: AppID, messageID: String, type: String, version: String, broadcasterUserID: Int64,
        subscriptionID: String, sentAt: Timestamp, receivedAt: Timestamp, body: [UInt8], sameness: Sameness? = nil
    ) {
        self.app = app
        self.messageID = messageID
        self.type = type
        self.version = version
        self.broadcasterUserID = broadcasterUserID
        self.subscriptionID = subscriptionID
        self.sentAt = sentAt
        self.receivedAt = receivedAt
        self.body = body
        self.sameness = sameness
    }
}

/// An event that an append put into a log.
package struct AppendedEvent: Sendable {
    package let tenant: TenantID
    package let cursor: EventCursor
    /// Index of the incoming event that it is.
    package let index: Int
    /// Number of the event that told of the same fact first (P9).
    package let duplicateOf: Int64?
}

/// What one append came to.
package struct AppendResult: Sendable {
    /// New events, by tenant and then in the order of their numbers.
    package let appended: [AppendedEvent]
    /// Indices of the incoming events that at least one tenant wants, new or not.
    package let wanted: Set<Int>
    /// Indices of those whose broadcaster at least one tenant has a login of, whether or not it wants their type.
    package let recognized: Set<Int>
}

extension EventLog {
    /// Puts webhooks into the log of every tenant that has a login for their app and broadcaster and wants their type, in
    /// one transaction.
    ///
    /// A message that a tenant has already is not stored again; the same fact under another message id is, and says which
    /// event it repeats (P9). Rows are visible, and announced, at commit.
    ///
    /// This is the one function that writes across tenants: a webhook belongs to an app, not to a tenant.
    ///
    /// - Parameter memory: how long a message id is remembered; at least as long as a message may be old.
    package func append(
        _ events: [IncomingEvent], memory: Duration = .seconds(7 * 86_400)
    ) async throws(DatabaseError) -> AppendResult {
        let results = try await database.pipeline([Self.lock(events), insert(events, memory: memory)])
        var appended: [AppendedEvent] = []
        var wanted: Set<Int> = []
        var recognized: Set<Int> = []
        for row in results[1] {
            let index = Int(try row["position", as: Int64.self]) - 1
            recognized.insert(index)
            guard try row["is_wanted", as: Bool.self] else { continue }
            wanted.insert(index)
            guard let sequence = try row["seq", as: Int64?.self], let epoch = try row["epoch", as: Int64?.self] else {
                continue
            }
            appended.append(
                AppendedEvent(
                    tenant: try row["tenant_id", as: TenantID.self],
                    cursor: EventCursor(epoch: epoch, sequence: sequence), index: index,
                    duplicateOf: try row["duplicate_of", as: Int64?.self]))
        }
        return AppendResult(appended: appended, wanted: wanted, recognized: recognized)
    }

    /// Locks the counter rows of those who want the events, until commit: that is what makes numbers gapless and their
    /// order the commit order (P10). In the order of ids, so that two appends do not wait for each other.
    ///
    /// A statement of its own, so that the next one sees what was committed while this one waited. It leaves the names of
    /// the locked logs to it: a login that appears in between has a log that is not locked.
    private static func lock(_ events: [IncomingEvent]) -> Query {
        """
        SELECT set_config('gateway.locked', coalesce(string_agg(tenant_id, ' '), ''), true) FROM (
            SELECT tenant_id FROM event_logs
            WHERE tenant_id IN (
                SELECT logins.tenant_id
                FROM unnest(
                    \(events.map(\.app.text))::text[], \(events.map(\.broadcasterUserID))::bigint[],
                    \(events.map(\.type))::text[]
                ) AS incoming (app_id, broadcaster_user_id, type)
                JOIN logins ON logins.app_id = incoming.app_id
                    AND logins.kick_user_id = incoming.broadcaster_user_id
                WHERE logins.wants_events
                    AND (logins.wanted_types IS NULL OR incoming.type = ANY (logins.wanted_types))
            )
            ORDER BY tenant_id
            FOR NO KEY UPDATE
        ) AS locked
        """
    }

    private func insert(_ events: [IncomingEvent], memory: Duration) -> Query {
        let longest = events.compactMap { $0.sameness?.window }.max() ?? .zero
        return """
            WITH incoming AS (
                SELECT * FROM unnest(
                    \(events.map(\.app.text))::text[], \(events.map(\.broadcasterUserID))::bigint[],
                    \(events.map(\.messageID))::text[], \(events.map(\.type))::text[], \(events.map(\.version))::text[],
                    \(events.map(\.subscriptionID))::text[], \(events.map(\.sentAt))::timestamptz[],
                    \(events.map(\.receivedAt))::timestamptz[], \(events.map(\.body))::bytea[],
                    \(events.map { $0.sameness?.fingerprint ?? [] })::bytea[],
                    \(events.map { $0.sameness.map { Int64($0.window / .milliseconds(1)) } ?? 0 })::bigint[],
                    \(events.map { $0.sameness?.throughAnotherSubscription ?? false })::boolean[]
                ) WITH ORDINALITY AS incoming (
                    app_id, broadcaster_user_id, message_id, type, version, subscription_id, sent_at, received_at,
                    body, fingerprint, window_ms, other_subscription, position)
            ), wanted AS (
                SELECT DISTINCT ON (logins.tenant_id, incoming.message_id)
                    logins.tenant_id, incoming.*,
                    \(Self.isKnown("incoming", of: "logins.tenant_id", memory: memory)) AS is_known,
                    logins.wanted_types IS NULL OR incoming.type = ANY (logins.wanted_types) AS is_wanted,
                    logins.tenant_id = ANY (string_to_array(current_setting('gateway.locked'), ' ')) AS is_locked
                FROM incoming
                JOIN logins ON logins.app_id = incoming.app_id
                    AND logins.kick_user_id = incoming.broadcaster_user_id
                WHERE logins.wants_events
                -- The type is not signed: a message that somebody sent with another one must not displace Kick's own.
                ORDER BY logins.tenant_id, incoming.message_id, is_wanted DESC, incoming.position
            ), numbered AS (
                SELECT wanted.*, event_logs.epoch,
                    event_logs.last_seq
                        + row_number() OVER (PARTITION BY wanted.tenant_id ORDER BY wanted.position) AS seq
                FROM wanted
                JOIN event_logs USING (tenant_id)
                WHERE is_wanted AND is_locked AND NOT is_known
            ), compared AS (
                SELECT numbered.*,
                    first_value(seq) OVER same AS same_seq, first_value(subscription_id) OVER same AS same_subscription
                FROM numbered
                WINDOW same AS (PARTITION BY tenant_id, fingerprint ORDER BY seq)
            ), marked AS (
                SELECT compared.*,
                    CASE WHEN length(fingerprint) > 0 THEN coalesce(
                        \(Self.firstOfFact(
                            "compared", longest: longest,
                            "AND (NOT compared.other_subscription OR events.subscription_id <> compared.subscription_id)")),
                        CASE WHEN same_seq < seq AND (NOT other_subscription OR same_subscription <> subscription_id)
                            THEN same_seq END
                    ) END AS duplicate_of
                FROM compared
            ), inserted AS (
                INSERT INTO events (
                    tenant_id, seq, message_id, type, version, broadcaster_user_id, subscription_id, sent_at,
                    received_at, fingerprint, duplicate_of, body)
                SELECT tenant_id, seq, message_id, type, version, broadcaster_user_id, subscription_id, sent_at,
                    received_at, nullif(fingerprint, ''), duplicate_of, body
                FROM marked
            ), advanced AS (
                UPDATE event_logs SET last_seq = ends.seq
                FROM (SELECT tenant_id, max(seq) AS seq FROM marked GROUP BY tenant_id) AS ends
                WHERE event_logs.tenant_id = ends.tenant_id
                RETURNING pg_notify(
                    \(Self.channel), event_logs.tenant_id || ' ' || event_logs.last_seq || ' ' || \(replica))
            )
            SELECT wanted.tenant_id, wanted.position, wanted.is_wanted AND wanted.is_locked AS is_wanted, marked.epoch,
                marked.seq, marked.duplicate_of, (SELECT count(*) FROM advanced) AS announced
            FROM wanted
            LEFT JOIN marked
                ON marked.tenant_id = wanted.tenant_id AND marked.position = wanted.position
            ORDER BY wanted.tenant_id, marked.seq
            """
    }
}
