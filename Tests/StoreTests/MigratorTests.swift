import Foundation
import Net
import Postgres
import Store
import TestKit
import Testing

@Suite("Migrator", .timeLimit(.minutes(1)))
struct MigratorTests {
    private static func withDatabase(_ body: @escaping @Sendable (Database) async throws -> Void) async throws {
        let testDatabase = try await TestDatabase.make()
        let loops = try LoopGroup(count: 1)
        let database = Database(options: try ConnectionOptions(testDatabase.connectionString), loops: loops)
        try await onLoop(loops.loops[0]) { try await body(database) }
        await database.shutdown()
        loops.shutdown()
        try await testDatabase.remove()
    }

    private static let first = Migration(
        number: 1, file: "0001_a.sql", sql: "CREATE TABLE a (x int); CREATE TABLE b (x int);")
    private static let second = Migration(number: 2, file: "0002_b.sql", sql: "ALTER TABLE a ADD y int")

    @Test("ten replicas start at once, and each migration is applied once")
    func tenAtOnce() async throws {
        let testDatabase = try await TestDatabase.make()
        let applied = Box<[String]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    let loops = try LoopGroup(count: 1)
                    let database = Database(
                        options: try ConnectionOptions(testDatabase.connectionString), loops: loops)
                    let files = try await Migrator(
                        database: database, migrations: Migration.load(from: StoreFixture.migrationsDirectory)
                    ).run()
                    applied.update { $0 += files }
                    await database.shutdown()
                    loops.shutdown()
                }
            }
            try await group.waitForAll()
        }
        let files = try Migration.load(from: StoreFixture.migrationsDirectory).map(\.file)
        #expect(applied.value.sorted() == files)
        try await testDatabase.remove()
    }

    @Test("an applied file that was changed refuses, and is named")
    func changed() async throws {
        try await Self.withDatabase { database in
            _ = try await Migrator(database: database, migrations: [Self.first]).run()
            let edited = Migration(number: 1, file: "0001_a.sql", sql: Self.first.sql + " ")
            let error = try #require(
                await #expect(throws: MigrationError.self) {
                    try await Migrator(database: database, migrations: [edited]).run()
                })
            #expect(error.description.contains("0001_a.sql was changed"))
        }
    }

    @Test("an applied file that is missing refuses, and is named")
    func missing() async throws {
        try await Self.withDatabase { database in
            _ = try await Migrator(database: database, migrations: [Self.first, Self.second]).run()
            let error = try #require(
                await #expect(throws: MigrationError.self) {
                    try await Migrator(database: database, migrations: [Self.first]).run()
                })
            #expect(error.description.contains("0002_b.sql was applied to this database and is missing here"))
        }
    }

    @Test("a migration that fails leaves nothing of itself behind, and those before it stand")
    func failing() async throws {
        try await Self.withDatabase { database in
            let broken = Migration(number: 2, file: "0002_b.sql", sql: "CREATE TABLE c (x int); SELECT 1/0;")
            let error = try #require(
                await #expect(throws: MigrationError.self) {
                    try await Migrator(database: database, migrations: [Self.first, broken]).run()
                })
            #expect(error.description.contains("0002_b.sql failed"))
            let rows = try await database.query(
                "SELECT to_regclass('c') IS NULL AND to_regclass('a') IS NOT NULL AS ok")
            #expect(try rows[0]["ok", as: Bool.self])
            #expect(
                try await Migrator(database: database, migrations: [Self.first, Self.second]).run() == ["0002_b.sql"])
        }
    }

    @Test(
        "a hole in the numbers and a name of another form are refused",
        arguments: [["0001_a.sql", "0003_c.sql"], ["1_a.sql"], []])
    func badDirectory(files: [String]) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        for file in files { try Data("SELECT 1".utf8).write(to: directory.appendingPathComponent(file)) }
        #expect(throws: MigrationError.self) { try Migration.load(from: directory.path) }
    }
}
