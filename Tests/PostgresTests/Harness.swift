import Net
import Postgres
import TestKit

/// A fresh database on this process's server, and the room under test connected to it.
func withDatabase(
    loops count: Int = 1, limits: PoolLimits = PoolLimits(), on cluster: TestCluster? = nil,
    _ body: (Database, TestDatabase) async throws -> Void
) async throws {
    let test = try await TestDatabase.make(on: cluster)
    let loops = try LoopGroup(count: count)
    let database = Database(options: try ConnectionOptions(test.connectionString), loops: loops, limits: limits)
    do {
        try await body(database, test)
    } catch {
        await database.shutdown(within: .seconds(5))
        loops.shutdown()
        throw error
    }
    await database.shutdown(within: .seconds(5))
    loops.shutdown()
}

/// The error that `body` throws, if it is the room's.
func databaseError<R>(_ body: () async throws -> R) async -> DatabaseError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? DatabaseError
    }
}
