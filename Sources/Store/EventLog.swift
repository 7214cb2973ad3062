package import Model
package import Postgres

/// The tenants' logs of events: numbered without gaps, in commit order (P10).
package struct EventLog: Sendable {
    /// PostgreSQL channel on which an append announces `<tenant> <seq> <replica>`. A hint: see ``lastSequences(of:)``.
    package static let channel = "kick_gateway_events"

    let database: Database
    /// Names whoever appends through this log in its announcements, which it need not listen to itself.
    package let replica = String(UInt64.random(in: .min ... .max), radix: 36)

    package init(database: Database) {
        self.database = database
    }

    // MARK: Logs

    /// Begins a tenant's log. The epoch is the present second: a log that is made anew gets another one.
    func create(for tenant: TenantID) -> Query {
        """
        INSERT INTO event_logs (tenant_id, epoch)
        VALUES (\(tenant), extract(epoch FROM now())::bigint)
        """
    }

    // MARK: Reading

    /// The event at a position; nil when there is none, or none any more.
    package func event(at sequence: Int64, in tenant: TenantID) async throws(DatabaseError) -> Event? {
        let rows = try await database.query(
            """
            SELECT epoch, \(unescaped: Self.columns)
            FROM events
            JOIN event_logs USING (tenant_id)
            WHERE tenant_id = \(tenant) AND seq >= \(sequence) AND seq <= \(sequence) AND seq >= first_seq
            ORDER BY seq LIMIT 1
            """)
        return try rows.first.map { row throws(DatabaseError) in try Self.event(row) }
    }

    /// Of `events`, for ``event(_:)``.
    static let columns = """
        seq, message_id, type, version, broadcaster_user_id, subscription_id, sent_at, received_at, origin,
        duplicate_of, replay_of, body
        """

    /// What the tenant's log holds now.
    package func position(in tenant: TenantID) async throws(DatabaseError) -> EventLogPosition {
        let rows = try await database.query(
            "SELECT epoch, first_seq, last_seq FROM event_logs WHERE tenant_id = \(tenant)")
        return try rows.first.map { row throws(DatabaseError) in try Self.position(row) } ?? .none
    }

    static func position(_ row: Row) throws(DatabaseError) -> EventLogPosition {
        EventLogPosition(
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

    static func event(_ row: Row) throws(DatabaseError) -> Event {
        Event(
            cursor: EventCursor(
                epoch: try row["epoch", as: Int64.self], sequence: try row["seq", as: Int64.self]),
            messageID: try row["message_id", as: String.self], type: try row["type", as: String.self],
            version: try row["version", as: String.self],
            broadcasterUserID: try row["broadcaster_user_id", as: Int64.self],
            subscriptionID: try row["subscription_id", as: String.self],
            sentAt: try row["sent_at", as: Timestamp.self], receivedAt: try row["received_at", as: Timestamp.self],
            origin: EventOrigin(rawValue: try row["origin", as: String.self]) ?? .kick,
            duplicateOf: try row["duplicate_of", as: Int64?.self], replayOf: try row["replay_of", as: Int64?.self],
            body: try row["body", as: [UInt8].self])
    }
}
