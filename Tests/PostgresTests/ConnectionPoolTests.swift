import Foundation
import Net
import Synchronization
import TestKit
import Testing

@testable import Postgres

/// The pool against a real server: bounds, deadlines, cancellation, shutdown.
struct ConnectionPoolTests {
    private func limits(connections: Int, waiters: Int = 1024) -> PoolLimits {
        var limits = PoolLimits()
        limits.connectionsPerLoop = connections
        limits.waitersPerLoop = waiters
        return limits
    }

    @Test(.timeLimit(.minutes(1)))
    func serves1000QueriesAtOnceOverFourConnections() async throws {
        try await withDatabase(limits: limits(connections: 4)) { (database, _) async throws in
            let answers = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
                for number in 0..<1000 {
                    group.addTask {
                        let row = try await database.query("SELECT \(number) * 2 AS n, pg_backend_pid() AS pid")[0]
                        #expect(try row["n", as: Int.self] == number * 2)
                        return (number, try row["pid", as: Int.self])
                    }
                }
                return try await group.reduce(into: [Int: Int]()) { $0[$1.0] = $1.1 }
            }
            #expect(answers.count == 1000)
            #expect(Set(answers.values).count <= 4)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func worksFromEveryLoopAndFromNone() async throws {
        let test = try await TestDatabase.make()
        let loops = try LoopGroup(count: 3)
        let database = Database(options: try ConnectionOptions(test.connectionString), loops: loops)
        for loop in loops.loops {
            let stayed = try await onLoop(loop) {
                let one = try await database.query("SELECT \(1) AS n")[0]["n", as: Int.self]
                return one == 1 && loop.isCurrent
            }
            #expect(stayed)
        }
        #expect(try await database.query("SELECT 1").count == 1)
        #expect(Loop.current == nil)
        await database.shutdown()
        loops.shutdown()
    }

    @Test(.timeLimit(.minutes(1)))
    func refusesAtOnceWhenTheQueueIsFull() async throws {
        try await withDatabase(limits: limits(connections: 1, waiters: 1)) { (database, test) async throws in
            let refused = Box(0)
            let tasks = try await database.transaction { transaction in
                _ = try await transaction.query("SELECT 1")
                let tasks = (0..<3).map { _ in
                    Task {
                        let error = await databaseError { try await database.query("SELECT 2") }
                        if error?.description == DatabaseError.queueFull.description { refused.update { $0 += 1 } }
                        return error == nil
                    }
                }
                // One waits, two find the queue full, while the only connection is out.
                await until { refused.value == 2 }
                return tasks
            }
            var served = 0
            for task in tasks where await task.value { served += 1 }
            #expect(served == 1)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func aCallerWaitsNoLongerThanItsDeadline() async throws {
        try await withDatabase(limits: limits(connections: 1)) { (database, _) async throws in
            let error = try await database.transaction { transaction in
                _ = try await transaction.query("SELECT 1")
                return await databaseError { try await database.query("SELECT 2", by: .after(.milliseconds(50))) }
            }
            #expect(error?.kind == .unavailable)
            #expect(error?.outcomeIsUnknown == false)
            #expect(try await database.query("SELECT 1").count == 1)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func aStatementThatTakesTooLongIsStoppedOnTheServer() async throws {
        var limits = limits(connections: 1)
        limits.statementTimeout = .seconds(1)
        try await withDatabase(limits: limits) { (database, test) async throws in
            let error = await databaseError { try await database.query("SELECT pg_sleep(1000)") }
            #expect(error?.kind == .timedOut)
            #expect(error?.outcomeIsUnknown == true)
            #expect(try await database.query("SELECT 1").count == 1)
            try await until { try await sleepers(test) == "0" }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func cancellationStopsAStatementOnTheServer() async throws {
        try await withDatabase(limits: limits(connections: 1)) { (database, test) async throws in
            let task = Task { await databaseError { try await database.query("SELECT pg_sleep(1000)") } }
            try await until { try await sleepers(test) == "1" }
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
            try await until { try await sleepers(test) == "0" }
            #expect(try await database.query("SELECT 1").count == 1)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func cancellationReleasesAWaitingCaller() async throws {
        try await withDatabase(limits: limits(connections: 1)) { (database, _) async throws in
            try await database.transaction { transaction in
                _ = try await transaction.query("SELECT 1")
                let task = Task { await databaseError { try await database.query("SELECT 2") } }
                try await Task.sleep(for: .milliseconds(20))
                task.cancel()
                #expect(await task.value?.kind == .cancelled)
                #expect(try await transaction.query("SELECT 3").count == 1)
            }
            let cancelled = Task { () -> DatabaseError? in
                withUnsafeCurrentTask { $0?.cancel() }
                return await databaseError { try await database.query("SELECT 1") }
            }
            #expect(await cancelled.value?.kind == .cancelled)
        }
    }

    /// Cancelled while the transaction is under way: rolled back, and the pool is whole afterwards.
    @Test(.timeLimit(.minutes(1)))
    func cancellationRollsATransactionBack() async throws {
        try await withDatabase(limits: limits(connections: 1)) { (database, test) async throws in
            try await database.execute("CREATE TABLE t (n int)")
            let task = Task {
                await databaseError {
                    try await database.transaction { transaction in
                        try await transaction.execute("INSERT INTO t VALUES (1)")
                        _ = try await transaction.query("SELECT pg_sleep(1000)")
                    }
                }
            }
            try await until { try await sleepers(test) == "1" }
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
            #expect(try await database.query("SELECT n FROM t").isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func shutdownLetsRunningQueriesEndAndRefusesNewOnes() async throws {
        try await withDatabase(limits: limits(connections: 2)) { (database, test) async throws in
            let loops = try LoopGroup(count: 1)
            let holder = Database(options: try ConnectionOptions(test.connectionString), loops: loops)
            let (slow, stopping) = try await holder.transaction { transaction in
                _ = try await transaction.query("SELECT pg_advisory_xact_lock(7)")
                let slow = Task {
                    try await database.query("SELECT pg_advisory_xact_lock(7), 7 AS n")[0]["n", as: Int.self]
                }
                try await until { try await lockWaiters(test) == "1" }
                // Begins while the query waits; the lock is given up when this transaction ends.
                return (slow, Task { await database.shutdown(within: .seconds(50)) })
            }
            #expect(try await slow.value == 7)
            await stopping.value
            let error = await databaseError { try await database.query("SELECT 1") }
            #expect(error?.kind == .unavailable)
            await holder.shutdown()
            loops.shutdown()
            try await until { try await sessions(test) == "0" }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func shutdownCutsOffWhatDoesNotEnd() async throws {
        try await withDatabase(limits: limits(connections: 1)) { (database, test) async throws in
            async let stuck = databaseError { try await database.query("SELECT pg_sleep(1000)") }
            try await until { try await sleepers(test) == "1" }
            await database.shutdown(within: .milliseconds(100))
            #expect(await stuck?.kind == .unavailable)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func aServerThatIsNotThereIsUnavailable() async throws {
        let loops = try LoopGroup(count: 1)
        for target in ["host=/nonexistent dbname=x user=x", "host=127.0.0.1 port=1 dbname=x user=x"] {
            let database = Database(options: try ConnectionOptions(target), loops: loops)
            for _ in 0..<3 {
                let error = await databaseError { try await database.query("SELECT 1") }
                #expect(error?.kind == .unavailable)
                #expect(error?.outcomeIsUnknown == false)
                #expect(error?.description == "cannot connect to the database")
            }
            await database.shutdown()
        }
        loops.shutdown()
    }

    /// A server that accepts and says nothing costs the connect timeout once; then callers fail fast.
    @Test(.timeLimit(.minutes(1)))
    func aServerThatSaysNothingIsUnavailable() async throws {
        let loops = try LoopGroup(count: 1)
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                #expect(bind(listener, pointer, length) == 0)
                #expect(listen(listener, 16) == 0)
                #expect(getsockname(listener, pointer, &length) == 0)
            }
        }
        defer { close(listener) }
        var limits = PoolLimits()
        limits.connectTimeout = .milliseconds(1200)
        let port = UInt16(bigEndian: address.sin_port)
        // By name: the look-up happens off the loop.
        let options = try ConnectionOptions("postgresql://me@localhost:\(port)/db?sslmode=disable")
        let database = Database(options: options, loops: loops, limits: limits)
        for _ in 0..<3 {
            let error = await databaseError { try await database.query("SELECT 1") }
            #expect(error?.kind == .unavailable)
        }
        await database.shutdown()
        loops.shutdown()
    }

    private func sleepers(_ test: TestDatabase) async throws -> String {
        try await test.psql(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()")
    }

    private func lockWaiters(_ test: TestDatabase) async throws -> String {
        try await test.psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    }

    private func sessions(_ test: TestDatabase) async throws -> String {
        try await test.psql(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'kick-gateway'
            """)
    }
}
