import Synchronization

/// Suspends the calling task until the deadline.
///
/// It must run on a loop (``Loop/current``). Throws `CancellationError` as soon as the task is cancelled.
package func sleep(until deadline: Deadline) async throws(CancellationError) {
    guard let loop = Loop.current else { preconditionFailure("sleep(until:) needs a loop") }
    let sleeper = Sleeper(loop: loop)
    await withTaskCancellationHandler {
        await sleeper.wait(until: deadline)
    } onCancel: {
        loop.execute { sleeper.wake() }
    }
    if Task.isCancelled { throw CancellationError() }
}

/// Suspends the calling task, which must run on a loop, for the duration. Throws `CancellationError` when cancelled.
package func sleep(for duration: Duration) async throws(CancellationError) {
    try await sleep(until: .after(duration))
}

/// One waiting task. Loop-bound.
@safe
private final class Sleeper: @unchecked Sendable {
    private let loop: Loop
    private var continuation: UnsafeContinuation<Void, Never>?
    private var timer: LoopTimer?
    private var isAwake = false

    init(loop: Loop) {
        self.loop = loop
    }

    func wait(until deadline: Deadline) async {
        unsafe await withUnsafeContinuation { continuation in
            if isAwake { return unsafe continuation.resume() }
            unsafe self.continuation = continuation
            timer = loop.schedule(at: deadline) { [self] in wake() }
        }
    }

    func wake() {
        isAwake = true
        timer?.cancel()
        timer = nil
        let waiting = unsafe continuation
        unsafe continuation = nil
        unsafe waiting?.resume()
    }
}
