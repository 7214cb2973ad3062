/// Tells when a descriptor that somebody else reads and writes (libpq) is ready. Loop-bound; it does not own the
/// descriptor and never closes it.
package final class DescriptorWatcher: ReadinessHandler, @unchecked Sendable {
    package let loop: Loop
    package let descriptor: Int32
    private let waiter: StreamWaiter
    private var token: UInt64?
    private var lastReadiness: Readiness = []

    /// Begins watching on the current loop.
    package init(descriptor: Int32) throws(NetError) {
        guard let loop = Loop.current else { preconditionFailure("a watcher needs a loop") }
        self.loop = loop
        self.descriptor = descriptor
        waiter = StreamWaiter(loop: loop)
        // Not armed yet: a one-shot registration without interest reports only errors and hang-ups.
        token = try loop.register(descriptor, mode: .oneShot, interest: [], handler: self)
    }

    /// Suspends until the descriptor is ready for some of `interest`, or has hung up.
    ///
    /// Throws `.timedOut` at the deadline and `.closed` after ``invalidate()``.
    package func wait(for interest: Readiness, until deadline: Deadline) async throws(NetError) -> Readiness {
        loop.preconditionOnLoop()
        guard let token else { throw NetError(.closed, during: "wait") }
        try loop.rearm(descriptor, token: token, interest: interest)
        try await waiter.wait(until: deadline, operation: "wait")
        return lastReadiness
    }

    /// Ends watching. Call it before the descriptor is closed; whoever waits gets `.closed`.
    package func invalidate() {
        loop.preconditionOnLoop()
        guard let token else { return }
        self.token = nil
        loop.deregister(descriptor, token: token)
        waiter.close(with: NetError(.closed, during: "wait"))
    }

    func readinessDidChange(_ readiness: Readiness) {
        lastReadiness = readiness
        waiter.finish(with: nil)
    }
}
