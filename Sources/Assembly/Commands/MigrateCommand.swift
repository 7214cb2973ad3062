import Net
import Postgres
import PostgresCluster
import Store

/// `kick-gateway migrate`: the schema alone, for deployments that want it apart from the start.
enum MigrateCommand {
    static func run(_ arguments: [String]) async throws -> Int32 {
        var environment = Environment.ofProcess()
        guard arguments.isEmpty, let url = environment.text("DATABASE_URL") else {
            return Program.complain(
                "usage: DATABASE_URL=postgresql://… kick-gateway migrate\n\nThe private cluster migrates itself at start.\n"
            )
        }
        guard let resources = environment.text("GATEWAY_RESOURCES") ?? Resources.find(from: Resources.executable) else {
            return Program.complain("kick-gateway: no directory with migrations/ was found: set GATEWAY_RESOURCES\n")
        }
        let loops = try LoopGroup(count: 1)
        let database = Database(options: try ConnectionOptions(url), loops: loops)
        let migrations = try Migration.load(from: resources + "/migrations")
        let applied = try await Migrator(database: database, migrations: migrations).run()
        Program.say(applied.isEmpty ? "up to date\n" : applied.map { "applied \($0)\n" }.joined())
        await database.shutdown()
        loops.shutdown()
        return 0
    }
}
