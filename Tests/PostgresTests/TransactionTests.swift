import Foundation
import Net
import TestKit
import Testing

@testable import Postgres

private struct Boom: Error {}

/// All or nothing.
struct TransactionTests {
    private func count(_ database: Database) async throws -> Int {
        try await database.query("SELECT count(*) AS n FROM t")[0]["n", as: Int.self]
    }

    private func withTable(_ body: (Database, TestDatabase) async throws -> Void) async throws {
        try await withDatabase { (database, test) async throws in
            try await database.execute("CREATE TABLE t (n bigint PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)")
            try await body(database, test)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func commitsWhenTheBodyReturns() async throws {
        try await withTable { (database, _) async throws in
            let seen = try await database.transaction { transaction in
                try await transaction.execute("INSERT INTO t VALUES (\(1))")
                try await transaction.execute("INSERT INTO t VALUES (\(2))")
                #expect(try await count(database) == 0, "nobody sees it before the commit")
                return try await transaction.query("SELECT n FROM t").count
            }
            #expect(seen == 2)
            #expect(try await count(database) == 2)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func rollsBackWhenTheBodyThrows() async throws {
        try await withTable { (database, _) async throws in
            await #expect(throws: Boom.self) {
                try await database.transaction { transaction in
                    try await transaction.execute("INSERT INTO t VALUES (\(1))")
                    throw Boom()
                }
            }
            #expect(try await count(database) == 0)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func rollsBackWhenAStatementFails() async throws {
        try await withTable { (database, _) async throws in
            let error = await databaseError {
                try await database.transaction { transaction in
                    try await transaction.execute("INSERT INTO t VALUES (\(1))")
                    try await transaction.execute("SELECT 1 / \(0)")
                }
            }
            #expect(error?.sqlState == .divisionByZero)
            #expect(try await count(database) == 0)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func saysSoWhenASwallowedErrorTurnsTheCommitIntoARollback() async throws {
        try await withTable { (database, _) async throws in
            let error = await databaseError {
                try await database.transaction { transaction in
                    try await transaction.execute("INSERT INTO t VALUES (\(1))")
                    _ = try? await transaction.execute("SELECT 1 / \(0)")
                }
            }
            #expect(error?.sqlState == .inFailedTransaction)
            #expect(try await count(database) == 0)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func reportsAConstraintThatTheCommitFindsViolated() async throws {
        try await withTable { (database, _) async throws in
            let error = await databaseError {
                try await database.transaction { transaction in
                    try await transaction.execute("INSERT INTO t VALUES (\(1)), (\(1))")
                }
            }
            #expect(error?.sqlState == .uniqueViolation)
            #expect(error?.outcomeIsUnknown == false)
            #expect(try await count(database) == 0)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func runsScriptsOfSeveralStatements() async throws {
        try await withTable { (database, _) async throws in
            try await database.transaction { transaction in
                try await transaction.run(
                    script: """
                        CREATE TABLE a (n int); -- a comment; with a semicolon
                        CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; SELECT 2 $$;
                        INSERT INTO a VALUES (1), (2);
                        """)
                #expect(try await transaction.query("SELECT f() AS f")[0]["f", as: Int.self] == 2)
            }
            let error = await databaseError {
                try await database.transaction { transaction in
                    try await transaction.run(
                        script: "INSERT INTO a VALUES (3); SELECT 1 / 0; INSERT INTO a VALUES (4)")
                }
            }
            #expect(error?.sqlState == .divisionByZero)
            #expect(try await database.query("SELECT n FROM a").count == 2)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func aTransactionWithoutStatementsAsksTheServerNothing() async throws {
        try await withTable { (database, _) async throws in
            #expect(try await database.transaction { _ in 7 } == 7)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func aLostTransactionIsCertainlyRolledBack() async throws {
        try await withTable { (database, test) async throws in
            let error = await databaseError {
                try await database.transaction { transaction in
                    let pid = try await transaction.query("SELECT pg_backend_pid() AS pid")[0]["pid", as: Int.self]
                    try await transaction.execute("INSERT INTO t VALUES (\(1))")
                    try await test.psql("SELECT pg_terminate_backend(\(pid), 10000)")
                    try await transaction.execute("INSERT INTO t VALUES (\(2))")
                }
            }
            #expect(error?.kind == .unavailable)
            #expect(error?.outcomeIsUnknown == false)
            #expect(try await count(database) == 0)
        }
    }

    /// The server dies while it commits: whether it did is not known, and the error says so.
    @Test(.timeLimit(.minutes(1)))
    func aLostCommitIsReportedAsUnknown() async throws {
        try await withTable { (database, test) async throws in
            try await database.execute(
                """
                CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_advisory_lock(1); RETURN NULL; END'
                """)
            try await database.execute(
                """
                CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION dawdle()
                """)
            try await database.session { session in
                _ = try await session.query("SELECT pg_advisory_lock(1)")
                async let error = databaseError {
                    try await database.transaction { transaction in
                        try await transaction.execute("INSERT INTO t VALUES (\(1))")
                    }
                }
                let victims: Query =
                    "FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
                try await until { try await database.query("SELECT 1 \(victims)").count == 1 }
                _ = try await database.query("SELECT pg_terminate_backend(pid) \(victims)")
                let outcome = await error
                #expect(outcome?.kind == .unavailable)
                #expect(outcome?.outcomeIsUnknown == true)
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func aSessionKeepsItsConnectionAndClosesIt() async throws {
        try await withDatabase(loops: 2) { (database, _) async throws in
            try await database.session { session in
                _ = try await session.query("SELECT pg_advisory_lock(\(7))")
                try await session.transaction { (transaction) async throws in
                    #expect(try await transaction.query("SELECT 1").count == 1)
                }
                let other = try await database.query("SELECT pg_try_advisory_lock(\(7)) AS got")[0]
                #expect(try !other["got", as: Bool.self])
            }
            try await until {
                try await database.transaction { transaction in
                    try await transaction.query("SELECT pg_try_advisory_xact_lock(\(7)) AS got")[0][
                        "got", as: Bool.self]
                }
            }
        }
    }
}

/// Several statements in one round trip.
struct PipelineTests {
    @Test(.timeLimit(.minutes(1)))
    func returnsEveryResultInOrder() async throws {
        try await withDatabase { (database, _) async throws in
            let queries = (0..<100).map { Query("SELECT \($0) AS n") }
            let results = try await database.pipeline(queries)
            let numbers = try results.map { rows throws(DatabaseError) in try rows[0]["n", as: Int.self] }
            #expect(numbers == Array(0..<100))
            #expect(try await database.pipeline([]).isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func takesEffectAsAWholeOrNotAtAll() async throws {
        try await withDatabase { (database, _) async throws in
            try await database.execute("CREATE TABLE t (n bigint)")
            let error = await databaseError {
                _ = try await database.pipeline([
                    "INSERT INTO t VALUES (\(1))", "SELECT 1 / \(0)", "INSERT INTO t SELECT \(2)",
                ])
            }
            #expect(error?.sqlState == .divisionByZero)
            #expect(try await database.query("SELECT n FROM t").isEmpty)
            // Neither the statement that failed nor the one after it, which was never prepared, is spoilt for later.
            _ = try await database.pipeline([
                "INSERT INTO t VALUES (\(1))", "SELECT 1 / \(1)", "INSERT INTO t SELECT \(2)",
            ])
            #expect(try await database.query("SELECT n FROM t").count == 2)
        }
    }

    /// The first statement waits for a lock; what was committed meanwhile, the second sees. Within one statement's
    /// snapshot it would not.
    @Test(.timeLimit(.minutes(1)))
    func everyStatementHasItsOwnSnapshot() async throws {
        let advisoryLocks = """
            SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database
            WHERE locktype = 'advisory' AND datname = current_database()
            """
        let blocked = """
            SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
            """
        try await withDatabase { (database, _) async throws in
            try await database.execute("CREATE TABLE counters (id int PRIMARY KEY, n bigint)")
            try await database.execute("INSERT INTO counters VALUES (1, 0)")
            try await database.execute("CREATE TABLE log (n bigint)")
            async let second: [Rows] = {
                try await until {
                    try await database.query("\(unescaped: advisoryLocks)").count == 1
                }
                return try await database.pipeline([
                    "UPDATE counters SET n = n + 1 WHERE id = 1 RETURNING n", "SELECT count(*) AS n FROM log",
                ])
            }()
            try await database.transaction { transaction in
                try await transaction.execute("UPDATE counters SET n = n + 1 WHERE id = 1")
                _ = try await transaction.query("SELECT pg_advisory_xact_lock(5)")
                // Now the pipeline starts, and waits for the row.
                try await until {
                    try await database.query("\(unescaped: blocked)").count == 1
                }
                try await transaction.execute("INSERT INTO log VALUES (1)")
            }
            let results = try await second
            #expect(try results[0][0]["n", as: Int.self] == 2)
            #expect(try results[1][0]["n", as: Int.self] == 1, "committed while the first statement waited")
        }
    }
}
