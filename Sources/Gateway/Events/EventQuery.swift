package import Model
import Store

/// A page of a tenant's log.
package struct EventPage: Sendable {
    package let events: [Event]
    /// Continue after this one; also the cursor with which a stream opened now misses nothing.
    package let next: EventCursor
    /// Whether the log held more than the page.
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
    /// The page after a cursor, oldest first.
    package func page(_ request: EventPageRequest, in tenant: TenantID) async throws -> EventPage {
        let position = try await log.position(in: tenant)
        guard request.limit > 0 else {
            let now = EventCursor(epoch: position.epoch, sequence: position.last)
            return EventPage(events: [], next: now, hasMore: false, gap: nil)
        }
        let beginning = EventCursor(epoch: position.epoch, sequence: position.first - 1)
        let start = StreamStart(cursor: request.cursor ?? beginning, log: position)
        // One more than the page holds tells whether there is more.
        var events = try await log.read(
            after: start.sequence, limit: request.limit + 1, filter: request.filter, span: request.span,
            hidesDuplicates: !request.includesDuplicates, in: tenant)
        let hasMore = events.count > request.limit
        if hasMore { events.removeLast() }
        // A page that is not full has seen the log to the end that `position` knew, or further.
        let end = max(events.last?.cursor.sequence ?? 0, hasMore ? 0 : max(position.last, start.sequence))
        return EventPage(
            events: events, next: EventCursor(epoch: position.epoch, sequence: end), hasMore: hasMore, gap: start.gap)
    }

    /// The event at a cursor. Throws `notFound`, also for one that retention has removed, or another life of the log.
    package func event(at cursor: EventCursor, in tenant: TenantID) async throws -> Event {
        guard let event = try await log.event(at: cursor.sequence, in: tenant), event.cursor == cursor else {
            throw GatewayError(.notFound, "there is no such event, or none any more")
        }
        return event
    }
}
