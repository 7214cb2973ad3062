import Net
import ProcessKit

/// Rows about memory.
enum MemoryRows {
    private static let streams = 10_000

    /// The gateway process alone; its database has memory of its own.
    static func idle(on stage: Stage) async throws -> Row {
        try await sleep(for: .seconds(1))
        let memory = try memory(of: stage)
        var row = Row(.idleMemory)
        row.unit = "process"
        row.operations = 1
        row.details = [
            "resident_kib": Double(memory.resident), "proportional_kib": Double(memory.proportional),
            "start_seconds": stage.gateway.startTime.seconds,
        ]
        row.notes = [
            "RSS \((Double(memory.resident) / 1024).text(1)) MiB, PSS \((Double(memory.proportional) / 1024).text(1)) MiB",
            "first start, making the database included: \(stage.gateway.startTime.seconds.text(2)) s",
        ]
        return row
    }

    static func streams(on stage: Stage) async throws -> Row {
        let before = try memory(of: stage)
        let sample = stage.sample()
        let readers = StreamReaders(
            keys: [stage.keys[0]], count: streams, capacity: 1, loops: stage.workshop.loops)
        do {
            let seconds = try await readers.connect(to: stage.gateway.address, deadline: .after(.seconds(90)))
            let usage = stage.sample().since(sample)
            try await sleep(for: .seconds(1))
            let after = try memory(of: stage)
            try await readers.check(sent: 0..<0)
            await readers.close()
            let grown = Double(after.resident - before.resident)
            var row = Row(.idleStreams)
            row.unit = "stream"
            row.operations = streams
            row.perSecond = Double(streams) / seconds
            row.cpuMicroseconds = usage.gatewayNanoseconds / 1000 / Double(streams)
            let database = usage.databaseNanoseconds / 1000 / Double(streams)
            row.details = [
                "resident_kib_each": grown / Double(streams), "connect_seconds": seconds,
                "postgres_cpu_microseconds": database,
            ]
            row.notes = [
                "\((grown / Double(streams)).text(2)) KiB of RSS each", "all connected in \(seconds.text(2)) s",
                "CPU is that of connecting; PostgreSQL besides: \(database.shortText) µs",
            ]
            row.take(usage)
            return row
        } catch {
            await readers.close()
            throw error
        }
    }

    private static func memory(of stage: Stage) throws -> (resident: Int, proportional: Int) {
        guard let memory = ProcessAccounting.memory(of: stage.gateway.pid) else {
            throw ProcessError("/proc does not tell the gateway's memory")
        }
        return memory
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
