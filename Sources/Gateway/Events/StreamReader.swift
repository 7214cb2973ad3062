import Model
import Net
import Store
import Telemetry

/// One open stream: a position in its tenant's log and a sink. Loop-bound.
///
/// It is `live` while the loop's deliveries follow its position without a hole. Whenever they do not, and at the start,
/// it is `replaying`: it reads the log until it has caught up with what the loop has delivered. Because a log has no
/// gaps (P10), "the next number" is the whole test, and an event can be neither skipped nor repeated (P11).
final class StreamReader: @unchecked Sendable {
    private enum Mode { case replaying, live, ended }

    let request: StreamRequest
    /// Where it stands in its hub's list.
    var hubIndex = -1
    private let hub: LoopHub
    private let sink: any EventSink
    private let feed: EventFeed
    private let place: StreamPlace
    private var mode = Mode.replaying
    private let epoch: Int64
    /// The last event that was sent or filtered out.
    private var position: Int64
    /// The last position that the peer was sent an id for.
    private var toldPosition: Int64
    /// What had happened before the stream was opened ends here.
    private let historyEnd: Int64
    /// Events to send before the stream ends.
    private var remaining: Int
    /// Ends the stream with its lifetime, or with its key's.
    private var timer: LoopTimer?

    init(_ prepared: PreparedStream, hub: LoopHub, sink: any EventSink, feed: EventFeed) {
        request = prepared.request
        place = prepared.place
        epoch = prepared.start.cursor.epoch
        position = prepared.start.sequence
        toldPosition = prepared.start.sequence
        historyEnd = prepared.start.historyEnd
        remaining = prepared.request.limit ?? .max
        self.hub = hub
        self.sink = sink
        self.feed = feed
    }

    private var cursor: EventCursor { EventCursor(epoch: epoch, sequence: position) }

    /// Reads what the log has after its position, then follows.
    func start(lifetime: Duration) {
        var (life, end) = (lifetime, StreamEnd.age)
        if let expiresAt = request.expiresAt {
            let rest = Duration.microseconds(expiresAt.microseconds - Timestamp.now().microseconds)
            if rest < life { (life, end) = (max(.zero, rest), .credential) }
        }
        timer = hub.loop.schedule(at: .after(life)) { [weak self, end] in self?.end(end) }
        startReplaying()
    }

    /// The connection is closed. False when it was already.
    func close() -> Bool {
        guard hub.remove(self) else { return false }
        mode = .ended
        timer?.cancel()
        timer = nil
        place.leave()
        return true
    }

    // MARK: Live

    /// The loop delivers the next events of the tenant, in order.
    func deliver(_ events: [EncodedEvent]) {
        guard mode == .live else { return }
        for event in events where event.sequence > position {
            guard event.sequence == position + 1 else { return startReplaying() }
            position = event.sequence
            guard !event.isHidden, request.filter.admits(type: event.type, broadcaster: event.broadcasterUserID)
            else { continue }
            send(event.bytes)
            if mode != .live { return }
        }
    }

    /// The log is known to reach `sequence`, whose events were not delivered here.
    func advance(to sequence: Int64) {
        if mode == .live, sequence > position { startReplaying() }
    }

    /// The stream is over; nothing more is sent.
    func end(_ reason: StreamEnd) {
        guard mode != .ended else { return }
        mode = .ended
        sink.end(reason, at: cursor)
    }

    /// See ``OpenStream/cursorToTell()``.
    func cursorToTell() -> EventCursor? {
        guard mode != .ended, position > toldPosition else { return nil }
        toldPosition = position
        return cursor
    }

    /// Sends the event at the position.
    private func send(_ bytes: SharedBytes) {
        sink.send(bytes)
        toldPosition = position
        remaining -= 1
        if remaining == 0 { end(.limit) }
    }

    // MARK: Replaying

    private func startReplaying() {
        mode = .replaying
        hub.loop.spawn { [self] in await replay() }
    }

    /// Goes on until it has caught up, also while the database is away: who is cut off meanwhile would be refused when it
    /// comes back, and browsers do not try again after that. The stream's lifetime is the bound.
    private func replay() async {
        var failures = 0
        while mode == .replaying {
            do {
                let before = position
                let slice = try await feed.log.slice(
                    after: position, limits: EventFeed.replayLimits, filter: request.filter, hidesDuplicates: true,
                    in: request.tenant)
                failures = 0
                guard mode == .replaying else { return }
                guard slice.log.epoch == epoch, slice.log.last >= position else { return end(.logChanged) }
                guard await send(slice) else { return end(.slow) }
                if !slice.hasMore, hub.delivered(in: request.tenant) <= position {
                    // No suspension since the comparison: the next delivery finds this reader live.
                    if mode == .replaying { mode = .live }
                    return
                }
                // The loop has delivered what a new snapshot will show.
                if position == before { try? await sleep(for: .milliseconds(10)) }
            } catch {
                failures = min(failures + 1, 5)
                try? await sleep(for: .milliseconds(100 << failures) * Double.random(in: 0.5...1))
            }
        }
    }

    /// Sends a page of history; false when the peer does not take it in time.
    private func send(_ slice: EventSlice) async -> Bool {
        // A log has no holes but at its old end: what is missing before its first number was removed by retention.
        if slice.log.first - 1 > position { announceRemoval(before: slice.log.first) }
        for event in slice.events where mode == .replaying {
            position = event.cursor.sequence
            send(feed.encode(event, position <= historyEnd))
            // History waits for its reader, a little at a time; only what happens now is pushed.
            guard sink.pendingBytes > EventFeed.replayPending else { continue }
            guard await sink.waitUntilDrained(deadline: .after(EventFeed.replayPatience)) else { return false }
        }
        if mode == .replaying { position = max(position, slice.end) }
        return true
    }

    private func announceRemoval(before first: Int64) {
        let from = cursor
        position = first - 1
        sink.send(feed.encodeGap(StreamGap(reason: .expired, from: from, to: cursor, oldest: cursor)))
        toldPosition = position
    }
}
