import Net
import ProcessKit

/// A gateway as a child process.
struct Replica: Sendable {
    let process: LoggedProcess

    private static let patience = Duration.seconds(60)

    /// Waits until it answers; where.
    @discardableResult
    func untilListening() async throws -> SocketAddress {
        try await process.untilListening(deadline: .after(Self.patience))
    }

    /// Where it is, once it listens.
    func place() async throws -> ReplicaBoard.Place {
        ReplicaBoard.Place(pid: process.pid, address: try await untilListening())
    }

    /// How it ended; nil while it runs.
    var ending: Cleanup.Ending? { Cleanup.ending(of: process.pid) }

    /// SIGKILL. Nil when it had ended before.
    func kill() async throws -> Cleanup.Ending? {
        try await blocking { Cleanup.kill(process.pid) }
    }

    /// SIGTERM; throws when it does not end as it should.
    @discardableResult
    func stop() async throws -> Cleanup.Ending {
        guard let ending = try await blocking({ Cleanup.stop(process.pid, patience: 60) }) else {
            throw ProcessError("a gateway had ended by itself:\n\(process.lastWords)")
        }
        guard ending.signal == 0, ending.code == 0 else {
            throw ProcessError("a gateway did not stop as it should:\n\(process.lastWords)")
        }
        return ending
    }

    /// Since its start; nil when it has ended.
    var cpuNanoseconds: UInt64? { ProcessAccounting.cpuNanoseconds(of: process.pid) }
}

/// What the logs of gateways say.
struct LogFindings: Sendable {
    var warnings = 0
    var errors = 0
    /// Attempts that a process had begun and not ended, and that were made again.
    var recoveries = 0
    /// Calls without an answer, whole or in part.
    var failures = 0
    /// Lines above `notice`, by their message.
    var messages: [String: Int] = [:]

    static func + (left: LogFindings, right: LogFindings) -> LogFindings {
        LogFindings(
            warnings: left.warnings + right.warnings, errors: left.errors + right.errors,
            recoveries: left.recoveries + right.recoveries, failures: left.failures + right.failures,
            messages: left.messages.merging(right.messages, uniquingKeysWith: +))
    }

    init(
        warnings: Int = 0, errors: Int = 0, recoveries: Int = 0, failures: Int = 0, messages: [String: Int] = [:]
    ) {
        self.warnings = warnings
        self.errors = errors
        self.recoveries = recoveries
        self.failures = failures
        self.messages = messages
    }

    init(log path: String) {
        for line in (Files.text(path) ?? "").utf8.split(separator: UInt8(ascii: "\n")) {
            // Most lines tell of a success and are not looked at any further.
            let isError = Self.contains(line, #""level":"error""#)
            guard isError || Self.contains(line, #""level":"warning""#) else { continue }
            if isError { errors += 1 } else { warnings += 1 }
            let text = String(Substring(line))
            if text.contains("was cut off and is made again") { recoveries += 1 }
            if text.contains("did not succeed and is tried again") { failures += 1 }
            if let range = text.firstRange(of: #""message":""#) {
                messages[String(text[range.upperBound...].prefix { $0 != "\"" }), default: 0] += 1
            }
        }
    }

    /// Each message with its number, the most frequent first.
    var summary: String {
        messages.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) × “\($0.key)”" }
            .joined(separator: ", ")
    }

    private static func contains(_ line: Substring.UTF8View, _ text: String) -> Bool {
        // The level stands behind the time, within the first bytes.
        Substring(line.prefix(80)).contains(text)
    }
}
