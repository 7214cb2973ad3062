package import Kick
package import Model
import Net
package import Store
import Synchronization
import Telemetry

/// From a verified webhook to a committed event.
///
/// A webhook is answered only after its commit (P7), which it shares with whatever else waits (``GroupCommit``).
package final class WebhookIngest: Sendable {
    /// What became of a webhook.
    package enum Outcome: Sendable, Equatable {
        /// New in the log of this many tenants.
        case stored(tenants: Int)
        /// Every tenant that wants it has it already (P9).
        case known
        /// Nobody gets it, and it is not stored.
        case unwanted(UnwantedReason)
    }

    package let counters = IngestCounters()

    /// Webhooks that may be looked at or wait at the same time. Checking a signature costs ten times what refusing does, and a
    /// loop that has thousands to check has no time for the commits that others wait for: then nobody would get through.
    package static let placeLimit = 2048

    private let places: Atomic<Int>
    private let reports = IngestReports()
    private let webhooks: GroupCommit<IncomingEvent, Outcome>
    private let claims: GroupCommit<IncomingEvent, Outcome>

    /// - Parameters:
    ///   - deliveries: is told of every webhook that is new.
    ///   - memory: how long message ids are remembered: longer than a webhook may be old, or it could be stored again (P9).
    ///     Every day costs each webhook a look into that day.
    package convenience init(
        log: EventLog, feed: EventFeed, deliveries: DeliveryTracker? = nil, memory: Duration = .seconds(4 * 86_400)
    ) {
        self.init(log: log, feed: feed, deliveries: deliveries, memory: memory, limits: CommitLimits())
    }

    init(
        log: EventLog, feed: EventFeed, deliveries: DeliveryTracker? = nil, memory: Duration = .seconds(4 * 86_400),
        limits: CommitLimits, places: Int = WebhookIngest.placeLimit
    ) {
        self.places = Atomic(places)
        let commit = EventCommit(feed: feed, deliveries: deliveries, counters: counters, reports: reports)
        webhooks = GroupCommit(limits: limits) { events in
            try await commit(events) {
                $0.recognized.contains($1) ? .notSubscribed : .unknownBroadcaster
            } _: {
                try await log.append(events, memory: memory)
            }
        }
        claims = GroupCommit(limits: limits) { events in
            try await commit(events) { _, _ in
                .noSingleTenant
            } _: {
                try await log.append(claims: events, memory: memory)
            }
        }
    }

    /// Takes a place for a webhook, from before its signature is checked until it is answered. Throws `unavailable` when there
    /// is none.
    package func enter() throws(GatewayError) {
        guard places.subtract(1, ordering: .relaxed).newValue < 0 else { return }
        places.add(1, ordering: .relaxed)
        counters.unavailable.add()
        reports.turnedAway("too many webhooks at once")
        throw GatewayError(.unavailable, "too many webhooks at once", retryAfter: 2)
    }

    /// Gives the place back.
    package func leave() {
        places.add(1, ordering: .relaxed)
    }

    /// Bytes that wait or are being committed.
    var pendingBytes: Int { webhooks.pendingBytes + claims.pendingBytes }

    /// Stores the webhook for every tenant that wants it and returns when that is committed. Kick is to get 200 whatever the
    /// outcome: were a webhook that nobody wants refused, Kick would give up on us (FACTS §3.3).
    ///
    /// Throws `unavailable`, with a time to come again, when the database is away, too slow, or too much waits for it.
    package func ingest(_ webhook: VerifiedWebhook, app: AppID) async throws(GatewayError) -> Outcome {
        guard let broadcaster = webhook.broadcasterUserID else {
            counters.unwanted[.noBroadcaster].add()
            reports.unwanted(webhook.type.rawValue, .noBroadcaster, messageID: webhook.messageID)
            return .unwanted(.noBroadcaster)
        }
        let event = IncomingEvent(
            app: app, messageID: webhook.messageID, type: webhook.type.rawValue, version: webhook.version,
            broadcasterUserID: broadcaster, subscriptionID: webhook.subscriptionID,
            sentAt: Timestamp(microseconds: webhook.sentAt.microseconds), receivedAt: .now(), body: webhook.body,
            sameness: .init(
                EventFingerprint.of(type: webhook.type, broadcasterUserID: broadcaster, body: webhook.body)))
        return try await submit(event, to: webhooks)
    }

    /// Stores the Drops claim for the one tenant that uses the app (FACTS §4.7). Unlike an event, a claim that nobody gets
    /// must not be acknowledged: a viewer waits for what it promises.
    package func ingest(_ claim: VerifiedDropsClaim, app: AppID) async throws(GatewayError) -> Outcome {
        let event = IncomingEvent(
            app: app, messageID: claim.messageID, type: EventType.dropsClaim.rawValue, version: "1",
            broadcasterUserID: 0, subscriptionID: "",
            sentAt: Timestamp(microseconds: claim.sentAt.microseconds), receivedAt: .now(), body: claim.body,
            sameness: .init(EventFingerprint.of(type: .dropsClaim, broadcasterUserID: 0, body: claim.body)))
        return try await submit(event, to: claims)
    }

    /// A webhook was not taken for Kick's.
    package func noteRefusal(_ refusal: WebhookRefusal, from host: String) {
        counters.refused[RefusalReason(refusal)].add()
        reports.refused("\(refusal)", from: host)
    }

    private func submit(
        _ event: IncomingEvent, to queue: GroupCommit<IncomingEvent, Outcome>
    ) async throws(GatewayError) -> Outcome {
        do {
            return try await queue.submit(event, bytes: event.body.count + Self.overhead)
        } catch {
            counters.unavailable.add()
            reports.turnedAway(error.message)
            throw error
        }
    }

    /// What a waiting webhook takes besides its body, roughly, in bytes.
    private static let overhead = 512
}

extension IncomingEvent.Sameness {
    fileprivate init(_ fingerprint: EventFingerprint) {
        self.init(
            fingerprint: fingerprint.bytes, window: fingerprint.window,
            throughAnotherSubscription: fingerprint.throughAnotherSubscription)
    }
}
