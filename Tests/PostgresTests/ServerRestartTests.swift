import Net
import TestKit
import Testing

@testable import Postgres

/// The server goes away and comes back: errors that say "unavailable" meanwhile, nothing hangs, nothing must be restarted.
@Suite(.serialized)
struct ServerRestartTests {
    @Test(.timeLimit(.minutes(1)))
    func recoversByItselfWhenTheServerWasKilled() async throws {
        let cluster = try await TestCluster.make()
        try await withDatabase(loops: 2, on: cluster) { (database, test) async throws in
            let connects = Box(0)
            _ = database.listen(
                channels: ["c"], onNotification: { _ in }, onConnect: { connects.update { $0 += 1 } })
            await until { connects.value == 1 }
            try await database.execute("CREATE TABLE t (n bigint)")

            // Callers go on asking all the time; each gets rows or an error that says "unavailable".
            let outcomes = Box((good: 0, unavailable: 0, other: [String]()))
            let isDone = Box(false)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        while !isDone.value && !Task.isCancelled {
                            let error = await databaseError { try await database.query("SELECT pg_sleep(0.01)") }
                            outcomes.update { outcomes in
                                if let error {
                                    if error.isUnavailable {
                                        outcomes.unavailable += 1
                                    } else {
                                        outcomes.other.append("\(error)")
                                    }
                                } else {
                                    outcomes.good += 1
                                }
                            }
                        }
                    }
                }
                await until { outcomes.value.good > 20 }
                cluster.kill()
                await until { outcomes.value.unavailable > 0 }
                let before = outcomes.value.good
                await until { outcomes.value.good > before + 20 }
                isDone.update { $0 = true }
                try await group.waitForAll()
            }
            #expect(outcomes.value.other == [])
            // Each loop's pool recovers by itself, the one a little later than the other.
            await until { (try? await database.query("SELECT n FROM t").isEmpty) == true }
            await until { connects.value == 2 }
        }
        cluster.stop()
    }

    /// The idle connections of a pool died with the server: the first query after the restart does not meet one.
    @Test(.timeLimit(.minutes(1)))
    func aRestartBetweenQueriesGoesUnnoticed() async throws {
        let cluster = try await TestCluster.make()
        try await withDatabase(on: cluster) { (database, _) async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { _ = try await database.query("SELECT pg_sleep(0.05)") } }
                try await group.waitForAll()
            }
            try await cluster.restart()
            for _ in 0..<8 { #expect(try await database.query("SELECT 1").count == 1) }
        }
        cluster.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func failsFastWhileTheServerIsDownAndRecoversWithoutACaller() async throws {
        let cluster = try await TestCluster.make()
        try await withDatabase(on: cluster) { (database, _) async throws in
            _ = try await database.query("SELECT 1")
            cluster.stop()
            // Until the breaker is open a caller may wait for the next attempt; then 100 callers are done at once.
            let first = await databaseError { try await database.query("SELECT 1") }
            #expect(first?.kind == .unavailable)
            for _ in 0..<100 {
                let error = await databaseError { try await database.query("SELECT 1") }
                #expect(error?.kind == .unavailable)
                #expect(error?.outcomeIsUnknown == false)
            }
            try await cluster.restart()
            await until { await databaseError { try await database.query("SELECT 1") } == nil }
        }
        cluster.stop()
    }
}
