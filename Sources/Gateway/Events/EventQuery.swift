package import Model
import Net
import Store

/// A page of a tenant's log.
package struct EventPage: Sendable {
    package let events: [Event]
    /// Continue after this one; also the cursor with which a stream opened now misses nothing that the page's filter and
    /// times would have shown.
    package let next: EventCursor
    /// Whether the log goes on after the page. With a filter the next page may be empty all the same.
    package let hasMore: Bool
    /// Set when the cursor could not be honoured.
    package let gap: StreamGap?
}

/// What a page is to hold.
package struct EventPageRequest: Sendable {
    /// Nil begins with the oldest event that is kept.
    package var cursor: EventCursor?
    /// 0 asks for nothing but the cursor of this moment: whoever reads state next, and opens a stream with it then, misses
    /// nothing.
    package var limit: Int
    package var filter = EventFilter.everything
    package var span = EventSpan.all
    /// Whether to list what repeats a fact, too (P9).
    package var includesDuplicates = false

    package init(cursor: EventCursor?, limit: Int) {
        self.cursor = cursor
        self.limit = limit
    }
}

extension EventFeed {
    /// Bytes of payloads in a page, but for a single event that is larger.
    package static let pageBytes = 4 * 1024 * 1024
    /// How long a page looks for events that its filter admits before it is what it is by then.
    private static let pagePatience = Duration.seconds(3)

    /// The page after a cursor, oldest first.
    package func page(_ request: EventPageRequest, in tenant: TenantID) async throws -> EventPage {
        let position = try await log.position(in: tenant)
        func cursor(_ sequence: Int64) -> EventCursor { EventCursor(epoch: position.epoch, sequence: sequence) }
        guard request.limit > 0 else {
            return EventPage(events: [], next: cursor(position.last), hasMore: false, gap: nil)
        }
        let start = StreamStart(cursor: request.cursor ?? cursor(position.first - 1), log: position)
        let (begin, end) = try await bounds(of: request.span, start: start, in: tenant)
        var limits = EventSliceLimits(count: request.limit, bytes: Self.pageBytes)
        let deadline = Deadline.after(Self.pagePatience)
        var events: [Event] = []
        var reached = begin
        var last = position.last
        while true {
            let slice = try await log.slice(
                after: reached, limits: limits, filter: request.filter, span: request.span,
                hidesDuplicates: !request.includesDuplicates, in: tenant)
            events += slice.events
            (reached, last) = (slice.end, slice.log.last)
            limits.count -= slice.events.count
            limits.bytes -= slice.events.reduce(0) { $0 + $1.body.count }
            if reached >= end ?? last || limits.count <= 0 || limits.bytes <= 0 || slice.isCut || deadline.hasPassed {
                break
            }
        }
        // With an end in time the cursor stays before whatever is younger.
        let stop = end ?? last
        return EventPage(
            events: events, next: cursor(max(min(reached, stop), start.sequence)), hasMore: reached < stop,
            gap: start.gap)
    }

    /// The numbers between which the page looks: after the first, up to the second, which is nil for the log's end.
    private func bounds(
        of span: EventSpan, start: StreamStart, in tenant: TenantID
    ) async throws -> (begin: Int64, end: Int64?) {
        guard span != .all else { return (start.sequence, nil) }
        let bounds = try await log.bounds(of: span, after: start.sequence, in: tenant)
        let begin = span.since == nil ? start.sequence : bounds.first.map { $0 - 1 } ?? start.historyEnd
        let end = span.until == nil ? nil : bounds.last ?? start.sequence
        return (begin, end)
    }

    /// The event at a cursor. Throws `notFound`, also for one that retention has removed, or another life of the log.
    package func event(at cursor: EventCursor, in tenant: TenantID) async throws -> Event {
        guard let event = try await log.event(at: cursor.sequence, in: tenant), event.cursor == cursor else {
            throw GatewayError(.notFound, "there is no such event, or none any more")
        }
        return event
    }
}
