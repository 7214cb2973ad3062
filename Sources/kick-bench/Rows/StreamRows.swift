import ProcessKit

/// Rows about one tenant whose every event goes to a thousand readers.
enum StreamRows {
    private static let readers = 1000
    private static let rate = 40.0
    /// Webhooks under way at once, until every reader has them: more bring more deliveries per write and longer waits.
    private static let windows = [8, 32, 128]
    /// A rate at which deliveries take longer than this is not taken.
    private static let longestP99 = 100.0

    static func paced(on stage: Stage) async throws -> Row {
        let seconds = stage.workshop.options.seconds
        let part = try await FeedRun.with(readers: readers, on: stage) { run in
            _ = try await run.send(Int(rate), senders: 4, pace: .perSecond(rate), patience: 30)
            return try await run.send(
                Int(rate * seconds), senders: 4, pace: .perSecond(rate), patience: seconds + 30)
        }
        return row(.stream, part)
    }

    static func burst(on stage: Stage) async throws -> Row {
        let seconds = stage.workshop.options.seconds / 2
        return try await FeedRun.with(readers: readers, on: stage) { run in
            var best: Row?
            var tried: [String] = []
            for window in windows {
                func send(_ count: Int) async throws -> FeedRun.Part {
                    try await run.send(
                        count, senders: min(window, 32), pace: .window(window), patience: seconds * 4 + 30)
                }
                let trial = try await send(window * 4)
                let part = try await send(max(window * 4, Int(trial.eventsPerSecond * seconds)))
                var row = row(.burst, part)
                row.notes.insert("\(window) webhooks under way", at: 0)
                tried.append("\(window): \(part.deliveriesPerSecond.text(0))/s")
                guard row.p99Milliseconds ?? .infinity <= longestP99 else { continue }
                if part.deliveriesPerSecond > best?.perSecond ?? 0 { best = row }
            }
            guard var best else { throw ProcessError("p99 was above \(longestP99.text(0)) ms with every window") }
            best.notes.append("windows tried: \(tried.joined(separator: ", "))")
            return best
        }
    }

    private static func row(_ name: RowName, _ part: FeedRun.Part) -> Row {
        var row = Row(name)
        row.unit = "delivery"
        row.operations = part.deliveries
        row.perSecond = part.deliveriesPerSecond
        row.cpuMicroseconds = part.usage.gatewayNanoseconds / 1000 / Double(part.deliveries)
        row.take(part.delivered)
        let answered = part.answered.milliseconds(at: 0.5) ?? 0
        row.details["answered_p50_milliseconds"] = answered
        row.notes.append("webhook's answer p50 \(answered.shortText) ms")
        row.take(part.usage)
        return row
    }
}
