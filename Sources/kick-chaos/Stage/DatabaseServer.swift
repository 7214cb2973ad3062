import Glibc
import PostgresCluster
import ProcessKit
import Synchronization

/// A PostgreSQL of this run's own, which can be stopped, killed and started again. Where it is reached stays the same.
final class DatabaseServer: Sendable {
    /// Path of `postgres`.
    let program: String
    let directory: String
    private let cluster: Mutex<PostgresCluster?>
    private let frozen = Mutex<Set<Int32>>([])
    private let urls: @Sendable (_ user: String, _ database: String) -> String

    private static let name = "postgres"

    private init(_ cluster: PostgresCluster, directory: String) {
        program = "\(cluster.binaryDirectory)/postgres"
        self.directory = directory
        self.cluster = Mutex(cluster)
        let pattern = cluster.connectionString(user: "USER", database: "DATABASE")
        urls = { user, database in
            pattern.replacing("USER", with: user).replacing("/DATABASE?", with: "/\(database)?")
        }
    }

    static func start(in directory: String) async throws -> DatabaseServer {
        let server = DatabaseServer(
            try await blocking { try PostgresCluster.start(in: directory, options: options) }, directory: directory)
        try Cleanup.add(server: name) { server.stopNow() }
        return server
    }

    /// As the gateway runs it, with room for more connections: there are several gateways here.
    private static var options: PostgresCluster.Options {
        var options = PostgresCluster.Options()
        options.settings = ["max_connections": "300"]
        return options
    }

    /// A `DATABASE_URL`.
    ///
    /// - Parameter application: what the connections are called in `pg_stat_activity`.
    func url(
        of database: String, user: String = PostgresCluster.owner, application: String = "kick-gateway"
    ) -> String {
        "\(urls(user, database))&application_name=\(application)"
    }

    var maintenanceURL: String { url(of: "postgres", user: PostgresCluster.superuser, application: "kick-chaos") }

    /// Shuts it down: transactions that run are rolled back.
    func stop() async {
        try? await blocking { [self] in stopNow() }
    }

    func startAgain() async throws {
        try await blocking { [self] in
            let fresh = try PostgresCluster.start(in: directory, options: Self.options)
            cluster.withLock { $0 = fresh }
        }
    }

    /// Ends it without any order: whoever is connected finds out by itself, and the next start recovers.
    func stopAtOnce() async {
        if let pid { kill(pid, SIGQUIT) }
        // Else it would be started again after a moment.
        await stop()
    }

    /// Stops the postmaster and all its processes where they are: connections stay, and nothing answers.
    func freeze() {
        guard let pid else { return }
        var all: Set<Int32> = []
        // A process that was being made when its parent was stopped is found by the second look.
        while true {
            let found = Set([pid] + ProcessAccounting.descendantIDs(of: pid))
            if found == all { break }
            for process in found.subtracting(all) { kill(process, SIGSTOP) }
            all = found
        }
        frozen.withLock { $0 = all }
    }

    /// Lets them run on.
    func thaw() {
        for process in frozen.withLock({ frozen in
            defer { frozen = [] }
            return frozen
        }) { kill(process, SIGCONT) }
    }

    /// `kill -9` of the postmaster. It is started again by itself, after a moment. Its number before; nil when it is not
    /// running.
    func killPostmaster() -> Int32? {
        guard let pid else { return nil }
        kill(pid, SIGKILL)
        return pid
    }

    var pid: Int32? { cluster.withLock { $0?.postmasterPID } }

    /// CPU time of the present postmaster and all its processes since its start; nil while it is not running.
    var cpuNanoseconds: UInt64? {
        guard let pid, let own = ProcessAccounting.cpuNanoseconds(of: pid) else { return nil }
        return own + ProcessAccounting.cpuNanosecondsOfDescendants(of: pid)
    }

    private func stopNow() {
        thaw()
        let running = cluster.withLock { cluster in
            defer { cluster = nil }
            return cluster
        }
        running?.stop()
    }
}
