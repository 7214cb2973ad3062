import Net
package import Store
import Telemetry

/// Removes the records of keys that stand for nothing any more.
package struct IdempotencySweep: Sendable {
    private static let interval = Duration.seconds(60)
    /// Rows in one statement: short enough not to hold anybody up.
    private static let batch = 1000
    private static let report = Log("idempotency")

    private let store: IdempotencyStore

    package init(store: IdempotencyStore) {
        self.store = store
    }

    /// Removes, until the task is cancelled. Every replica does so.
    package func run() async {
        while !Task.isCancelled {
            let removed = await removeExpired()
            try? await sleep(for: removed == Self.batch ? .milliseconds(50) : Self.interval)
        }
    }

    private func removeExpired() async -> Int {
        do {
            return try await store.removeExpired(limit: Self.batch)
        } catch {
            if !Task.isCancelled {
                Self.report.warning("old records could not be removed", ["error": .string("\(error)")])
            }
            return 0
        }
    }
}
