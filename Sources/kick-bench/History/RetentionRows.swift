import Model
import Net
import ProcessKit
import Store
import Synchronization

/// What the end of the oldest day costs those who append and read meanwhile.
struct RetentionRows {
    let stage: LogStage

    /// Seconds before and after the drop.
    private static let margin = 3.0

    func measure() async throws -> [Row] {
        [try await drop()] + (try await shortened())
    }

    /// Drops the partition of the oldest day while others append and read without a pause.
    private func drop() async throws -> Row {
        let work = Work()
        let writer = stage.loop.spawn { [appends = AppendRows(stage: stage, count: 0)] in
            await work.repeating(\.appends) { _ = try await stage.log.append(appends.batch(8)) }
        }
        let reader = stage.loop.spawn { [tenant = stage.plan.largest] in
            await work.repeating(\.reads) {
                _ = try await stage.log.slice(
                    after: tenant.events - 100, limits: EventSliceLimits(count: HistoryRows.page), in: tenant.id)
            }
        }
        try await sleep(for: .seconds(1))
        work.reset()
        try await sleep(for: .seconds(Self.margin))
        let quiet = work.times
        work.reset()
        let start = Deadline.now()
        var attempts = 1
        let age = Duration.seconds(Int64(LogPlan.days - 2) * 86_400)
        while true {
            do {
                let dropped = try await stage.log.dropPartitions(olderThan: age)
                guard dropped == 1 else { throw ProcessError("\(dropped) partitions were dropped instead of one") }
                break
            } catch let error as any Unavailability {
                attempts += 1
                guard attempts < 20 else { throw error }
                try await sleep(for: .milliseconds(200))
            }
        }
        let taken = Deadline.now().nanoseconds - start.nanoseconds
        try await sleep(for: .seconds(Self.margin))
        work.stop()
        await writer.value
        await reader.value
        if let failure = work.failure { throw ProcessError("while a partition was dropped: \(failure)") }
        try await check()

        var row = Row(name: "history-retention", title: "drop the oldest day while others append and read", unit: "day")
        row.operations = 1
        row.p50Milliseconds = Double(taken) / 1e6
        let (during, before) = (work.times, quiet)
        row.details = [
            "longest_append_milliseconds": Double(during.appends.greatest) / 1e6,
            "longest_read_milliseconds": Double(during.reads.greatest) / 1e6,
            "attempts": Double(attempts),
        ]
        row.notes = [
            "append of 8 p50 / p99 / longest \(during.appends.spreadText), without the drop \(before.appends.spreadText)",
            "read \(during.reads.spreadText), without \(before.reads.spreadText)",
            "every log begins where it must",
        ]
        if attempts > 1 { row.notes.append("\(attempts) attempts") }
        return row
    }

    /// Each log begins with the first event of the second day.
    private func check() async throws {
        for tenant in stage.plan.tenants {
            let expected = tenant.events / Int64(LogPlan.days) + 1
            let first = try await stage.log.position(in: tenant.id).first
            guard first == expected else {
                throw ProcessError("the log of tenant \(tenant.number) begins with \(first) instead of \(expected)")
            }
        }
    }

    /// A tenant that keeps its events for a shorter time than the deployment.
    private func shortened() async throws -> [Row] {
        try await stage.log.keep(.seconds(Int64(LogPlan.days - 3) * 86_400), in: stage.plan.largest.id)
        var removed = 0
        let rows = [
            try await stage.row("expire", "remove 5,000 events of a tenant that keeps less", unit: "batch", count: 5) {
                _ in
                removed += try await stage.log.removeExpired(limit: 5000)
            }
        ]
        try await stage.log.keep(.seconds(Int64(LogPlan.days) * 86_400), in: stage.plan.largest.id)
        return rows + [
            try await stage.row("expire-nothing", "the same with nothing to remove", unit: "look", count: 100) { _ in
                guard try await stage.log.removeExpired(limit: 5000) == 0 else { throw ProcessError("something went") }
            }
        ]
    }

    /// What goes on meanwhile.
    private final class Work: Sendable {
        struct Times: Sendable {
            var appends = Histogram()
            var reads = Histogram()
        }

        private let state = Mutex((times: Times(), isStopped: false, failure: String?.none))

        var times: Times { state.withLock { $0.times } }
        var failure: String? { state.withLock { $0.failure } }

        func reset() { state.withLock { $0.times = Times() } }
        func stop() { state.withLock { $0.isStopped = true } }

        func repeating(
            _ kind: any WritableKeyPath<Times, Histogram> & Sendable, _ body: @Sendable () async throws -> Void
        ) async {
            while !state.withLock({ $0.isStopped }) {
                let start = Deadline.now()
                do {
                    try await body()
                } catch {
                    return state.withLock { $0.failure = "\(error)" }
                }
                let time = Deadline.now().nanoseconds - start.nanoseconds
                state.withLock { $0.times[keyPath: kind].add(nanoseconds: time) }
            }
        }
    }
}
