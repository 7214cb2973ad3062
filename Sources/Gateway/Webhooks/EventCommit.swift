import Model
import Store
import Telemetry

/// What a commit of webhooks comes to: outcomes for those who wait, events for the streams, numbers for whoever looks.
///
/// All of it happens when the commit does, also for webhooks whose senders were told meanwhile that it took too long.
struct EventCommit: Sendable {
    let feed: EventFeed
    let deliveries: DeliveryTracker?
    let counters: IngestCounters
    let reports: IngestReports

    /// - Parameters:
    ///   - reason: why nobody wants what nobody wants.
    ///   - append: stores the events and says what that came to.
    func callAsFunction(
        _ events: [IncomingEvent], unwanted reason: @Sendable (AppendResult, Int) -> UnwantedReason,
        _ append: () async throws -> AppendResult
    ) async throws -> [WebhookIngest.Outcome] {
        let result: AppendResult
        do {
            result = try await append()
        } catch {
            reports.notStored(events.count, error)
            throw error
        }
        publish(result, of: events)
        counters.duplicates.add(result.appended.count { $0.duplicateOf != nil })
        return outcomes(result, of: events, unwanted: reason)
    }

    private func publish(_ result: AppendResult, of events: [IncomingEvent]) {
        var rest = result.appended[...]
        while let tenant = rest.first?.tenant {
            let own = rest.prefix { $0.tenant == tenant }
            rest = rest.dropFirst(own.count)
            feed.didAppend(own.map { Event(events[$0.index], $0) }, in: tenant)
        }
    }

    private func outcomes(
        _ result: AppendResult, of events: [IncomingEvent],
        unwanted reason: @Sendable (AppendResult, Int) -> UnwantedReason
    ) -> [WebhookIngest.Outcome] {
        var counts = [Int](repeating: 0, count: events.count)
        for appended in result.appended { counts[appended.index] += 1 }
        // A message twice in one batch: the database saw the first of them only.
        let first = Dictionary(events.indices.map { (MessageKey(events[$0]), $0) }, uniquingKeysWith: min)
        return events.indices.map { index in
            let event = events[index]
            if counts[index] > 0 {
                counters.stored.add()
                counters.lag.observe(event.lagMilliseconds)
                noteDelivery(event)
                return .stored(tenants: counts[index])
            }
            let seen = first[MessageKey(event)] ?? index
            if result.wanted.contains(seen) {
                // No proof that its subscription lives: whoever has a genuine message can send it again.
                counters.known.add()
                return .known
            }
            let reason = reason(result, seen)
            counters.unwanted[reason].add()
            reports.unwanted(event, reason)
            return .unwanted(reason)
        }
    }

    private func noteDelivery(_ event: IncomingEvent) {
        // Drops claims come through no subscription.
        guard event.broadcasterUserID != 0 else { return }
        deliveries?.note(
            app: event.app, broadcasterUserID: event.broadcasterUserID, type: event.type,
            subscriptionID: event.subscriptionID, at: event.receivedAt)
    }
}

private struct MessageKey: Hashable {
    let app: AppID
    let messageID: String

    init(_ event: IncomingEvent) {
        app = event.app
        messageID = event.messageID
    }
}

extension IncomingEvent {
    fileprivate var lagMilliseconds: Int64 { max(0, (receivedAt.microseconds - sentAt.microseconds) / 1000) }
}

extension Event {
    /// The event as it was stored.
    fileprivate init(_ incoming: IncomingEvent, _ appended: AppendedEvent) {
        self.init(
            cursor: appended.cursor, messageID: incoming.messageID, type: incoming.type, version: incoming.version,
            broadcasterUserID: incoming.broadcasterUserID, subscriptionID: incoming.subscriptionID,
            sentAt: incoming.sentAt, receivedAt: incoming.receivedAt, duplicateOf: appended.duplicateOf,
            body: incoming.body)
    }
}
