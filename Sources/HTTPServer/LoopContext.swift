import FoundationEssentials
import HTTP
import Net
import Synchronization

/// Something that holds a connection: a ``ServerConnection`` while it serves requests, an ``EventStreamSink`` after it
/// became a stream.
protocol ConnectionMember: AnyObject {
    /// Where it stands in its loop's list.
    var memberIndex: Int { get set }
    /// The server stops: finish what is begun, then close.
    func beginDraining()
    /// The grace is over.
    func closeNow()
    /// Called a few times per heartbeat.
    func tick()
}

/// What the connections of one loop share. Loop-bound.
final class LoopContext: @unchecked Sendable {
    let loop: Loop
    let limits: ServerLimits
    let handler: Handler
    /// Connections of the whole server.
    let connectionCount: SharedCount
    private(set) var isDraining = false
    private var listeners: [Listener] = []
    private var members: [any ConnectionMember] = []
    private var idGenerator = RequestIDGenerator()
    private var dateLine: [UInt8] = []
    private var dateExpiry = Deadline(nanoseconds: 0)
    private var streamCount = 0
    private var ticker: LoopTimer?
    private var drained: CheckedContinuation<Void, Never>?

    /// How many ticks a heartbeat and a stall are.
    let heartbeatTicks: Int
    let stallTicks: Int
    private let tickInterval: Duration
    /// One comment for every stream of the loop.
    let ping = SharedBytes(ServerSentEvent.comment("ping"))

    init(loop: Loop, limits: ServerLimits, connectionCount: SharedCount, handler: @escaping Handler) {
        self.loop = loop
        self.limits = limits
        self.connectionCount = connectionCount
        self.handler = handler
        tickInterval = max(min(limits.heartbeat, limits.eventStreamStall) / 4, .milliseconds(10))
        heartbeatTicks = max(1, Int(limits.heartbeat / tickInterval))
        stallTicks = max(1, Int(limits.eventStreamStall / tickInterval))
    }

    // MARK: Accepting

    func listen(on address: SocketAddress) throws(NetError) -> SocketAddress {
        let listener = try Listener(on: address, loop: loop) { [self] stream, peer in accept(stream, peer) }
        listeners.append(listener)
        return listener.address
    }

    private func accept(_ stream: ByteStream, _ peer: SocketAddress) {
        guard connectionCount.increment(upTo: limits.connections) else {
            ServerConnection.refuse(stream, context: self)
            return
        }
        let connection = ServerConnection(stream: stream, remoteAddress: peer, context: self)
        add(connection)
        loop.spawn { await connection.serve() }
    }

    // MARK: Members

    private func add(_ member: any ConnectionMember) {
        member.memberIndex = members.count
        members.append(member)
    }

    /// Takes a closed connection off the list. Harmless when it is off already.
    func remove(_ member: any ConnectionMember) {
        let index = member.memberIndex
        guard index >= 0 else { return }
        member.memberIndex = -1
        if member is EventStreamSink { streamCount -= 1 }
        let last = members.removeLast()
        if last !== member {
            members[index] = last
            last.memberIndex = index
        }
        connectionCount.decrement()
        if members.isEmpty { finishDraining() }
    }

    /// A connection has become a stream and its task ends.
    func replace(_ connection: ServerConnection, with sink: EventStreamSink) {
        sink.memberIndex = connection.memberIndex
        members[connection.memberIndex] = sink
        connection.memberIndex = -1
        streamCount += 1
        startTicker()
    }

    /// One timer for all streams of the loop: heartbeats and stalls are counted in its ticks.
    private func startTicker() {
        guard ticker == nil else { return }
        ticker = loop.schedule(at: .after(tickInterval)) { [weak self] in
            guard let self else { return }
            ticker = nil
            for member in members { member.tick() }
            if streamCount > 0 { startTicker() }
        }
    }

    // MARK: Draining

    /// Stops accepting, ends what is idle, and returns when every connection is closed, at `deadline` at the latest.
    func drain(until deadline: Deadline) async {
        loop.preconditionOnLoop()
        isDraining = true
        for listener in listeners { listener.close() }
        listeners = []
        for member in members { member.beginDraining() }
        guard !members.isEmpty else { return }
        let timer = loop.schedule(at: deadline) { [self] in
            for member in members { member.closeNow() }
        }
        await withCheckedContinuation { drained = $0 }
        timer.cancel()
    }

    private func finishDraining() {
        let waiting = drained
        drained = nil
        waiting?.resume()
    }

    // MARK: Parts of responses

    func nextRequestID() -> RequestID { idGenerator.next() }

    /// `Date: … CRLF`, made once a second.
    func appendDate(now: Deadline, to output: inout [UInt8]) {
        if now >= dateExpiry {
            let time = Date().timeIntervalSince1970
            let second = time.rounded(.down)
            dateLine = Array("Date: \(HTTPDate.format(Int64(second)))\r\n".utf8)
            dateExpiry = now + .nanoseconds(Int64((second + 1 - time) * 1e9))
        }
        output.append(contentsOf: dateLine)
    }
}

/// A count with a bound that the loops share.
final class SharedCount: Sendable {
    private let value = Atomic<Int>(0)

    var current: Int { value.load(ordering: .relaxed) }

    /// False, and no change, when the bound is reached.
    func increment(upTo bound: Int) -> Bool {
        if value.add(1, ordering: .relaxed).newValue <= bound { return true }
        decrement()
        return false
    }

    func decrement() {
        value.subtract(1, ordering: .relaxed)
    }
}
