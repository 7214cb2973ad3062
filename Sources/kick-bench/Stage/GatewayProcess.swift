import CLinux
import FoundationEssentials
import Glibc
import Net

/// `kick-gateway serve` as it is shipped, as a child process with a private PostgreSQL in a directory of its own.
struct GatewayProcess: Sendable {
    let pid: Int32
    let address: SocketAddress
    /// From the start of the process until it listened; the making of the database is in it.
    let startTime: Duration
    private let directory: String

    /// How the gateway believes to be reached; only the path of its links is used.
    static let publicURL = "http://gateway.bench.invalid"
    private static let patience = Duration.seconds(120)

    /// Starts it and returns when it listens.
    ///
    /// - Parameters:
    ///   - program: path of the executable.
    ///   - parent: where its directory is made.
    ///   - settings: its environment beyond what every gateway here gets.
    static func start(_ program: String, in parent: String, settings: [String: String]) async throws -> GatewayProcess {
        let directory = try makeDirectory(in: parent)
        try Cleanup.add(directory: directory)
        let log = "\(directory)/log"
        let begin = Deadline.now()
        let pid = try Cleanup.start { try spawn(program, settings: settings, directory: directory, log: log) }
        let deadline = begin + patience
        while true {
            if let address = listeningAddress(in: Files.text(log) ?? "") {
                let time = Duration.nanoseconds(Deadline.now().nanoseconds - begin.nanoseconds)
                return GatewayProcess(pid: pid, address: address, startTime: time, directory: directory)
            }
            guard waitpid(pid, nil, WNOHANG) == 0, !deadline.hasPassed else {
                throw BenchError("the gateway did not start:\n\(tail(of: log))")
            }
            try await sleep(for: .milliseconds(20))
        }
    }

    /// Stops it and removes its data. Blocks.
    func stop() {
        Cleanup.stop(pid, patience: 30)
        Cleanup.remove(directory)
    }

    /// The last lines that it wrote.
    var lastWords: String { Self.tail(of: "\(directory)/log") }

    // MARK: -

    private static func makeDirectory(in parent: String) throws -> String {
        var template = Array("\(parent)/kick-bench-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw BenchError("cannot make a directory in \(parent)") }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The user that PostgreSQL runs as must be able to pass.
        if geteuid() == 0 { _ = unsafe chmod(path, 0o711) }
        return path
    }

    private static func spawn(
        _ program: String, settings: [String: String], directory: String, log: String
    ) throws -> Int32 {
        let output = unsafe open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0o600)
        guard output >= 0 else { throw BenchError("cannot write \(log)") }
        defer { close(output) }
        var environment = settings
        environment["GATEWAY_DATA_DIR"] = "\(directory)/data"
        environment["GATEWAY_LISTEN"] = "127.0.0.1:0"
        environment["GATEWAY_PUBLIC_URL"] = publicURL
        // Nothing else of ours: a DATABASE_URL or a log level that is set here would change what is measured.
        for name in ["PATH", "HOME", "LD_LIBRARY_PATH"] {
            environment[name] = ProcessInfo.processInfo.environment[name]
        }
        return try ChildProcess.spawn(program, ["serve"], environment: environment, output: output)
    }

    private static func listeningAddress(in log: String) -> SocketAddress? {
        guard let line = log.split(separator: "\n").first(where: { $0.contains("\"listening\"") }),
            let range = line.firstRange(of: "\"address\":\"")
        else { return nil }
        return SocketAddress(parsing: String(line[range.upperBound...].prefix { $0 != "\"" }))
    }

    private static func tail(of log: String) -> String {
        (Files.text(log) ?? "").split(separator: "\n").suffix(10).joined(separator: "\n")
    }
}

/// Starting programs.
enum ChildProcess {
    /// Starts a program whose standard output and error go to `output`. The kernel ends it when the calling thread ends.
    static func spawn(
        _ program: String, _ arguments: [String], environment: [String: String], output: Int32
    ) throws -> Int32 {
        // A session of its own: Ctrl-C reaches this program alone, which then stops things in order.
        var options = unsafe clinux_spawn_options(
            uid: 0, gid: 0, change_user: 0, parent_death_signal: SIGTERM, stdout_descriptor: output,
            stderr_descriptor: output, new_session: 1, directory: nil)
        var words = unsafe ([program] + arguments).map { unsafe strdup($0) }
        var variables = unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") }
        unsafe words.append(nil)
        unsafe variables.append(nil)
        defer { unsafe (words + variables).forEach { unsafe free($0) } }
        let pid = unsafe clinux_spawn(program, &words, &variables, &options)
        guard pid > 0 else { throw BenchError("cannot start \(program): \(unsafe String(cString: strerror(errno)))") }
        return pid
    }

    /// What a program that ends by itself writes.
    static func output(of program: String, _ arguments: [String]) -> String? {
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { return nil }
        defer { close(ends[0]) }
        let pid = try? spawn(program, arguments, environment: [:], output: ends[1])
        close(ends[1])
        guard let pid else { return nil }
        defer { while waitpid(pid, nil, 0) < 0 && errno == EINTR {} }
        return Files.text("/proc/self/fd/\(ends[0])")
    }
}
