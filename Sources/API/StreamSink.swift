import Gateway
import HTTPServer
import Model
import Net

/// The server's sink of one event stream, as the feed wants it. Loop-bound.
final class StreamSink: EventSink {
    /// How long browsers wait before they come back, drawn for each stream: after a restart they do not come at once.
    private static let retryMilliseconds = 1000...4000

    private let sink: EventStreamSink
    private var stream: OpenStream?
    private var drainWaiters: [CheckedContinuation<Bool, Never>] = []

    init(_ sink: EventStreamSink) {
        self.sink = sink
    }

    func begin(_ prepared: PreparedStream, _ feed: EventFeed) {
        // Sent at once, so that the client knows that it is connected, and has a cursor to come back with.
        sink.send(EventEncoding.hello(prepared.start, retryMilliseconds: .random(in: Self.retryMilliseconds)))
        sink.onClosed = { [self] _ in didClose() }
        sink.onDrained = { [weak self] in self?.resumeWaiters(true) }
        sink.onHeartbeat = { [weak self] in self?.stream?.cursorToTell().map { EventEncoding.position($0) } }
        sink.onShutdown = { [weak self] in self?.stream?.end(.shutdown) }
        stream = feed.open(prepared, sink: self)
    }

    func send(_ bytes: SharedBytes) {
        sink.send(bytes)
    }

    var pendingBytes: Int { sink.pendingBytes }

    func waitUntilDrained(deadline: Deadline) async -> Bool {
        guard sink.isOpen, sink.pendingBytes > 0 else { return true }
        let timer = sink.loop.schedule(at: deadline) { [weak self] in self?.resumeWaiters(false) }
        defer { timer.cancel() }
        return await withCheckedContinuation { drainWaiters.append($0) }
    }

    func end(_ reason: StreamEnd, at cursor: EventCursor) {
        // Who is slow has enough to read.
        if reason != .slow { sink.send(EventEncoding.farewell(reason, at: cursor)) }
        sink.close()
    }

    private func didClose() {
        stream?.close()
        stream = nil
        resumeWaiters(true)
    }

    private func resumeWaiters(_ isDrained: Bool) {
        let waiters = drainWaiters
        drainWaiters = []
        for waiter in waiters { waiter.resume(returning: isDrained) }
    }
}
