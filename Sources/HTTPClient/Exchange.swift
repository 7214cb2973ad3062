import HTTP
import Net

/// One request and its answer on one connection. Loop-bound. It has the connection until ``finish()``.
final class Exchange {
    private let origin: Origin
    private let connection: ClientConnection
    private let pool: ClientPool
    private let scope: CallScope
    private var received: [UInt8] = []
    private var decoder = BodyDecoder(.none)
    private var mayKeepConnection = false
    private var isFinished = false
    /// Whether any of the request has been given to the kernel.
    private(set) var requestMayHaveArrived = false
    /// Whether anything of the answer has arrived.
    private var answerHasBegun = false
    /// The connection broke while the request was being written; an answer may have come before.
    private var writeFailure: NetError?

    init(origin: Origin, connection: ClientConnection, pool: ClientPool, scope: CallScope) {
        self.origin = origin
        self.connection = connection
        self.pool = pool
        self.scope = scope
        scope.onCancel { connection.close() }
    }

    /// Whether the request died with a connection that had been idle, before any answer: it met the server's close.
    func diedWithIdleConnection(_ error: ClientError) -> Bool {
        !connection.isFresh && error.kind == .connectionLost && !answerHasBegun
    }

    /// Gives the connection back, or closes it when the answer was not read to its end.
    func finish() {
        guard !isFinished else { return }
        isFinished = true
        scope.onCancel(nil)
        pool.release(connection, isReusable: mayKeepConnection && decoder.isComplete && received.isEmpty)
    }

    // MARK: Sending

    /// Sends the whole request.
    func send(_ request: [UInt8], deadline: Deadline) async throws(ClientError) {
        do throws(NetError) {
            let count = try connection.stream.tryWrite(request)
            requestMayHaveArrived = true
            guard count < request.count else { return }
            try await connection.stream.write(Array(request[count...]), deadline: deadline)
        } catch {
            // A server may answer a request and close before it has read all of it (RFC 9112 §9.6), so look.
            guard requestMayHaveArrived, error.kind == .reset else { throw failure(error) }
            writeFailure = error
        }
    }

    // MARK: Receiving

    /// The head of the final answer; informational ones are skipped (RFC 9110 §15.2).
    func receiveHead(of method: Method, deadline: Deadline) async throws(ClientError) -> ResponseHead {
        // More of them than anybody sends would be another way never to answer.
        for _ in 0..<16 {
            let head = try await nextHead(deadline: deadline)
            // No upgrade was asked for (RFC 9110 §15.2.2).
            guard head.status.code != 101 else { throw violation("unexpected upgrade") }
            if head.status.isInformational { continue }
            let framing = head.framing(for: method)
            decoder = BodyDecoder(framing)
            mayKeepConnection = writeFailure == nil && head.isPersistent(for: method)
            return head
        }
        throw violation("too many informational responses")
    }

    /// Appends what comes next of the body. False: that was all.
    ///
    /// - Parameter room: how many bytes there may still be; more throw `bodyTooLarge`.
    func receiveBody(
        into output: inout [UInt8], room: Int = .max, deadline: Deadline
    ) async throws(ClientError) -> Bool {
        guard !isFinished else { throw failure(NetError(.closed, during: "read")) }
        let before = output.count
        while !decoder.isComplete {
            do throws(ParseError) {
                try decoder.decode(&received, into: &output, room: room)
            } catch {
                throw violation(error.description)
            }
            if output.count > before { return true }
            if decoder.isComplete { break }
            guard received.isEmpty else { throw error(.bodyTooLarge) }
            if try await receive(deadline: deadline) == 0 {
                do throws(ParseError) {
                    try decoder.inputDidEnd()
                } catch {
                    throw self.error(.connectionLost, error.description)
                }
            }
        }
        return false
    }

    /// Throws `bodyTooLarge` when the head announces more than `limit` bytes.
    func checkAnnounced(_ head: ResponseHead, of method: Method, limit: Int) throws(ClientError) {
        if case .length(let count) = head.framing(for: method), count > limit { throw error(.bodyTooLarge) }
    }

    private func nextHead(deadline: Deadline) async throws(ClientError) -> ResponseHead {
        var parser = ResponseParser()
        while true {
            do throws(ParseError) {
                if let (head, consumed) = try parser.parse(received.span) {
                    received.removeFirst(consumed)
                    return head
                }
            } catch {
                throw violation(error.description)
            }
            if try await receive(deadline: deadline) == 0 {
                throw error(
                    .connectionLost, answerHasBegun ? "the response ended in its head" : "closed without a response")
            }
        }
    }

    private func receive(deadline: Deadline) async throws(ClientError) -> Int {
        do throws(NetError) {
            let count = try await connection.stream.read(into: &received, deadline: deadline)
            if count > 0 { answerHasBegun = true }
            return count
        } catch {
            throw failure(writeFailure ?? error)
        }
    }

    // MARK: Failing

    private func failure(_ error: NetError) -> ClientError {
        if scope.isCancelled { return self.error(.cancelled) }
        switch error.kind {
        case .timedOut: return self.error(.timedOut)
        case .cancelled: return self.error(.cancelled)
        default: return self.error(.connectionLost, error.description)
        }
    }

    private func violation(_ reason: String) -> ClientError { error(.protocolViolation, reason) }

    private func error(_ kind: ClientError.Kind, _ reason: String? = nil) -> ClientError {
        ClientError(kind, origin, requestMayHaveArrived: requestMayHaveArrived, reason: reason)
    }
}
