import FoundationEssentials
import ProcessKit

/// The figures as text for people and as JSON for programs.
struct Report: Encodable {
    let machine: Machine
    /// Version of the database, when one was started.
    let postgres: String?
    let isQuick: Bool
    let rows: [Row]

    var markdown: String {
        """
        \(machine.line(postgres: postgres, remark: isQuick ? "quick run" : nil))

        CPU is user and system time of the gateway's threads as the kernel's scheduler accounts it in nanoseconds \
        (`clock_getcpuclockid`), in webhook rows with that of all its PostgreSQL processes; the load generator and the \
        stand-in for Kick share the cores and are not in it. Loopback, no TLS, \(WebhookPool.bodyLength)-byte webhooks, \
        fsync on.

        | What | Operations | Rate | CPU per operation | p50 | p99 | Generator | Notes |
        |---|--:|--:|--:|--:|--:|--:|---|
        \(rows.map(line).joined(separator: "\n"))
        """
    }

    func writeJSON(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(self).write(to: URL(filePath: path))
    }

    private func line(_ row: Row) -> String {
        guard row.failure == nil else {
            let reason = row.failure?.split(separator: "\n").first ?? ""
            return "| \(row.title) | **FAILED** | | | | | | \(reason) |"
        }
        let columns: [String?] = [
            row.title, "\(row.operations.grouped) \(row.operations == 1 ? row.unit : plural(row.unit))",
            row.perSecond.map { "\($0.text(0))/s" }, row.cpuMicroseconds.map { "\($0.shortText) µs" },
            row.p50Milliseconds.map { "\($0.shortText) ms" }, row.p99Milliseconds.map { "\($0.shortText) ms" },
            row.generatorCores.map { "\($0.text(2)) cores" }, row.notes.joined(separator: "; "),
        ]
        return "| " + columns.map { $0 ?? "" }.joined(separator: " | ") + " |"
    }

    private func plural(_ unit: String) -> String {
        unit.hasSuffix("y") ? unit.dropLast() + "ies" : unit + (unit.hasSuffix("ch") ? "es" : "s")
    }
}
