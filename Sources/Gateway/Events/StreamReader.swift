package import Model
package import Net
import Store
import Telemetry

/// Where a reader's bytes go. Belongs to the loop of the reader's connection.
package protocol EventSink: AnyObject {
    /// Appends bytes without waiting. A sink that its peer does not empty ends itself (P12).
    func send(_ bytes: SharedBytes)
    /// Bytes sent and not yet taken by the kernel.
    var pendingBytes: Int { get }
    /// Suspends until everything sent was taken, the sink ended, or the deadline; false in the last case.
    func waitUntilDrained(deadline: Deadline) async -> Bool
    /// Ends the stream; the peer may come back with its cursor.
    func end()
}

/// What one stream asked for.
package struct StreamRequest: Sendable {
    package let tenant: TenantID
    /// The key that opened it; the stream ends when the key does (P15).
    package let key: KeyID
    package let filter: EventFilter
    /// Where to begin. Nil: with the next event.
    package let cursor: EventCursor?

    package init(tenant: TenantID, key: KeyID, filter: EventFilter, cursor: EventCursor?) {
        self.tenant = tenant
        self.key = key
        self.filter = filter
        self.cursor = cursor
    }
}

/// One open stream: a position in its tenant's log and a sink. Loop-bound.
///
/// It is `live` while the loop's deliveries follow its position without a hole. Whenever they do not, and at the start,
/// it is `replaying`: it reads the log until it has caught up with what the loop has delivered. Because a log has no
/// gaps (P10), "the next number" is the whole test, and an event can be neither skipped nor repeated (P11).
final class StreamReader: @unchecked Sendable {
    private enum Mode { case replaying, live, ended }

    let request: StreamRequest
    private let hub: LoopHub
    private let sink: any EventSink
    private let feed: EventFeed
    private var mode = Mode.replaying
    /// The last event that was sent or filtered out.
    private var position: Int64 = 0
    /// What had happened before the stream was opened ends here.
    private var historyEnd: Int64 = 0

    init(request: StreamRequest, hub: LoopHub, sink: any EventSink, feed: EventFeed) {
        self.request = request
        self.hub = hub
        self.sink = sink
        self.feed = feed
    }

    /// Begins behind `position`: reads what the log has after it, then follows.
    func start(at position: Int64, historyEnd: Int64) {
        self.position = position
        self.historyEnd = historyEnd
        startReplaying()
    }

    /// The loop delivers the next events of the tenant, in order.
    func deliver(_ events: [EncodedEvent]) {
        guard mode == .live else { return }
        for event in events where event.sequence > position {
            guard event.sequence == position + 1 else { return startReplaying() }
            position = event.sequence
            if !event.isHidden, request.filter.admits(type: event.type, broadcaster: event.broadcasterUserID) {
                sink.send(event.bytes)
            }
        }
    }

    /// The log is known to reach `sequence`, whose events were not delivered here.
    func advance(to sequence: Int64) {
        if mode == .live, sequence > position { startReplaying() }
    }

    /// The stream is over; nothing more is sent.
    func end() {
        guard mode != .ended else { return }
        mode = .ended
        sink.end()
    }

    private func startReplaying() {
        mode = .replaying
        hub.loop.spawn { [self] in await replay() }
    }

    private func replay() async {
        var failures = 0
        while mode == .replaying {
            do {
                let page = try await feed.log.read(
                    after: position, limit: EventFeed.replayPage, in: request.tenant)
                failures = 0
                guard await send(page) else { return end() }
                if page.count < EventFeed.replayPage, hub.delivered(in: request.tenant) <= position {
                    // No suspension since the comparison: the next delivery finds this reader live.
                    if mode == .replaying { mode = .live }
                    return
                }
                if page.isEmpty { try await skipRemoved() }
            } catch {
                failures += 1
                guard failures < 6 else { return end() }
                try? await sleep(for: .milliseconds(100 << failures))
            }
        }
    }

    /// The loop delivered events that the log no longer has: retention has passed this reader.
    private func skipRemoved() async throws {
        let log = try await feed.log.position(in: request.tenant)
        guard mode == .replaying, log.first - 1 > position else { return }
        announceRemoval(until: EventCursor(epoch: log.epoch, sequence: log.first))
        position = log.first - 1
    }

    /// A log has no holes but at its old end: what is missing before `next` was removed by retention.
    private func announceRemoval(until next: EventCursor) {
        let oldest = EventCursor(epoch: next.epoch, sequence: next.sequence - 1)
        let requested = EventCursor(epoch: next.epoch, sequence: position)
        sink.send(
            feed.encodeGap(StreamGap(reason: .expired, requested: requested, resumed: oldest, oldest: oldest)))
    }

    /// Sends a page of history; false when the peer does not take it in time.
    private func send(_ page: [Event]) async -> Bool {
        for event in page where mode == .replaying {
            if event.cursor.sequence > position + 1 { announceRemoval(until: event.cursor) }
            position = event.cursor.sequence
            if event.duplicateOf == nil,
                request.filter.admits(type: event.type, broadcaster: event.broadcasterUserID)
            {
                sink.send(feed.encode(event, position <= historyEnd))
            }
            // History waits for its reader, a little at a time; only what happens now is pushed.
            guard sink.pendingBytes > EventFeed.replayPending else { continue }
            guard await sink.waitUntilDrained(deadline: .after(EventFeed.replayPatience)) else { return false }
        }
        return true
    }
}
