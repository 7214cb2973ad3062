import Model
import Net
package import Store
import Telemetry

/// Sees to it that there is a partition for every day to come, and that events go when they are older than they are kept.
/// Readers whose cursor is older still are told (P11).
package struct Retention: Sendable {
    private static let interval = Duration.seconds(60)
    /// Rows of a tenant in one statement, for tenants that keep less than the deployment: short enough not to hold
    /// anybody up.
    private static let batch = 5000
    private static let report = Log("retention")

    private let log: EventLog
    private let keep: Duration

    package init(log: EventLog, keep: Duration) {
        self.log = log
        self.keep = keep
    }

    /// Makes partitions and removes, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            await keepPartitions()
            await dropPartitions()
            let removed = await removeExpired()
            try? await sleep(for: removed >= Self.batch ? .milliseconds(50) : Self.interval)
        }
    }

    private func keepPartitions() async {
        do {
            let made = try await log.keepPartitions()
            if made > 0 { Self.report.info("partitions made", ["count": .int(made)]) }
        } catch {
            Self.report.error("partitions could not be made", ["error": .string("\(error)")])
        }
    }

    private func dropPartitions() async {
        do {
            let dropped = try await log.dropPartitions(olderThan: keep)
            if dropped > 0 { Self.report.info("old partitions dropped", ["count": .int(dropped)]) }
        } catch {
            // Somebody reads or writes just now.
            Self.report.notice("old partitions are dropped later", ["error": .string("\(error)")])
        }
    }

    private func removeExpired() async -> Int {
        do {
            let removed = try await log.removeExpired(limit: Self.batch)
            if removed > 0 { Self.report.info("events removed", ["count": .int(removed)]) }
            return removed
        } catch {
            Self.report.warning("events could not be removed", ["error": .string("\(error)")])
            return 0
        }
    }
}
