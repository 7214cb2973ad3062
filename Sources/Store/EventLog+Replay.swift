import Crypto
package import Model
package import Postgres

/// Which events of a log to repeat.
package struct ReplaySelection: Sendable {
    /// Numbers, both included.
    package let range: ClosedRange<Int64>
    package let filter: EventFilter

    package init(range: ClosedRange<Int64>, filter: EventFilter = .everything) {
        self.range = range
        self.filter = filter
    }
}

extension ReplaySelection {
    /// Neither copies nor what repeats a fact.
    fileprivate func events(of tenant: TenantID) -> EventSelection {
        EventSelection(
            tenant: tenant, after: range.lowerBound - 1, last: range.upperBound, filter: filter,
            condition: "AND origin <> 'replay' AND duplicate_of IS NULL")
    }
}

/// Events that somebody asked for.
extension EventLog {
    /// Puts events into the log once more, in their order, at most `limit`; returns the numbers of the copies, and whether
    /// the selection holds more. Copies and what repeats a fact are not repeated.
    package func replay(
        _ selection: ReplaySelection, limit: Int, in tenant: TenantID
    ) async throws(DatabaseError) -> (copies: [Int64], last: Int64?, hasMore: Bool) {
        let events = selection.events(of: tenant)
        let rows = try await database.query(
            """
            WITH locked AS (
                SELECT last_seq FROM event_logs WHERE tenant_id = \(tenant) FOR NO KEY UPDATE
            ), found AS (
                \(events.query("*", limit: limit + 1))
            ), picked AS (
                SELECT found.*, row_number() OVER (ORDER BY seq) AS position FROM found
            ), stored AS (
                INSERT INTO events (
                    tenant_id, seq, message_id, type, version, broadcaster_user_id, subscription_id, sent_at,
                    received_at, origin, replay_of, body)
                SELECT tenant_id, locked.last_seq + position, 'rp_' || gen_random_uuid(), type, version,
                    broadcaster_user_id, subscription_id, sent_at, received_at, 'replay', seq, body
                FROM picked, locked WHERE position <= \(Int64(limit))
                RETURNING seq, replay_of
            ), advanced AS (
                UPDATE event_logs SET last_seq = event_logs.last_seq + (SELECT count(*) FROM stored)
                WHERE tenant_id = \(tenant)
                RETURNING pg_notify(\(Self.channel), tenant_id || ' ' || last_seq || ' ' || \(Self.everybody))
            )
            SELECT seq, replay_of, (SELECT count(*) FROM picked) AS found, (SELECT count(*) FROM advanced) AS announced
            FROM stored ORDER BY seq
            """)
        var copies: [Int64] = []
        for row in rows { copies.append(try row["seq", as: Int64.self]) }
        let last = try rows.last.map { row throws(DatabaseError) in try row["replay_of", as: Int64.self] }
        let found = try rows.first.map { row throws(DatabaseError) in try row["found", as: Int64.self] } ?? 0
        return (copies, last, found > Int64(limit))
    }

    /// How many events ``replay(_:limit:in:)`` would repeat, counted up to the limit.
    package func countReplay(
        _ selection: ReplaySelection, limit: Int, in tenant: TenantID
    ) async throws(DatabaseError) -> Int {
        let events = selection.events(of: tenant)
        let rows = try await database.query(
            "SELECT count(*) AS count FROM (\(events.query("seq", limit: limit))) AS found")
        return Int(try rows.first?["count", as: Int64.self] ?? 0)
    }

    /// Puts a made-up event into the log; nil when there is no such log.
    package func appendTest(
        type: String, broadcasterUserID: Int64, body: [UInt8], in tenant: TenantID
    ) async throws(DatabaseError) -> EventCursor? {
        let messageID = "test_" + ULID.make().description
        let rows = try await database.query(
            """
            WITH advanced AS (
                UPDATE event_logs SET last_seq = last_seq + 1 WHERE tenant_id = \(tenant)
                RETURNING tenant_id, last_seq, epoch
            ), stored AS (
                INSERT INTO events (
                    tenant_id, seq, message_id, type, version, broadcaster_user_id, subscription_id, sent_at,
                    received_at, origin, body)
                SELECT tenant_id, last_seq, \(messageID), \(type), '1', \(broadcasterUserID), '', now(), now(), 'test',
                    \(body)
                FROM advanced
                RETURNING pg_notify(\(Self.channel), tenant_id || ' ' || seq || ' ' || \(Self.everybody))
            )
            SELECT epoch, last_seq, (SELECT count(*) FROM stored) AS announced FROM advanced
            """)
        guard let row = rows.first else { return nil }
        return EventCursor(epoch: try row["epoch", as: Int64.self], sequence: try row["last_seq", as: Int64.self])
    }
}
