package import Postgres
import Telemetry

/// Applies migrations: each in a transaction of its own, all under one lock, so that ten replicas may start at once.
///
/// What was applied is recorded with its checksum. An applied file that is missing or changed, or a database that is
/// newer than this program, refuses to start: both mean that program and schema do not belong together.
package struct Migrator: Sendable {
    /// Key of the advisory lock. Any number that nothing else on the database uses.
    private static let lockKey: Int64 = 0x6B69_636B_6777

    private let database: Database
    private let migrations: [Migration]
    private static let report = Log("migrations")

    package init(database: Database, migrations: [Migration]) {
        self.database = database
        self.migrations = migrations
    }

    /// Brings the schema up to date; returns the files that were applied now.
    package func run() async throws -> [String] {
        try await database.transaction { transaction in
            try await Self.lock(transaction)
            try await transaction.run(
                script: """
                    CREATE TABLE IF NOT EXISTS schema_migrations (
                        number     integer PRIMARY KEY,
                        file       text NOT NULL,
                        checksum   bytea NOT NULL,
                        applied_at timestamptz NOT NULL DEFAULT now()
                    )
                    """)
        }
        var applied: [String] = []
        for migration in migrations where try await apply(migration) {
            Self.report.notice("migration applied", ["file": .string(migration.file)])
            applied.append(migration.file)
        }
        _ = try await database.transaction { transaction in try await check(transaction) }
        return applied
    }

    /// Applies one migration unless it was; false when it was.
    private func apply(_ migration: Migration) async throws -> Bool {
        try await database.transaction { transaction in
            try await Self.lock(transaction)
            let known = try await check(transaction)
            guard !known.contains(migration.number) else { return false }
            do {
                try await transaction.run(script: migration.sql)
            } catch {
                throw MigrationError("\(migration.file) failed: \(String(reflecting: error))")
            }
            _ = try await transaction.execute(
                """
                INSERT INTO schema_migrations (number, file, checksum)
                VALUES (\(Int32(migration.number)), \(migration.file), \(migration.checksum))
                """)
            return true
        }
    }

    /// Compares what was applied with the files, and returns the numbers of what was.
    private func check(_ transaction: Transaction) async throws -> Set<Int> {
        let rows = try await transaction.query("SELECT number, file, checksum FROM schema_migrations ORDER BY number")
        var known: Set<Int> = []
        for row in rows {
            let number = try row["number", as: Int.self]
            let file = try row["file", as: String.self]
            guard let migration = migrations.first(where: { $0.number == number }) else {
                throw MigrationError(
                    "\(file) was applied to this database and is missing here: the database is newer, or a file is lost"
                )
            }
            guard migration.checksum == (try row["checksum", as: [UInt8].self]) else {
                throw MigrationError("\(migration.file) was changed after it was applied to this database")
            }
            known.insert(number)
        }
        return known
    }

    /// Until the end of the transaction.
    private static func lock(_ transaction: Transaction) async throws {
        _ = try await transaction.query("SELECT pg_advisory_xact_lock(\(lockKey))")
    }
}
