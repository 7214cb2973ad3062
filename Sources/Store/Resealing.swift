import Crypto
package import Postgres

/// Brings what is sealed under older keys under the newest one, a few rows at a time, while everything else goes on.
package struct Resealing: Sendable {
    /// What a batch did.
    package struct Batch: Sendable {
        package var resealed = 0
        /// Rows that somebody else was writing: left alone.
        package var passedOver = 0
        /// Names of rows that do not open: left as they are.
        package var unreadable: [String] = []
        /// Where the next batch goes on; nil at the end of the column.
        package var next: String?
    }

    /// Key of the advisory lock. Any number that nothing else on the database uses.
    static let lockKey: Int64 = 0x6B69_636B_6779

    private let vault: Vault
    private let database: Database

    package init(vault: Vault, database: Database) {
        self.vault = vault
        self.database = database
    }

    /// Re-seals the next rows of a column, in the order of their primary key. Nil when another process is at it; throws
    /// when this one cannot seal under the newest key.
    ///
    /// No row is locked but for the one statement that writes, and that one waits for nobody: a value that has changed
    /// since it was read, or that is being changed, stays as whoever changes it wants it.
    ///
    /// - Parameter cursor: the name of the row after which to go on; empty for the beginning.
    package func batch(of column: SealedColumn, after cursor: String, limit: Int) async throws -> Batch? {
        try await database.transaction { transaction in
            // Given up with the transaction, however that ends: nothing is left behind by a process that dies.
            let lock = try await transaction.query("SELECT pg_try_advisory_xact_lock(\(Self.lockKey)) AS is_mine")
            guard try lock.first?["is_mine", as: Bool.self] == true else { return nil }
            guard let newest = try await vault.newestKeyID(transaction) else { return Batch() }
            if vault.writingKeyID != newest { try await vault.load() }
            guard vault.writingKeyID == newest else { throw CryptoError.unknownKey(id: newest) }

            let rows = try await transaction.query(
                """
                SELECT \(unescaped: column.rowName) AS row, \(unescaped: column.tenantName) AS tenant,
                    \(unescaped: column.sealed) AS sealed
                FROM \(unescaped: column.table)
                WHERE \(unescaped: column.keyColumn) > \(column.key(from: "\(cursor)"))
                    AND \(unescaped: column.keyID) <> \(newest)
                ORDER BY \(unescaped: column.keyColumn) LIMIT \(limit)
                """)
            var batch = Batch()
            var names: [String] = []
            var old: [[UInt8]] = []
            var new: [[UInt8]] = []
            for row in rows {
                let name = try row["row", as: String.self]
                let sealed = try row["sealed", as: [UInt8].self]
                let context = column.context(row: name, tenant: try row["tenant", as: String.self])
                do {
                    new.append(vault.seal(try await vault.open(sealed, for: context), for: context))
                    names.append(name)
                    old.append(sealed)
                } catch is CryptoError {
                    batch.unreadable.append(name)
                }
                if batch.unreadable.count + names.count == limit { batch.next = name }
            }
            guard !names.isEmpty else { return batch }
            batch.resealed = try await transaction.execute(
                """
                WITH free AS (
                    SELECT \(unescaped: column.keyColumn) AS key, given.new
                    FROM \(unescaped: column.table)
                    JOIN unnest(\(names)::text[], \(old)::bytea[], \(new)::bytea[]) AS given (name, old, new)
                        ON \(unescaped: column.keyColumn) = \(column.key(from: "given.name"))
                    WHERE \(unescaped: column.sealed) = given.old
                    FOR NO KEY UPDATE OF \(unescaped: column.table) SKIP LOCKED
                )
                UPDATE \(unescaped: column.table) SET \(unescaped: column.name)_sealed = free.new
                FROM free WHERE \(unescaped: column.keyColumn) = free.key
                """)
            batch.passedOver = names.count - batch.resealed
            return batch
        }
    }
}
