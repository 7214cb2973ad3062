import HTTP
import Net

/// One connection while it serves requests: reads heads, has them answered in order, writes, keeps alive or closes.
/// Loop-bound; its task lives as long as it does.
final class ServerConnection: ConnectionMember, TurnEndFlushable, @unchecked Sendable {
    /// Why serving ends early.
    enum Ending: Error {
        /// Answer this, then close.
        case refuse(Status, detail: String)
        /// Nobody listens any more, or nothing is to be said.
        case hangUp
    }

    let stream: ByteStream
    let remoteAddress: SocketAddress
    let context: LoopContext
    var memberIndex = -1

    private var parser: RequestParser
    /// What has arrived and is not yet used begins at `inputStart`.
    private(set) var input: [UInt8] = []
    private(set) var inputStart = 0
    /// What is to be written begins at `outputStart`.
    var output: [UInt8] = []
    private var outputStart = 0
    private var willFlushAtTurnEnd = false
    /// A piece is on its way: nothing may overtake it.
    private var isFlushing = false

    /// Whether the connection stands between two requests, with nothing of the next one read.
    private var isIdle = false
    private var isFirstRequest = true
    private(set) var peerClosed = false

    /// What a buffer may keep between two requests, in bytes.
    private static let keptCapacity = 16_384

    init(stream: ByteStream, remoteAddress: SocketAddress, context: LoopContext) {
        self.stream = stream
        self.remoteAddress = remoteAddress
        self.context = context
        parser = RequestParser(limits: context.limits.parse)
    }

    // MARK: Serving

    func serve() async {
        var outcome = Outcome.close(linger: false)
        do {
            repeat {
                guard let head = try await nextHead() else { break }
                outcome = try await respond(to: head)
            } while outcome == .keep
            if outcome == .becameStream { return }
            try await flush()
        } catch Ending.refuse(let status, let detail) {
            await refuse(status, detail)
            outcome = .close(linger: true)
        } catch {
            outcome = .close(linger: false)
        }
        if case .close(true) = outcome { await linger() }
        closeNow()
    }

    /// What a request leaves its connection in.
    enum Outcome: Equatable {
        case keep
        /// `linger` when the peer may have sent, or be sending, what we will not read.
        case close(linger: Bool)
        case becameStream
    }

    /// The next request's head, after the responses so far have been written. Nil when there will be none.
    private func nextHead() async throws -> RequestHead? {
        var headDeadline: Deadline?
        while true {
            do throws(ParseError) {
                if let head = try parseHead() { return head }
            } catch {
                throw Ending.refuse(error.status, detail: error.description)
            }
            let hasBegun = parser.hasBegun(after: available)
            if outputStart < output.count { try await flush() }
            if !hasBegun, context.isDraining { return nil }
            if hasBegun, headDeadline == nil { headDeadline = .after(context.limits.headTime) }
            isIdle = !hasBegun
            defer { isIdle = false }
            let silence = isFirstRequest ? context.limits.headTime : context.limits.idleTime
            do throws(NetError) {
                guard try await receive(deadline: headDeadline ?? .after(silence)) > 0 else { return nil }
            } catch {
                guard error.kind == .timedOut, hasBegun else { return nil }
                throw Ending.refuse(.requestTimeout, detail: "The request's head did not arrive in time.")
            }
        }
    }

    private func parseHead() throws(ParseError) -> RequestHead? {
        guard available > 0, let parsed = try parser.parse(input, from: inputStart) else {
            return nil
        }
        consume(parsed.consumed)
        isFirstRequest = false
        return parsed.head
    }

    // MARK: Input

    var available: Int { input.count - inputStart }

    func consume(_ count: Int) {
        inputStart += count
        guard inputStart == input.count else { return }
        inputStart = 0
        if input.capacity > ServerConnection.keptCapacity {
            input = []
        } else {
            input.removeAll(keepingCapacity: true)
        }
    }

    /// Appends what arrives to `input`; 0 at the end of the stream.
    func receive(deadline: Deadline) async throws(NetError) -> Int {
        if inputStart > 0 {
            input.removeFirst(inputStart)
            inputStart = 0
        }
        // Moved out: while this task waits, nothing may be in the middle of an access to a stored property.
        var buffer: [UInt8] = []
        swap(&buffer, &input)
        defer { swap(&buffer, &input) }
        let count = try await stream.read(into: &buffer, atMost: 65_536, deadline: deadline)
        if count == 0 { peerClosed = true }
        return count
    }

    // MARK: Output

    /// Writes everything that is queued.
    func flush() async throws(NetError) {
        outputStart += try stream.tryWrite(output, from: outputStart)
        isFlushing = true
        defer { isFlushing = false }
        while outputStart < output.count {
            // The peer is slow: what is left goes in pieces, each with a deadline of its own.
            let end = min(outputStart + 262_144, output.count)
            let piece = Array(output[outputStart..<end])
            outputStart = end
            try await stream.write(piece, deadline: .after(context.limits.writeTime))
        }
        resetOutput()
    }

    /// Has what is queued written at the end of the loop's turn: called before something that may take its time.
    func flushSoon() {
        guard outputStart < output.count, !willFlushAtTurnEnd else { return }
        willFlushAtTurnEnd = true
        context.loop.flushAtTurnEnd(self)
    }

    func flushAtTurnEnd() {
        willFlushAtTurnEnd = false
        // An error shows again at the next write of the task.
        guard !isFlushing, outputStart < output.count,
            let count = try? stream.tryWrite(output, from: outputStart)
        else { return }
        outputStart += count
        if outputStart == output.count { resetOutput() }
    }

    /// What is queued, taken off the queue.
    func takeOutput() -> [UInt8] {
        let bytes = outputStart == 0 ? output : Array(output[outputStart...])
        output = []
        outputStart = 0
        return bytes
    }

    private func resetOutput() {
        outputStart = 0
        if output.capacity > ServerConnection.keptCapacity {
            output = []
        } else {
            output.removeAll(keepingCapacity: true)
        }
    }

    // MARK: Ending

    /// Answers a request that cannot be understood. The responses before it go out first.
    private func refuse(_ status: Status, _ detail: String) async {
        let id = context.nextRequestID()
        let response = Response.problem(status, detail: detail, requestID: id)
        appendHead(response, framing: .length(response.byteCount), id: id, isPersistent: false, isHTTP10: false)
        if case .bytes(let body) = response.body { output.append(contentsOf: body) }
        try? await flush()
    }

    /// 503 for a connection above the bound, as well as one write can.
    static func refuse(_ stream: ByteStream, context: LoopContext) {
        let response = Response.problem(.serviceUnavailable, detail: "There are too many connections.")
        var bytes: [UInt8] = []
        var fields = response.fields
        fields.append(.retryAfter, "1")
        Serializer.append(
            response: response.status, fields: fields, framing: .length(response.byteCount), isPersistent: false,
            to: &bytes)
        if case .bytes(let body) = response.body { bytes.append(contentsOf: body) }
        _ = try? stream.tryWrite(bytes)
        stream.close()
    }

    /// RFC 9112 §9.6: half-close, then read until the peer closes too, within bounds, so that a reset does not
    /// overtake the response.
    private func linger() async {
        guard stream.isOpen, !peerClosed else { return }
        stream.shutdownWrite()
        let deadline = Deadline.after(context.limits.lingerTime)
        var dropped = available
        var buffer: [UInt8] = []
        while dropped < context.limits.lingerBytes {
            buffer.removeAll(keepingCapacity: true)
            guard let count = try? await stream.read(into: &buffer, atMost: 65_536, deadline: deadline), count > 0
            else { return }
            dropped += count
        }
    }

    func beginDraining() {
        if isIdle { closeNow() }
    }

    func closeNow() {
        stream.close()
        context.remove(self)
    }

    func tick() {}
}

extension Response {
    /// The length of a body of bytes.
    var byteCount: Int {
        if case .bytes(let bytes) = body { bytes.count } else { 0 }
    }
}
