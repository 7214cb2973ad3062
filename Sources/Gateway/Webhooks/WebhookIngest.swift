package import Kick
package import Model
import Net
package import Store
import Synchronization
import Telemetry

/// From a verified webhook to a committed event.
///
/// Whatever waits while a commit runs goes into the next one: under load many webhooks share a transaction, alone a
/// webhook waits for nothing (group commit). A webhook is answered only after its commit (P7).
package final class WebhookIngest: Sendable {
    /// What became of a webhook. Kick gets 200 for each of them.
    package enum Outcome: Sendable, Equatable {
        /// New in the log of this many tenants.
        case stored(tenants: Int)
        /// Every tenant that wants it has it already (P9).
        case known
        /// No login wants it. It is not stored; were it refused, Kick would give up on us (FACTS §3.3).
        case unwanted
    }

    private struct Pending {
        let event: IncomingEvent
        let continuation: CheckedContinuation<Result<Outcome, GatewayError>, Never>
    }

    private struct State {
        var waiting: [Pending] = []
        var isCommitting = false
    }

    /// Webhooks that may wait for a commit; beyond that Kick is told to come again.
    package static let queueLimit = 8192
    /// Webhooks in one transaction.
    static let batchLimit = 512

    private let log: EventLog
    private let feed: EventFeed
    private let state = Mutex(State())
    private static let report = Log("ingest")

    package init(log: EventLog, feed: EventFeed) {
        self.log = log
        self.feed = feed
    }

    /// Stores the webhook for every tenant that wants it and returns when that is committed.
    ///
    /// Throws `unavailable`, with a time to come again, when the database is away or the queue is full.
    package func ingest(_ webhook: VerifiedWebhook, app: AppID) async throws(GatewayError) -> Outcome {
        guard let broadcaster = webhook.broadcasterUserID else { return .unwanted }
        let fingerprint = EventFingerprint.of(
            type: webhook.type, broadcasterUserID: broadcaster, body: webhook.body)
        let event = IncomingEvent(
            app: app, messageID: webhook.messageID, type: webhook.type.rawValue, version: webhook.version,
            broadcasterUserID: broadcaster, subscriptionID: webhook.subscriptionID,
            sentAt: Timestamp(microseconds: webhook.sentAt.microseconds), receivedAt: .now(), body: webhook.body,
            sameness: IncomingEvent.Sameness(
                fingerprint: fingerprint.bytes, window: fingerprint.window,
                throughAnotherSubscription: fingerprint.throughAnotherSubscription))
        guard let loop = Loop.current else { preconditionFailure("ingest needs a loop") }
        let result = await withCheckedContinuation { continuation in
            let (isFull, mustStart) = state.withLock { state in
                guard state.waiting.count < Self.queueLimit else { return (true, false) }
                state.waiting.append(Pending(event: event, continuation: continuation))
                defer { state.isCommitting = true }
                return (false, !state.isCommitting)
            }
            if isFull {
                continuation.resume(returning: .failure(Self.unavailable("too many webhooks wait to be stored")))
            }
            // A job of its own: a sender that hangs up must not cut everybody's commit.
            if mustStart { loop.spawn { [self] in await commitAll() } }
        }
        return try result.get()
    }

    /// Commits batch after batch until nothing waits.
    private func commitAll() async {
        while let batch = nextBatch() {
            let result = await commit(batch.map(\.event))
            for (index, pending) in batch.enumerated() {
                pending.continuation.resume(returning: result.map { $0[index] })
            }
        }
    }

    private func nextBatch() -> [Pending]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isCommitting = false
                return nil
            }
            let count = min(state.waiting.count, Self.batchLimit)
            let batch = Array(state.waiting.prefix(count))
            state.waiting.removeFirst(count)
            return batch
        }
    }

    private func commit(_ events: [IncomingEvent]) async -> Result<[Outcome], GatewayError> {
        do {
            let result = try await log.append(events)
            publish(result, of: events)
            return .success(Self.outcomes(result, of: events))
        } catch {
            Self.report.error(
                "webhooks were not stored", ["count": .int(events.count), "error": .string("\(error)")])
            return .failure(Self.unavailable("the event could not be stored"))
        }
    }

    private func publish(_ result: AppendResult, of events: [IncomingEvent]) {
        var rest = result.appended[...]
        while let tenant = rest.first?.tenant {
            let own = rest.prefix { $0.tenant == tenant }
            rest = rest.dropFirst(own.count)
            feed.didAppend(own.map { Event(events[$0.index], $0) }, in: tenant)
        }
    }

    private static func outcomes(_ result: AppendResult, of events: [IncomingEvent]) -> [Outcome] {
        var counts = [Int](repeating: 0, count: events.count)
        for appended in result.appended { counts[appended.index] += 1 }
        // A message twice in one batch: the database saw the first of them only.
        let wantedIDs = Set(result.wanted.map { events[$0].messageID })
        return events.indices.map { index in
            if counts[index] > 0 { return .stored(tenants: counts[index]) }
            return wantedIDs.contains(events[index].messageID) ? .known : .unwanted
        }
    }

    private static func unavailable(_ message: String) -> GatewayError {
        GatewayError(.unavailable, message, retryAfter: 5)
    }
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
