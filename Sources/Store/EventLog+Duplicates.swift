import Postgres

// The look-ups of an append. They ask for equality as two bounds, and for the order of the index that is meant: for a new
// day's partition, which is empty when a plan is made, the planner holds every index for as good as any other.
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
            WHERE events.tenant_id = \(unescaped: tenant) AND events.message_id >= \(unescaped: row).message_id
                AND events.message_id <= \(unescaped: row).message_id AND \(isLogged(within: memory))
            ORDER BY events.message_id LIMIT 1
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
        """
        (
            SELECT events.seq FROM events
            WHERE events.tenant_id = \(unescaped: row).tenant_id
                AND events.fingerprint >= \(unescaped: row).fingerprint
                AND events.fingerprint <= \(unescaped: row).fingerprint AND events.duplicate_of IS NULL
                AND events.logged_at > now() - \(unescaped: row).window_ms * interval '1 millisecond'
                AND \(isLogged(within: longest)) \(unescaped: condition)
            ORDER BY events.fingerprint, events.seq LIMIT 1
        )
        """
    }

    /// Keeps the partitions of other days out of a look-up, also those that are to come: the database has to know which
    /// before it begins. A day's grace is for a clock that was set back.
    private static func isLogged(within age: Duration) -> Query {
        "events.logged_at > now() - \(age) AND events.logged_at < now() + interval '1 day'"
    }
}
