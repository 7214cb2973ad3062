package import Net
import Synchronization

/// A value that concurrent parts of a test share.
package final class Box<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    package init(_ value: Value) {
        state = Mutex(value)
    }

    package var value: Value { state.withLock { $0 } }

    package func update(_ body: (inout Value) -> Void) {
        state.withLock { value in
            var copy = value
            body(&copy)
            value = copy
        }
    }
}

/// Runs `body` as a task on the loop and waits for it.
package func onLoop<R: Sendable>(
    _ loop: Loop, _ body: @escaping @Sendable () async throws -> R
) async throws -> R {
    try await Task(executorPreference: loop) { try await body() }.value
}

/// Suspends until `condition` holds, or the test's own time limit cancels a wait in vain. Looks again at once for a while,
/// then every millisecond: many tests wait at the same time, and what they wait for needs the processor.
package func until(_ condition: () async throws -> Bool) async rethrows {
    var looks = 0
    while try await !condition(), !Task.isCancelled {
        looks += 1
        if looks < 100 { await Task.yield() } else { try? await Task.sleep(for: .milliseconds(1)) }
    }
}
