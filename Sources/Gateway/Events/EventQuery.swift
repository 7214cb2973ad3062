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

extension EventFeed {
    /// The page after a cursor, oldest first; without a cursor the page begins with the oldest event kept.
    package func page(
        after cursor: EventCursor?, limit: Int, filter: EventFilter, in tenant: TenantID
    ) async throws -> EventPage {
        let position = try await log.position(in: tenant)
        let beginning = EventCursor(epoch: position.epoch, sequence: position.first - 1)
        let start = StreamStart(cursor: cursor ?? beginning, log: position)
        let events = try await log.read(after: start.sequence, limit: limit, filter: filter, in: tenant)
        let hasMore = events.count == limit
        // A page that is not full has seen the log to the end that `position` knew, or further.
        let end = max(events.last?.cursor.sequence ?? 0, hasMore ? 0 : max(position.last, start.sequence))
        return EventPage(
            events: events, next: EventCursor(epoch: position.epoch, sequence: end), hasMore: hasMore, gap: start.gap)
    }
}
