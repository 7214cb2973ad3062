import Net

/// What has to happen when the task that makes a call is cancelled. Loop-bound.
///
/// A call waits for different things one after the other (a connection, bytes), and each says here how to end it.
final class CallScope: @unchecked Sendable {
    let loop: Loop
    private(set) var isCancelled = false
    private var interrupt: (() -> Void)?

    init(loop: Loop) {
        self.loop = loop
    }

    /// Runs `operation` and has what it waits for ended when the present task is cancelled.
    func run<R>(_ operation: () async -> R) async -> R {
        await withTaskCancellationHandler {
            await operation()
        } onCancel: {
            loop.execute { self.cancel() }
        }
    }

    /// Replaces what a cancellation does; nil when there is nothing to end. Done at once when it has come already.
    func onCancel(_ interrupt: (() -> Void)?) {
        loop.preconditionOnLoop()
        if isCancelled { interrupt?() } else { self.interrupt = interrupt }
    }

    private func cancel() {
        isCancelled = true
        let interrupt = interrupt
        self.interrupt = nil
        interrupt?()
    }
}
