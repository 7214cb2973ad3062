package import Model
package import Postgres

/// A stretch of a log, read in one snapshot.
package struct EventSlice: Sendable {
    /// Those of the stretch that the filter admits, oldest first.
    package let events: [Event]
    /// The stretch ends with this number. Up to here nothing is missing but what retention has removed, which is what
    /// lies before `log.first`.
    package let end: Int64
    /// The log at the moment of reading.
    package let log: EventLogPosition
    /// Whether the number of events, or their bytes, ended the stretch.
    package let isCut: Bool
    /// Whether the stretch ends before the log does, so that reading on may find more.
    package var hasMore: Bool { end < log.last }
}

/// How much is read at once. Whichever is reached first ends the stretch.
package struct EventSliceLimits: Sendable {
    /// Events, at least 1.
    package var count: Int
    /// Bytes of bodies; one event is read whatever its size.
    package var bytes: Int
    /// Events that may be looked at when no index serves the whole filter (``EventSelection/horizon(_:after:count:)``). It
    /// bounds the work when the filter admits little: a million events that nobody wants are no reason to run into the
    /// statement's timeout.
    package var span: Int64 = 50_000

    package init(count: Int, bytes: Int = .max) {
        self.count = count
        self.bytes = bytes
    }
}

extension EventLog {
    /// Events after a sequence number, and how far that has read the log. The log of a tenant that does not exist is empty.
    ///
    /// - Parameters:
    ///   - span: only what was logged in this time, the end not included.
    ///   - hidesDuplicates: without those that repeat a fact (P9).
    package func slice(
        after sequence: Int64, limits: EventSliceLimits, filter: EventFilter = .everything, span: EventSpan = .all,
        hidesDuplicates: Bool = false, in tenant: TenantID
    ) async throws(DatabaseError) -> EventSlice {
        let last = EventSelection.horizon(filter, after: sequence, count: limits.span)
        let selection = EventSelection(
            tenant: tenant, after: sequence, last: last, filter: filter, span: span,
            condition: hidesDuplicates ? "AND duplicate_of IS NULL" : "")
        // One more than the slice may hold tells whether there is more. The row of the log is there in any case, and of
        // the same snapshot: whatever has a number up to `last_seq` is visible.
        let rows = try await database.query(
            """
            SELECT event_logs.epoch, event_logs.first_seq, event_logs.last_seq, page.*
            FROM event_logs
            LEFT JOIN LATERAL (
                SELECT hits.*, count(*) OVER () AS found, row_number() OVER (ORDER BY seq) AS place,
                    sum(octet_length(body)) OVER (ORDER BY seq) - octet_length(body) AS bytes_before
                FROM (
                    \(selection.query(Self.columns, limit: limits.count + 1))
                ) AS hits
            ) AS page ON page.place <= \(Int64(limits.count)) AND page.bytes_before < \(Int64(limits.bytes))
            WHERE event_logs.tenant_id = \(tenant)
            ORDER BY page.seq
            """)
        guard let first = rows.first else { return EventSlice(events: [], end: sequence, log: .none, isCut: false) }
        let log = try Self.position(first)
        guard let found = try first["found", as: Int64?.self] else {
            return EventSlice(events: [], end: max(sequence, min(last, log.last)), log: log, isCut: false)
        }
        var events: [Event] = []
        events.reserveCapacity(rows.count)
        for row in rows { events.append(try Self.event(row)) }
        let isCut = found > Int64(rows.count)
        let end = isCut ? events.last?.cursor.sequence ?? sequence : max(sequence, min(last, log.last))
        return EventSlice(events: events, end: end, log: log, isCut: isCut)
    }

    /// The numbers between which everything lies that was logged in a time: before the first there is only what is older,
    /// after the last only what is younger. Nil on a side where the time has no bound or nothing lies.
    ///
    /// - Parameter sequence: only what comes after this number.
    package func bounds(
        of span: EventSpan, after sequence: Int64, in tenant: TenantID
    ) async throws(DatabaseError) -> (first: Int64?, last: Int64?) {
        let rows = try await database.query(
            """
            SELECT
                (
                    SELECT seq FROM events
                    WHERE tenant_id = \(tenant) AND seq > \(sequence) AND logged_at >= \(span.since)
                    ORDER BY seq LIMIT 1
                ) AS first,
                (
                    SELECT seq FROM events
                    WHERE tenant_id = \(tenant) AND seq > \(sequence) AND logged_at < \(span.until)
                    ORDER BY seq DESC LIMIT 1
                ) AS last
            """)
        return (try rows.first?["first", as: Int64?.self], try rows.first?["last", as: Int64?.self])
    }
}

extension EventFilter {
    /// `AND …`, of what the filter asks for and nothing else, so that each kind of filter has a plan of its own.
    var condition: Query {
        let broadcasters = broadcasters.map { $0.sorted() }
        let type: Query =
            switch types {
            case nil: ""
            case let types? where types.prefixes.isEmpty: "AND type = ANY (\(types.names.sorted()))"
            case let types?:
                "AND (type = ANY (\(types.names.sorted())) OR type ^@ ANY (\(types.prefixes)))"
            }
        guard let broadcasters else { return type }
        return "\(type) AND broadcaster_user_id = ANY (\(broadcasters))"
    }
}

extension EventSpan {
    /// `AND …`, as ``EventFilter/condition``.
    var condition: Query {
        switch (since, until) {
        case (nil, nil): ""
        case (let since?, nil): "AND logged_at >= \(since)"
        case (nil, let until?): "AND logged_at < \(until)"
        case (let since?, let until?): "AND logged_at >= \(since) AND logged_at < \(until)"
        }
    }
}
