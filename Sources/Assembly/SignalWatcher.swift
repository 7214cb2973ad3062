import Glibc
import Synchronization

/// SIGTERM and SIGINT as something to wait for.
enum SignalWatcher {
    /// Blocks the signals in this thread and in all that it starts from now on. Call it before anything else.
    static func block() {
        var signals = watched()
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Waits for one of them, on a thread of its own, and returns its number. A second one while the program stops ends
    /// it at once: whoever presses Ctrl-C twice means it.
    static func wait() async -> Int32 {
        await withCheckedContinuation { continuation in
            let box = unsafe Unmanaged.passRetained(Waiting(continuation)).toOpaque()
            var thread = pthread_t()
            let code = unsafe pthread_create(
                &thread, nil,
                { argument in
                    guard let argument = unsafe argument else { return nil }
                    let waiting = unsafe Unmanaged<Waiting>.fromOpaque(argument).takeRetainedValue()
                    var signals = SignalWatcher.watched()
                    var number: Int32 = 0
                    unsafe sigwait(&signals, &number)
                    waiting.continuation.resume(returning: number)
                    unsafe sigwait(&signals, &number)
                    _exit(128 + number)
                }, box)
            precondition(code == 0, "pthread_create failed")
            pthread_detach(thread)
        }
    }

    private final class Waiting {
        let continuation: CheckedContinuation<Int32, Never>

        init(_ continuation: CheckedContinuation<Int32, Never>) {
            self.continuation = continuation
        }
    }

    private static func watched() -> sigset_t {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGTERM)
        unsafe sigaddset(&signals, SIGINT)
        return signals
    }
}
