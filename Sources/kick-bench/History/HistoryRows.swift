import Model
import Net
import Postgres
import ProcessKit
import Store

/// Lines about a log of millions of events: what it costs to come back to it, to look into it, to append to it, and to
/// forget its old end. Measured where the gateway asks, so that the cost of HTTP is not in them.
enum HistoryRows {
    /// Events a reader or a page fetches at once.
    static let page = 100

    static func measure(_ options: Options) async throws -> (rows: [Row], postgres: String?) {
        let stage = try await LogStage.set(events: options.events, in: options.directory)
        let task = Task(executorPreference: stage.loop) {
            try await rows(on: stage, count: options.isQuick ? 100 : 1000)
        }
        let result = await task.result
        await stage.stop()
        return (try result.get(), stage.postgresVersion)
    }

    private static func rows(on stage: LogStage, count: Int) async throws -> [Row] {
        let appends = AppendRows(stage: stage, count: count)
        let before = try await appends.measure(log: "an empty log")
        try await stage.clear()
        let start = Deadline.now()
        try await stage.filling.fill { day in complain("history: \(day) of \(LogPlan.days) days are filled") }
        let seconds = Double(Deadline.now().nanoseconds - start.nanoseconds) / 1e9

        var log = Row(name: "history-log", title: "the log", unit: "event")
        log.operations = Int(stage.plan.eventCount)
        log.perSecond = Double(log.operations) / seconds
        let gigabytes = Double(try await stage.size()) / 1e9
        log.details = ["gigabytes": gigabytes, "largest_tenant_events": Double(stage.plan.largest.events)]
        log.notes = [
            "\(LogPlan.days) days, \(LogPlan.tenantCount) tenants, \(Int(stage.plan.largest.events).grouped) events of one",
            "\(gigabytes.text(1)) GB with indices",
        ]
        var rows = [log]
        rows += try await ReadRows(stage: stage, count: count).measure()
        rows += before
        for (index, var row) in try await appends.measure(log: "the long log").enumerated() {
            if let now = row.cpuMicroseconds, let then = before[index].cpuMicroseconds,
                let p50 = row.p50Milliseconds, let p50Then = before[index].p50Milliseconds
            {
                row.details["ratio_cpu"] = now / then
                row.notes.append("CPU × \((now / then).text(2)), p50 × \((p50 / p50Then).text(2)) of that")
            }
            rows.append(row)
        }
        return rows + (try await RetentionRows(stage: stage).measure())
    }
}

extension LogStage {
    /// Empties the logs.
    fileprivate func clear() async throws {
        try await database.execute("TRUNCATE events")
        try await database.execute("UPDATE event_logs SET last_seq = 0, first_seq = 1")
    }
}
