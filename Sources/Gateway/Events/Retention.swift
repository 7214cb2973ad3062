import Model
import Net
package import Store
import Telemetry

/// Removes events that are older than they are kept. Readers whose cursor is older still are told (P11).
package struct Retention: Sendable {
    private static let interval = Duration.seconds(60)
    /// Rows in one statement: short enough not to hold anybody up.
    private static let batch = 5000
    private static let report = Log("retention")

    private let log: EventLog
    private let keep: Duration

    package init(log: EventLog, keep: Duration) {
        self.log = log
        self.keep = keep
    }

    /// Removes, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            let removed = await removeBatch()
            try? await sleep(for: removed == Self.batch ? .milliseconds(50) : Self.interval)
        }
    }

    private func removeBatch() async -> Int {
        do {
            let removed = try await log.removeEvents(before: .now() - keep, limit: Self.batch)
            if removed > 0 { Self.report.info("events removed", ["count": .int(removed)]) }
            return removed
        } catch {
            Self.report.warning("events could not be removed", ["error": .string("\(error)")])
            return 0
        }
    }
}
