import ProcessKit

/// Rows about webhooks: verified, committed with fsync, and handed to the one reader, of a hundred, whose tenant it is.
enum WebhookRows {
    private static let readers = 100
    private static let senders = 32

    static func fast(on stage: Stage) async throws -> Row {
        let seconds = stage.workshop.options.seconds
        let part = try await FeedRun.with(readers: readers, on: stage) { run in
            // How many fit the time? Signing them ahead takes longer than sending them.
            let trial = try await run.send(3000, senders: senders, pace: .asAnswered, patience: 60)
            return try await run.send(
                max(2000, Int(trial.eventsPerSecond * seconds)), senders: senders, pace: .asAnswered,
                patience: seconds * 4 + 30)
        }
        return row(.webhook, part)
    }

    static func paced(on stage: Stage) async throws -> Row {
        let seconds = stage.workshop.options.seconds
        let part = try await FeedRun.with(readers: readers, on: stage) { run in
            _ = try await run.send(500, senders: senders, pace: .perSecond(1000), patience: 30)
            return try await run.send(
                Int(1000 * seconds), senders: senders, pace: .perSecond(1000), patience: seconds + 30)
        }
        return row(.webhookPaced, part)
    }

    private static func row(_ name: RowName, _ part: FeedRun.Part) -> Row {
        var row = Row(name)
        let (usage, events) = (part.usage, Double(part.events))
        let (gateway, database) = (usage.gatewayNanoseconds / 1000 / events, usage.databaseNanoseconds / 1000 / events)
        row.unit = "event"
        row.operations = part.events
        row.perSecond = part.eventsPerSecond
        row.cpuMicroseconds = gateway + database
        row.details = ["gateway_cpu_microseconds": gateway, "postgres_cpu_microseconds": database]
        row.notes.append("gateway \(gateway.shortText) µs + PostgreSQL \(database.shortText) µs")
        row.take(part.answered)
        if let p50 = part.delivered.milliseconds(at: 0.5), let p99 = part.delivered.milliseconds(at: 0.99) {
            row.details["delivered_p50_milliseconds"] = p50
            row.details["delivered_p99_milliseconds"] = p99
            row.notes.append("times are to the answer; to the reader \(p50.shortText) / \(p99.shortText) ms")
        }
        row.take(usage)
        return row
    }
}
