import HTTP
import Net

/// Reads one request's body from its connection when the handler asks for it. Loop-bound.
final class BodyReader: @unchecked Sendable {
    private enum Framing {
        case remaining(Int)
        case chunked(ChunkedDecoder)
    }

    private let connection: ServerConnection
    private var framing: Framing
    /// Whether `100 Continue` is still owed.
    private var owesContinue: Bool
    private var collected: [UInt8] = []
    private var isFinished = false
    private var skipFailed = false
    /// What went wrong while reading.
    private(set) var failure: RequestError?

    init(head: RequestHead, connection: ServerConnection) {
        self.connection = connection
        owesContinue = head.expectsContinue
        framing =
            if case .length(let count) = head.framing {
                .remaining(count)
            } else {
                .chunked(ChunkedDecoder(limits: connection.context.limits.parse))
            }
    }

    var isComplete: Bool {
        switch framing {
        case .remaining(let count): count == 0
        case .chunked(let decoder): decoder.isComplete
        }
    }

    /// All of the body. Throws `bodyTooLarge` without reading when its length is known to be over the limit.
    func collect(upTo limit: Int) async throws(RequestError) -> [UInt8] {
        connection.context.loop.preconditionOnLoop()
        let limit = min(limit, 1 << 40)
        if let failure { throw failure }
        guard collected.count <= limit else { throw .bodyTooLarge(limit: limit) }
        if isComplete { return collected }
        guard !isFinished else { throw .disconnected }
        if case .remaining(let count) = framing {
            guard count <= limit - collected.count else { throw .bodyTooLarge(limit: limit) }
            // Announced is not sent: memory grows with what arrives.
            collected.reserveCapacity(min(count, 65_536))
        }
        let deadline = Deadline.after(connection.context.limits.bodyTime)
        do throws(RequestError) {
            try await sendContinue()
            while true {
                // One byte more than allowed shows that there is more than allowed.
                try take(atMost: limit - collected.count + 1, to: &collected)
                guard collected.count <= limit else { throw .bodyTooLarge(limit: limit) }
                if isComplete { return collected }
                try await receive(deadline: deadline)
            }
        } catch {
            failure = error
            throw error
        }
    }

    /// The handler is done: nobody may read any more. Uses up what has arrived already.
    func finish() {
        isFinished = true
        if !isOutOfStep { skipArrived() }
    }

    /// Whether the connection can go on after this body: it has ended, or a bounded rest can be dropped.
    var canBeSkipped: Bool {
        if isComplete { return true }
        // A client that was not told to continue may send the body or not: what follows cannot be told apart
        // (RFC 9110 §10.1.1).
        guard !isOutOfStep, !owesContinue else { return false }
        if case .remaining(let count) = framing { return count <= connection.context.limits.unreadBody }
        return true
    }

    /// Reads and drops the rest; false when it is too much, too slow or broken.
    func skip() async -> Bool {
        let deadline = Deadline.after(connection.context.limits.bodyTime)
        var budget = connection.context.limits.unreadBody
        while true {
            let arrived = connection.available
            skipArrived()
            if isComplete { return true }
            budget -= arrived - connection.available
            guard budget > 0, !isOutOfStep, (try? await receive(deadline: deadline)) != nil else { return false }
        }
    }

    // MARK: -

    /// Whether the end of the body cannot be found any more.
    private var isOutOfStep: Bool {
        if case .bodyTooLarge = failure { skipFailed } else { failure != nil || skipFailed }
    }

    private func skipArrived() {
        var dropped: [UInt8] = []
        while connection.available > 0, !isComplete {
            dropped.removeAll(keepingCapacity: true)
            do throws(RequestError) {
                try take(atMost: 65_536, to: &dropped)
            } catch {
                // The handler has answered by now; that its client went wrong afterwards changes nothing about it.
                skipFailed = true
                return
            }
        }
    }

    /// Moves what has arrived of the body to `target`.
    private func take(atMost maximum: Int, to target: inout [UInt8]) throws(RequestError) {
        guard connection.available > 0 else { return }
        switch framing {
        case .remaining(let count):
            let taken = min(count, connection.available, maximum)
            let start = connection.inputStart
            target.append(contentsOf: connection.input[start..<start + taken])
            framing = .remaining(count - taken)
            connection.consume(taken)
        case .chunked(var decoder):
            let used: Int
            do throws(ParseError) {
                used = try decoder.decode(
                    connection.input, from: connection.inputStart, into: &target, atMost: maximum)
            } catch {
                throw .malformedBody(error)
            }
            framing = .chunked(decoder)
            connection.consume(used)
        }
    }

    private func receive(deadline: Deadline) async throws(RequestError) {
        do throws(NetError) {
            guard try await connection.receive(deadline: deadline) > 0 else { throw NetError(.closed, during: "read") }
        } catch {
            throw error.kind == .timedOut ? .bodyTimedOut : .disconnected
        }
    }

    /// RFC 9110 §10.1.1: sent when the body is wanted, and not when a part of it is here already.
    private func sendContinue() async throws(RequestError) {
        guard owesContinue else { return }
        owesContinue = false
        guard connection.available == 0 else { return }
        Serializer.appendContinue(to: &connection.output)
        do throws(NetError) {
            try await connection.flush()
        } catch {
            throw .disconnected
        }
    }
}
