import Postgres

// The look-ups of an append. They compare whole rows and are ordered by them, as an index is: for a new day's partition,
// which is empty when a plan is made, the planner holds every index for as good as any other.
extension EventLog {
    /// Whether a tenant has a message already, as an expression.
    ///
    /// - Parameters:
    ///   - row: the name of a row with `message_id`.
    ///   - tenant: the expression for the tenant's id.
    ///   - memory: how long a message is remembered.
    static func isKnown(_ row: String, of tenant: String, memory: Duration) -> Query {
        """
        (
            SELECT true FROM events
            WHERE (tenant_id, message_id) >= (\(unescaped: tenant), \(unescaped: row).message_id)
                AND (tenant_id, message_id) <= (\(unescaped: tenant), \(unescaped: row).message_id)
                AND \(isLogged(within: memory))
            ORDER BY tenant_id, message_id LIMIT 1
        ) IS NOT NULL
        """
    }

    /// The number of the event that told of the same fact first (P9), as an expression; NULL when there is none.
    ///
    /// - Parameters:
    ///   - row: the name of a row with `tenant_id`, `fingerprint` and `window_ms`.
    ///   - longest: no row's window is longer.
    ///   - condition: `AND …` about `events` and the row.
    static func firstOfFact(_ row: String, longest: Duration, _ condition: String = "") -> Query {
        let key = "\(row).tenant_id, \(row).fingerprint"
        return """
            (
                SELECT events.seq FROM events
                WHERE (events.tenant_id, events.fingerprint) >= (\(unescaped: key))
                    AND (events.tenant_id, events.fingerprint) <= (\(unescaped: key))
                    AND events.fingerprint IS NOT NULL AND events.duplicate_of IS NULL
                    AND events.logged_at > now() - \(unescaped: row).window_ms * interval '1 millisecond'
                    AND \(isLogged(within: longest)) \(unescaped: condition)
                ORDER BY events.tenant_id, events.fingerprint, events.seq LIMIT 1
            )
            """
    }

    /// Keeps the partitions of other days out of a look-up, also those that are to come: the database has to know which
    /// before it begins. A day's grace is for a clock that was set back.
    private static func isLogged(within age: Duration) -> Query {
        "events.logged_at > now() - \(age) AND events.logged_at < now() + interval '1 day'"
    }
}
