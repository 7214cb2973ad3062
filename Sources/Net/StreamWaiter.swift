/// At most one task that waits until a descriptor is ready in one direction. Loop-bound.
///
/// Its timer is moved only when it fires, so that a new deadline for every request costs nothing.
@safe
final class StreamWaiter {
    private let loop: Loop
    private var continuation: UnsafeContinuation<NetError?, Never>?
    private var deadline = Deadline.never
    private var timer: LoopTimer?
    private var timerDeadline = Deadline.never

    init(loop: Loop) {
        self.loop = loop
    }

    /// Suspends until ``finish(with:)`` or the deadline, which throws `.timedOut`.
    func wait(until deadline: Deadline, operation: StaticString) async throws(NetError) {
        let error: NetError? = unsafe await withUnsafeContinuation { continuation in
            unsafe precondition(self.continuation == nil, "two tasks wait for the same direction of a stream")
            unsafe self.continuation = continuation
            self.deadline = deadline
            armTimer()
        }
        if let error { throw NetError(error.kind, during: operation) }
    }

    /// Resumes the waiting task, if there is one.
    func finish(with error: NetError?) {
        guard let waiting = unsafe continuation else { return }
        unsafe continuation = nil
        unsafe waiting.resume(returning: error)
    }

    /// Ends the waiting for good: the stream is closed.
    func close(with error: NetError) {
        timer?.cancel()
        timer = nil
        finish(with: error)
    }

    private func armTimer() {
        guard deadline != .never, timer == nil || deadline < timerDeadline else { return }
        timer?.cancel()
        timerDeadline = deadline
        timer = loop.schedule(at: deadline) { [weak self] in self?.timerDidFire() }
    }

    private func timerDidFire() {
        timer = nil
        guard unsafe continuation != nil else { return }
        if deadline.hasPassed {
            finish(with: NetError(.timedOut, during: "wait"))
        } else {
            armTimer()
        }
    }
}
