import TestKit
import Testing

@testable import Postgres

/// The tests' own databases.
struct TestDatabaseTests {
    @Test(.timeLimit(.minutes(1)))
    func copiesOfATemplateAreMadeOnceAndApart() async throws {
        let preparations = Box(0)
        let template = TestDatabase.Template("copied") { database in
            preparations.update { $0 += 1 }
            try await database.psql("CREATE TABLE t AS SELECT 1 AS n; ALTER TABLE t OWNER TO gateway")
        }
        async let first = TestDatabase.make(template: template)
        async let second = TestDatabase.make(template: template)
        let (one, two) = try await (first, second)
        try await one.psql("INSERT INTO t VALUES (2)")
        #expect(try await one.psql("SELECT count(*) FROM t") == "2")
        #expect(try await two.psql("SELECT count(*) FROM t") == "1")
        #expect(preparations.value == 1)
        try await one.remove()
        await #expect(throws: TestCluster.PSQLFailure.self) { try await one.psql("SELECT 1") }
    }
}
