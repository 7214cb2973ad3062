package import Model
package import Postgres

/// The old end of the logs, and the partitions that they lie in: one for each day.
extension EventLog {
    /// How many days ahead partitions are made. Without one for today nothing can be stored; but every read looks into
    /// each of them.
    private static let daysAhead: Int32 = 7

    /// Makes the partitions that are missing, from yesterday on; returns how many there were.
    package func keepPartitions() async throws(DatabaseError) -> Int {
        let rows = try await database.query(
            """
            SELECT keep_event_partitions(
                (now() AT TIME ZONE 'UTC')::date - 1, (now() AT TIME ZONE 'UTC')::date + \(Self.daysAhead)) AS made
            """)
        return Int(try rows.first?["made", as: Int32.self] ?? 0)
    }

    /// Drops the partitions whose last event is older than `age`; returns how many there were. Throws when readers and
    /// writers leave no room for it just now.
    package func dropPartitions(olderThan age: Duration) async throws(DatabaseError) -> Int {
        // Committed before anything is gone: whoever comes with an older cursor is told of a gap, never shown a hole.
        _ = try await database.query("SELECT expire_event_partitions(now() - \(age))")
        var dropped = 0
        while true {
            let rows = try await database.query("SELECT drop_oldest_event_partition(now() - \(age)) AS dropped")
            guard try rows.first?["dropped", as: Bool.self] == true else { return dropped }
            dropped += 1
        }
    }

    /// Removes events of tenants that keep theirs for a shorter time than the deployment does, at most `limit` of each;
    /// returns how many.
    package func removeExpired(limit: Int) async throws(DatabaseError) -> Int {
        // A log is in the order of time: its first events are all that there is to look at.
        let rows = try await database.query(
            """
            WITH old AS (
                SELECT picked.* FROM event_logs
                CROSS JOIN LATERAL (
                    SELECT tenant_id, seq, logged_at FROM events
                    WHERE events.tenant_id = event_logs.tenant_id AND events.seq >= event_logs.first_seq
                    ORDER BY events.seq LIMIT \(Int64(limit))
                ) AS picked
                WHERE event_logs.keep IS NOT NULL AND picked.logged_at < now() - event_logs.keep
            ), removed AS (
                DELETE FROM events USING old
                WHERE events.tenant_id = old.tenant_id AND events.seq = old.seq AND events.logged_at = old.logged_at
                    AND events.logged_at < now()
                RETURNING events.tenant_id, events.seq
            ), ends AS (
                SELECT tenant_id, max(seq) + 1 AS first_seq FROM removed GROUP BY tenant_id
            ), locked AS (
                -- In the order of appends.
                SELECT tenant_id FROM event_logs WHERE tenant_id IN (SELECT tenant_id FROM ends)
                ORDER BY tenant_id FOR NO KEY UPDATE
            ), advanced AS (
                UPDATE event_logs SET first_seq = greatest(event_logs.first_seq, ends.first_seq)
                FROM ends JOIN locked USING (tenant_id) WHERE event_logs.tenant_id = ends.tenant_id
            )
            SELECT count(*) AS removed FROM removed
            """)
        return Int(try rows.first?["removed", as: Int64.self] ?? 0)
    }

    /// How long a tenant's events are kept; nil: as long as the deployment keeps them.
    package func keep(in tenant: TenantID) async throws(DatabaseError) -> Duration? {
        let rows = try await database.query(
            "SELECT extract(epoch FROM keep)::bigint AS seconds FROM event_logs WHERE tenant_id = \(tenant)")
        return try rows.first?["seconds", as: Int64?.self].map { .seconds($0) }
    }

    /// Changes that.
    package func keep(_ age: Duration?, in tenant: TenantID) async throws(DatabaseError) {
        _ = try await database.execute("UPDATE event_logs SET keep = \(age) WHERE tenant_id = \(tenant)")
    }
}
