import HTTP
package import Net

/// Why an event stream has ended.
package enum EventStreamEnd: Hashable, Sendable {
    /// The reader went away.
    case peerClosed
    /// ``EventStreamSink/close()`` was called.
    case finished
    /// More waited for the reader than ``ServerLimits/eventStreamPending``.
    case slowReader
    /// The reader took nothing for ``ServerLimits/eventStreamStall`` while something waited.
    case stalled
    /// The server stopped and its grace was over.
    case shutdown
}

/// The sending end of one event stream. There is no task: the loop keeps the connection, and this object is all it
/// costs. Loop-bound: everything here happens on ``loop``.
///
/// Callbacks never run inside ``send(_:)`` or ``close()``, so that a list of sinks may be walked while sending.
package final class EventStreamSink: ConnectionMember, @unchecked Sendable {
    package var loop: Loop { context.loop }
    /// Called once, with the reason; the stream is closed then. Set it in the start closure: when the reader is gone
    /// by then already, it is called soon after.
    package var onClosed: ((EventStreamEnd) -> Void)? {
        didSet { if end != nil, onClosed != nil { deliverEnd(later: true) } }
    }
    /// Called whenever the kernel has taken everything that was sent: time for the next page of a replay.
    package var onDrained: (() -> Void)?
    /// Called when a heartbeat is due: nothing was sent for ``ServerLimits/heartbeat``. Returns what to send; without it,
    /// or for nil, a comment is sent.
    package var onHeartbeat: (() -> SharedBytes?)?
    /// Called once when the server begins to stop: send a last word and ``close()``. Without it the stream is closed
    /// at once.
    package var onShutdown: (() -> Void)?
    /// Nil while the stream is open.
    package private(set) var end: EventStreamEnd?

    var memberIndex = -1
    private let stream: ByteStream
    private let context: LoopContext
    private var isSending = false
    /// Nothing more is taken; the stream closes when the last byte has left.
    private var isFinishing = false
    private var sentSinceTick = false
    private var quietTicks = 0
    private var stuckTicks = 0
    private var sentBytes = 0
    private var takenBytesAtTick = 0

    /// What the kernel may hold for one reader, in bytes; it doubles this for its own use.
    private static let kernelBuffer: Int32 = 131_072

    init(stream: ByteStream, context: LoopContext) {
        self.stream = stream
        self.context = context
    }

    /// - Parameter head: the response's head and whatever else is still to be written.
    func begin(with head: [UInt8]) {
        stream.limitSendBuffer(to: EventStreamSink.kernelBuffer)
        stream.startPushing(
            onClosed: { [self] in streamDidClose() }, onDrained: { [weak self] in self?.streamDidDrain() })
        enqueue(SharedBytes(head))
    }

    package var isOpen: Bool { end == nil && !isFinishing }

    /// Bytes sent and not yet taken by the kernel.
    package var pendingBytes: Int { stream.pendingBytes }

    /// Queues bytes of the stream: one or more encoded events. They leave at the end of the loop's turn. Ignored after
    /// the end. A reader that is too slow for them is cut, and `onClosed` says so.
    package func send(_ bytes: SharedBytes) {
        guard isOpen else { return }
        enqueue(bytes)
        guard stream.pendingBytes > context.limits.eventStreamPending else { return }
        // A burst within one turn is no slowness: what the kernel does not take now is.
        isSending = true
        stream.flushAtTurnEnd()
        if end == nil, stream.pendingBytes > context.limits.eventStreamPending { cut(.slowReader) }
        isSending = false
    }

    /// Ends the stream after what was sent has left, within the bounds of a stall.
    package func close() {
        guard isOpen else { return }
        isFinishing = true
        guard stream.pendingBytes == 0 else { return }
        isSending = true
        cut(.finished)
        isSending = false
    }

    // MARK: The server's side

    func beginDraining() {
        guard isOpen else { return }
        let callback = onShutdown
        onShutdown = nil
        if let callback { callback() } else { close() }
    }

    func closeNow() {
        cut(isFinishing ? .finished : .shutdown)
    }

    func tick() {
        guard end == nil else { return }
        if stream.pendingBytes > 0 {
            let takenBytes = sentBytes - stream.pendingBytes
            stuckTicks = takenBytes == takenBytesAtTick ? stuckTicks + 1 : 0
            takenBytesAtTick = takenBytes
            if stuckTicks > context.stallTicks { cut(.stalled) }
            return
        }
        stuckTicks = 0
        takenBytesAtTick = sentBytes
        quietTicks = sentSinceTick ? 0 : quietTicks + 1
        sentSinceTick = false
        if quietTicks >= context.heartbeatTicks {
            quietTicks = 0
            enqueue(onHeartbeat?() ?? context.ping)
        }
    }

    // MARK: -

    private func enqueue(_ bytes: SharedBytes) {
        sentBytes += bytes.count
        sentSinceTick = true
        stream.enqueue(bytes)
    }

    private func cut(_ reason: EventStreamEnd) {
        guard end == nil else { return }
        end = reason
        stream.close()
    }

    private func streamDidClose() {
        if end == nil { end = .peerClosed }
        context.remove(self)
        onDrained = nil
        onHeartbeat = nil
        onShutdown = nil
        deliverEnd(later: isSending)
    }

    private func deliverEnd(later: Bool) {
        guard let callback = onClosed, let end else { return }
        onClosed = nil
        deliver(later: later) { callback(end) }
    }

    private func streamDidDrain() {
        if isFinishing {
            cut(.finished)
        } else if let onDrained {
            deliver(later: isSending, onDrained)
        }
    }

    /// At once when the loop called us, later in the turn when the owner of the callback did.
    private func deliver(later: Bool, _ callback: @escaping () -> Void) {
        guard later else { return callback() }
        let delivery = Delivery(callback)
        loop.execute { delivery.callback() }
    }

    /// Carries a loop's closure through its own queue.
    private final class Delivery: @unchecked Sendable {
        let callback: () -> Void

        init(_ callback: @escaping () -> Void) {
            self.callback = callback
        }
    }
}
