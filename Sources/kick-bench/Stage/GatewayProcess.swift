import Net
import ProcessKit

/// `kick-gateway serve` as it is shipped, as a child process with a private PostgreSQL in a directory of its own.
struct GatewayProcess: Sendable {
    let address: SocketAddress
    /// From the start of the process until it listened; the making of the database is in it.
    let startTime: Duration
    private let process: LoggedProcess
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
        let directory = try Files.makeTemporaryDirectory(in: parent, prefix: "kick-bench")
        // Nothing else of ours: a DATABASE_URL or a log level that is set here would change what is measured.
        var environment = settings
        environment["GATEWAY_DATA_DIR"] = "\(directory)/data"
        environment["GATEWAY_LISTEN"] = "127.0.0.1:0"
        environment["GATEWAY_PUBLIC_URL"] = publicURL
        let begin = Deadline.now()
        let process = try LoggedProcess.start(program, ["serve"], environment: environment, log: "\(directory)/log")
        let address = try await process.untilListening(deadline: begin + patience)
        let time = Duration.nanoseconds(Deadline.now().nanoseconds - begin.nanoseconds)
        return GatewayProcess(address: address, startTime: time, process: process, directory: directory)
    }

    var pid: Int32 { process.pid }

    /// Stops it and removes its data. Blocks.
    func stop() {
        Cleanup.stop(pid, patience: 30)
        Cleanup.remove(directory)
    }

    /// The last lines that it wrote.
    var lastWords: String { process.lastWords }
}
