import Model
import Postgres

/// Which events of a log are looked for, and by which of the log's indices.
///
/// A reader that asks for little must not pay for the rest: most of a log is chat. So the statement is made of what is
/// asked for and nothing else, and made so that one index serves it: for each type (or each broadcaster) that is named,
/// the first events in the order of their numbers, of which the first of all are the answer. Left to itself, the database
/// would read the log in its order and throw away what does not fit.
struct EventSelection {
    let tenant: TenantID
    /// Numbers: what comes after the first, up to the last.
    let after: Int64
    let last: Int64
    var filter = EventFilter.everything
    var span = EventSpan.all
    /// `AND …` about columns of `events`: what most of them satisfy.
    var condition = ""

    /// The type that most of every log is of.
    private static let bulk = "chat.message.sent"

    /// How far a look may go that is to meet about `count` events at most: without end where the work is in proportion to
    /// what is found. With both types and broadcasters one of the two is compared event by event; all types but the bulk
    /// are a tenth of a log.
    static func horizon(_ filter: EventFilter, after: Int64, count: Int64) -> Int64 {
        guard let types = filter.types, filter.broadcasters != nil else { return .max }
        let (distance, isFar) = count.multipliedReportingOverflow(by: types.contains(bulk) ? 1 : 10)
        let (last, isBeyond) = after.addingReportingOverflow(distance)
        return isFar || isBeyond ? .max : last
    }

    /// The first `limit` events, in order of number.
    ///
    /// - Parameter columns: of `events`; `seq` must be among them.
    func query(_ columns: String, limit: Int) -> Query {
        let others: Query = "\(span.condition) \(unescaped: condition)"
        let broadcasters = filter.broadcasters?.sorted()
        switch (filter.types, broadcasters) {
        case (nil, nil):
            return """
                SELECT \(unescaped: columns) FROM events
                WHERE tenant_id = \(tenant) AND seq > \(after) AND seq <= \(last) \(others)
                ORDER BY seq LIMIT \(limit)
                """
        case (let types?, nil):
            return query(columns, of: typeNames(types), in: "type", others, limit: limit)
        case (let types?, let broadcasters?) where !types.contains(Self.bulk):
            // As a sum it is no match for an index: that of the types is the one to use.
            return query(
                columns, of: typeNames(types), in: "type",
                "\(others) AND broadcaster_user_id + 0 = ANY (\(broadcasters))", limit: limit)
        case (let types, let broadcasters?):
            return query(
                columns, of: "SELECT unnest(\(broadcasters))", in: "broadcaster_user_id",
                "\(others) \(EventFilter(types: types).condition)", limit: limit)
        }
    }

    /// By the index of tenant, `column` and `seq + 0`.
    private func query(
        _ columns: String, of values: Query, in column: String, _ others: Query, limit: Int
    ) -> Query {
        """
        SELECT hits.*
        FROM (\(values)) AS wanted (value)
        CROSS JOIN LATERAL (
            SELECT * FROM (
                SELECT \(unescaped: columns) FROM events
                WHERE tenant_id = \(tenant) AND \(unescaped: column) = wanted.value
                    AND seq + 0 > \(after) AND seq + 0 <= \(last) \(others)
                ORDER BY seq + 0 LIMIT \(unescaped: Self.magnitude(of: limit))
            ) AS most
            LIMIT \(limit)
        ) AS hits
        ORDER BY seq LIMIT \(limit)
        """
    }

    /// The next power of ten. A limit that stands in the text tells the planner that few rows are wanted, of a parameter it
    /// believes that it is a tenth of all; and there are few texts so.
    private static func magnitude(of limit: Int) -> String {
        "1" + String(repeating: "0", count: String(max(limit, 1) - 1).utf8.count)
    }

    /// The types by name. What a beginning stands for is found by going from one type of the tenant to the next.
    private func typeNames(_ types: EventTypes) -> Query {
        let names = types.names.sorted()
        guard !types.prefixes.isEmpty else { return "SELECT unnest(\(names))" }
        // The dot that ends a beginning, and the character after it in byte order, enclose all that begins so.
        let ends = types.prefixes.map { String($0.dropLast()) + "/" }
        func next(from bound: String, _ comparison: String) -> Query {
            """
            SELECT type FROM events
            WHERE tenant_id = \(tenant) AND type \(unescaped: comparison) \(unescaped: bound) AND type < ends_before
            ORDER BY type LIMIT 1
            """
        }
        return """
            WITH RECURSIVE known (type, ends_before) AS (
                SELECT (\(next(from: "prefix", ">="))), ends_before
                FROM unnest(\(types.prefixes), \(ends)) AS wanted (prefix, ends_before)
                UNION ALL
                SELECT (\(next(from: "known.type", ">"))), ends_before FROM known WHERE type IS NOT NULL
            )
            SELECT type FROM known WHERE type IS NOT NULL UNION SELECT unnest(\(names))
            """
    }
}
