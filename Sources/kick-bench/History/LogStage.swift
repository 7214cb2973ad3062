import Crypto
import FoundationEssentials
import Model
import Net
import Postgres
import PostgresCluster
import ProcessKit
import Store

/// A PostgreSQL as the gateway runs it, with the gateway's schema and the logs of a plan.
struct LogStage: Sendable {
    let plan: LogPlan
    let app: AppID
    let database: Database
    let log: EventLog
    let loop: Loop
    let postgresVersion: String?
    private let loops: LoopGroup
    private let cluster: PostgresCluster
    private let directory: String

    private static let name = "history"

    /// With empty logs.
    static func set(events: Int, in parent: String) async throws -> LogStage {
        let directory = try Files.makeTemporaryDirectory(in: parent, prefix: "kick-bench")
        let cluster = try await blocking { try PostgresCluster.start(in: directory) }
        try Cleanup.add(server: name) { cluster.stop() }
        let loops = try LoopGroup(count: 1)
        // Maintenance is the superuser's; the statements that are measured run with the same rights.
        var limits = PoolLimits()
        limits.statementTimeout = .seconds(1800)
        let database = Database(
            options: try ConnectionOptions(
                cluster.connectionString(user: PostgresCluster.superuser, database: PostgresCluster.database)),
            loops: loops, limits: limits)
        _ = try await Migrator(database: database, migrations: try Migration.load(from: migrations())).run()
        let stage = LogStage(
            plan: LogPlan(events: events), app: AppID(unchecked: AppID.prefix + ULID.make().description),
            database: database, log: EventLog(database: database), loop: loops.loops[0],
            postgresVersion: Machine.postgresVersion(of: "\(cluster.binaryDirectory)/postgres"), loops: loops,
            cluster: cluster, directory: directory)
        try await stage.filling.makeTenants()
        return stage
    }

    var filling: LogFilling { LogFilling(plan: plan, app: app, database: database) }

    /// CPU time of the server and all its processes, those that write behind included.
    var cpuNanoseconds: UInt64 {
        guard let pid = cluster.postmasterPID else { return 0 }
        return (ProcessAccounting.cpuNanoseconds(of: pid) ?? 0) + ProcessAccounting.cpuNanosecondsOfDescendants(of: pid)
    }

    /// Bytes of the log with its indices.
    func size() async throws -> Int64 {
        let rows = try await database.query(
            """
            SELECT sum(pg_total_relation_size(inhrelid))::bigint AS bytes FROM pg_inherits
            WHERE inhparent = 'events'::regclass
            """)
        return try rows.first?["bytes", as: Int64.self] ?? 0
    }

    /// Stops the server and removes its data.
    func stop() async {
        await database.shutdown(within: .seconds(5))
        loops.shutdown()
        try? await blocking {
            Cleanup.stop(server: Self.name)
            Cleanup.remove(directory)
        }
    }

    /// The directory `migrations` nearest above the program.
    private static func migrations() throws -> String {
        var directory = URL(filePath: Files.ownProgram).resolvingSymlinksInPath().deletingLastPathComponent()
        for _ in 0..<8 {
            let path = directory.path + "/migrations"
            if FileManager.default.fileExists(atPath: path) { return path }
            directory = directory.deletingLastPathComponent()
        }
        throw ProcessError("there is no directory migrations/ above \(Files.ownProgram)")
    }
}
