import FoundationEssentials
import Glibc
package import Net

/// A gateway as a child process that writes its log into a file.
package struct LoggedProcess: Sendable {
    package let pid: Int32
    /// Path of its log.
    package let log: String

    /// Starts it. It gets this environment, `PATH`, `HOME` and `LD_LIBRARY_PATH`, and nothing else of ours.
    package static func start(
        _ program: String, _ arguments: [String], environment: [String: String], log: String
    ) throws -> LoggedProcess {
        let output = unsafe open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0o600)
        guard output >= 0 else { throw ProcessError("cannot write \(log)") }
        defer { close(output) }
        var environment = environment
        for name in ["PATH", "HOME", "LD_LIBRARY_PATH"] {
            environment[name] = ProcessInfo.processInfo.environment[name]
        }
        let variables = environment
        let pid = try Cleanup.start {
            try ChildProcess.spawn(program, arguments, environment: variables, output: output)
        }
        return LoggedProcess(pid: pid, log: log)
    }

    /// Waits until it says where it listens. Throws its last words when it ends instead, or the deadline passes.
    package func untilListening(deadline: Deadline) async throws -> SocketAddress {
        while true {
            if let address = Self.listeningAddress(in: Files.text(log) ?? "") { return address }
            guard Cleanup.ending(of: pid) == nil, !deadline.hasPassed else {
                throw ProcessError("the gateway did not start:\n\(lastWords)")
            }
            try await sleep(for: .milliseconds(20))
        }
    }

    /// How it ended, and the last lines that it wrote.
    package var lastWords: String {
        "process \(pid) \(Cleanup.epitaph(of: pid))\n"
            + (Files.text(log) ?? "").split(separator: "\n").suffix(10).joined(separator: "\n")
    }

    private static func listeningAddress(in log: String) -> SocketAddress? {
        guard let line = log.split(separator: "\n").first(where: { $0.contains("\"listening\"") }),
            let range = line.firstRange(of: "\"address\":\"")
        else { return nil }
        return SocketAddress(parsing: String(line[range.upperBound...].prefix { $0 != "\"" }))
    }
}
