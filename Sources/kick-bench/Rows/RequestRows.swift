import Net
import ProcessKit

/// Rows about requests that are answered at once.
enum RequestRows {
    static func hello(_ name: RowName, connections: Int, on stage: Stage) async throws -> Row {
        let request = request("/health/live")
        return try await row(name, connections: connections, on: stage) { request }
    }

    static func read(on stage: Stage) async throws -> Row {
        let request = request("/v1/logins", key: stage.keys[0])
        return try await row(.read, connections: 64, on: stage) { request }
    }

    static func row(
        _ name: RowName, connections: Int, on stage: Stage, request: @escaping @Sendable () -> [UInt8]
    ) async throws -> Row {
        let options = stage.workshop.options
        let load = RequestLoad(
            connections: connections, to: stage.gateway.address, loops: stage.workshop.loops,
            deadline: .after(.seconds(options.seconds + 30)), request: request)
        let (usage, reading) = try await load.measure(
            warmUp: options.isQuick ? 0.5 : 1.5, seconds: options.seconds, on: stage)
        guard reading.operations > 0 else { throw ProcessError("nothing was answered") }
        var row = Row(name)
        row.unit = "request"
        row.operations = reading.operations
        row.perSecond = Double(reading.operations) / usage.seconds
        let database = usage.databaseNanoseconds / 1000 / Double(reading.operations)
        row.cpuMicroseconds = usage.gatewayNanoseconds / 1000 / Double(reading.operations)
        row.details["postgres_cpu_microseconds"] = database
        if database >= 0.5 { row.notes.append("PostgreSQL besides: \(database.shortText) µs") }
        row.take(reading.latencies)
        row.take(usage)
        return row
    }

    static func request(_ path: String, key: String? = nil) -> [UInt8] {
        let fields = key.map { "Authorization: Bearer \($0)\r\n" } ?? ""
        return Array(
            "GET \(path) HTTP/1.1\r\nHost: gateway.bench.invalid\r\nUser-Agent: kick-bench\r\n\(fields)\r\n".utf8)
    }
}
