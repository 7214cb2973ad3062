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

    package init(
        app: AppID, messageID: String, type: String, version: String, broadcasterUserID: Int64,
        subscriptionID: String, sentAt: Timestamp, receivedAt: Timestamp, body: [UInt8]
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
    }
}

/// An event that an append put into a log.
package struct AppendedEvent: Sendable {
    package let tenant: TenantID
    package let cursor: EventCursor
    /// Index of the incoming event that it is.
    package let index: Int
}

/// What one append came to.
package struct AppendResult: Sendable {
    /// New events, by tenant and then in the order of their numbers.
    package let appended: [AppendedEvent]
    /// Indices of the incoming events that at least one tenant wants, new or not.
    package let wanted: Set<Int>
}

/// The tenants' logs of events: numbered without gaps, in commit order (P10).
package struct EventLog: Sendable {
    /// PostgreSQL channel on which an append announces `<tenant> <seq> <replica>`. A hint: see ``lastSequences(of:)``.
    package static let channel = "kick_gateway_events"
    /// This process in its announcements, which it need not listen to itself.
    package static let replica = String(UInt64.random(in: .min ... .max), radix: 36)

    private let database: Database

    package init(database: Database) {
        self.database = database
    }

    // MARK: Writing

    /// Puts webhooks into the log of every tenant that has a login for their app and broadcaster, in one transaction.
    ///
    /// A message that a tenant has already is not stored again (P9). Rows are visible, and announced, at commit.
    ///
    /// This is the one function that writes across tenants: a webhook belongs to an app, not to a tenant.
    package func append(_ events: [IncomingEvent]) async throws(DatabaseError) -> AppendResult {
        // A login that appears between the two statements can make two appends choose the same number; one of them is
        // refused as a whole and simply runs again.
        for _ in 0..<4 {
            do throws(DatabaseError) {
                return try await appendOnce(events)
            } catch {
                guard error.sqlState == .uniqueViolation || error.sqlState == .deadlockDetected else { throw error }
            }
        }
        return try await appendOnce(events)
    }

    private func appendOnce(_ events: [IncomingEvent]) async throws(DatabaseError) -> AppendResult {
        let apps = events.map(\.app.text)
        let broadcasters = events.map(\.broadcasterUserID)
        // Two statements, so that the second sees what was committed while the first waited for the locks. The counter
        // rows stay locked until commit: that is what makes numbers gapless and their order the commit order. Locking
        // in the order of ids keeps two appends from waiting for each other.
        let lock: Query = """
            SELECT tenant_id FROM event_logs
            WHERE tenant_id IN (
                SELECT logins.tenant_id
                FROM unnest(\(apps)::text[], \(broadcasters)::bigint[]) AS incoming (app_id, broadcaster_user_id)
                JOIN logins ON logins.app_id = incoming.app_id
                    AND logins.kick_user_id = incoming.broadcaster_user_id
                WHERE logins.state <> 'disconnected'
            )
            ORDER BY tenant_id
            FOR NO KEY UPDATE
            """
        let insert: Query = """
            WITH incoming AS (
                SELECT * FROM unnest(
                    \(apps)::text[], \(broadcasters)::bigint[], \(events.map(\.messageID))::text[],
                    \(events.map(\.type))::text[], \(events.map(\.version))::text[],
                    \(events.map(\.subscriptionID))::text[], \(events.map(\.sentAt))::timestamptz[],
                    \(events.map(\.receivedAt))::timestamptz[], \(events.map(\.body))::bytea[]
                ) WITH ORDINALITY AS incoming (
                    app_id, broadcaster_user_id, message_id, type, version, subscription_id, sent_at, received_at,
                    body, position)
            ), wanted AS (
                SELECT DISTINCT ON (logins.tenant_id, incoming.message_id)
                    logins.tenant_id, incoming.*,
                    EXISTS (
                        SELECT FROM events
                        WHERE events.tenant_id = logins.tenant_id AND events.message_id = incoming.message_id
                    ) AS is_known
                FROM incoming
                JOIN logins ON logins.app_id = incoming.app_id
                    AND logins.kick_user_id = incoming.broadcaster_user_id
                WHERE logins.state <> 'disconnected'
                ORDER BY logins.tenant_id, incoming.message_id, incoming.position
            ), numbered AS (
                SELECT wanted.*, event_logs.epoch,
                    event_logs.last_seq
                        + row_number() OVER (PARTITION BY wanted.tenant_id ORDER BY wanted.position) AS seq
                FROM wanted
                JOIN event_logs USING (tenant_id)
                WHERE NOT wanted.is_known
            ), inserted AS (
                INSERT INTO events (
                    tenant_id, seq, message_id, type, version, broadcaster_user_id, subscription_id, sent_at,
                    received_at, body)
                SELECT tenant_id, seq, message_id, type, version, broadcaster_user_id, subscription_id, sent_at,
                    received_at, body
                FROM numbered
            ), advanced AS (
                UPDATE event_logs SET last_seq = ends.seq
                FROM (SELECT tenant_id, max(seq) AS seq FROM numbered GROUP BY tenant_id) AS ends
                WHERE event_logs.tenant_id = ends.tenant_id
                RETURNING pg_notify(\(Self.channel), event_logs.tenant_id || ' ' || event_logs.last_seq || ' ' || \(Self.replica))
            )
            SELECT wanted.tenant_id, wanted.position, numbered.epoch, numbered.seq,
                (SELECT count(*) FROM advanced) AS announced
            FROM wanted
            LEFT JOIN numbered
                ON numbered.tenant_id = wanted.tenant_id AND numbered.position = wanted.position
            ORDER BY wanted.tenant_id, numbered.seq
            """
        let results = try await database.pipeline([lock, insert])
        var appended: [AppendedEvent] = []
        var wanted: Set<Int> = []
        for row in results[1] {
            let index = Int(try row["position", as: Int64.self]) - 1
            wanted.insert(index)
            guard let sequence = try row["seq", as: Int64?.self], let epoch = try row["epoch", as: Int64?.self] else {
                continue
            }
            appended.append(
                AppendedEvent(
                    tenant: try row["tenant_id", as: TenantID.self],
                    cursor: EventCursor(epoch: epoch, sequence: sequence), index: index))
        }
        return AppendResult(appended: appended, wanted: wanted)
    }

    /// Begins a tenant's log. The epoch is the present second: a log that is made anew gets another one.
    func create(for tenant: TenantID) -> Query {
        """
        INSERT INTO event_logs (tenant_id, epoch)
        VALUES (\(tenant), extract(epoch FROM now())::bigint)
        """
    }

    // MARK: Reading

    /// Events after a sequence number, oldest first, at most `limit`.
    package func read(
        after sequence: Int64, limit: Int, filter: EventFilter = .everything, in tenant: TenantID
    ) async throws(DatabaseError) -> [Event] {
        let types = filter.types.map(Array.init)
        let broadcasters = filter.broadcasters.map(Array.init)
        let rows = try await database.query(
            """
            SELECT event_logs.epoch, events.seq, message_id, type, version, broadcaster_user_id, subscription_id,
                sent_at, received_at, body
            FROM events
            JOIN event_logs USING (tenant_id)
            WHERE events.tenant_id = \(tenant) AND events.seq > \(sequence)
                AND (\(types)::text[] IS NULL OR type = ANY (\(types)))
                AND (\(broadcasters)::bigint[] IS NULL OR broadcaster_user_id = ANY (\(broadcasters)))
            ORDER BY events.seq
            LIMIT \(Int64(limit))
            """)
        var events: [Event] = []
        events.reserveCapacity(rows.count)
        for row in rows { events.append(try Self.event(row)) }
        return events
    }

    /// What the tenant's log holds now.
    package func position(in tenant: TenantID) async throws(DatabaseError) -> EventLogPosition {
        let rows = try await database.query(
            "SELECT epoch, first_seq, last_seq FROM event_logs WHERE tenant_id = \(tenant)")
        guard let row = rows.first else { return EventLogPosition(epoch: 0, first: 1, last: 0) }
        return EventLogPosition(
            epoch: try row["epoch", as: Int64.self], first: try row["first_seq", as: Int64.self],
            last: try row["last_seq", as: Int64.self])
    }

    /// The newest sequence number of each of these logs.
    package func lastSequences(of tenants: [TenantID]) async throws(DatabaseError) -> [(TenantID, Int64)] {
        let rows = try await database.query(
            "SELECT tenant_id, last_seq FROM event_logs WHERE tenant_id = ANY (\(tenants.map(\.text)))")
        var result: [(TenantID, Int64)] = []
        for row in rows {
            result.append((try row["tenant_id", as: TenantID.self], try row["last_seq", as: Int64.self]))
        }
        return result
    }

    private static func event(_ row: Row) throws(DatabaseError) -> Event {
        Event(
            cursor: EventCursor(
                epoch: try row["epoch", as: Int64.self], sequence: try row["seq", as: Int64.self]),
            messageID: try row["message_id", as: String.self], type: try row["type", as: String.self],
            version: try row["version", as: String.self],
            broadcasterUserID: try row["broadcaster_user_id", as: Int64.self],
            subscriptionID: try row["subscription_id", as: String.self],
            sentAt: try row["sent_at", as: Timestamp.self], receivedAt: try row["received_at", as: Timestamp.self],
            body: try row["body", as: [UInt8].self])
    }

    // MARK: Retention

    /// Removes events that were received before `time`, across tenants, at most `limit` of them; returns how many.
    package func removeEvents(before time: Timestamp, limit: Int) async throws(DatabaseError) -> Int {
        let rows = try await database.query(
            """
            WITH old AS (
                SELECT tenant_id, seq FROM events WHERE received_at < \(time) ORDER BY received_at LIMIT \(Int64(limit))
            ), removed AS (
                DELETE FROM events USING old
                WHERE events.tenant_id = old.tenant_id AND events.seq = old.seq
                RETURNING events.tenant_id, events.seq
            ), ends AS (
                SELECT tenant_id, max(seq) + 1 AS first_seq FROM removed GROUP BY tenant_id
            ), advanced AS (
                UPDATE event_logs SET first_seq = greatest(event_logs.first_seq, ends.first_seq)
                FROM ends WHERE event_logs.tenant_id = ends.tenant_id
            )
            SELECT count(*) AS removed FROM removed
            """)
        guard let row = rows.first else { return 0 }
        return Int(try row["removed", as: Int64.self])
    }
}
