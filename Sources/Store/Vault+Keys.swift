import Crypto
package import Model
package import Postgres

/// How much is sealed under one key in one column.
package struct KeyUse: Sendable, Equatable {
    /// `logins.access_token`.
    package let column: String
    package let count: Int
}

/// A data key as an operator sees it.
package struct KeyRecord: Sendable {
    package let id: String
    package let createdAt: Timestamp
    /// Whether it is the newest one, which seals.
    package let writes: Bool
    /// The environment's key without which this one cannot be opened.
    package let wrappedBy: String
    /// Columns with nothing under this key are left out.
    package let uses: [KeyUse]

    package var useCount: Int { uses.reduce(0) { $0 + $1.count } }
}

/// What came of the wish to retire a key.
package enum Retirement: Sendable {
    case retired
    case unknown
    /// It is the one that seals.
    case writes
    case inUse([KeyUse])
}

/// The life of data keys. Whatever changes the table does it under one lock, so that order and wrapping are consistent.
extension Vault {
    /// Key of the advisory lock. Any number that nothing else on the database uses.
    private static let lockKey: Int64 = 0x6B69_636B_6778

    /// The environment's keys by id, sorted; and which of them wraps.
    package var masterIDs: [String] { masters.ids }
    package var wrappingMasterID: String { masters.wrappingKeyID }

    // MARK: Looking

    /// Newest first: the first one that is wrapped writes.
    func storedKeys() async throws(DatabaseError) -> [StoredKey] {
        try Self.keys(try await database.query(Self.selectKeys))
    }

    /// All keys, with what is sealed under each. Reads every sealed column once.
    package func keys() async throws(DatabaseError) -> [KeyRecord] {
        let counts = SealedColumn.all.map { column in
            """
            SELECT '\(column.place)' AS place, \(column.keyID) AS key, count(*) AS uses FROM \(column.table)
            WHERE \(column.keyID) IS NOT NULL GROUP BY \(column.keyID)
            """
        }
        let results = try await database.pipeline([
            Self.selectKeys, Query(unescaped: counts.joined(separator: "\nUNION ALL ") + "\nORDER BY place"),
        ])
        var uses: [String: [KeyUse]] = [:]
        for row in results[1] {
            let use = KeyUse(column: try row["place", as: String.self], count: try row["uses", as: Int.self])
            uses[try row["key", as: String.self], default: []].append(use)
        }
        let writer = try Self.keys(results[0]).first { $0.wrapped != nil }?.id
        return try results[0].map { row throws(DatabaseError) in
            let key = try Self.key(row)
            return KeyRecord(
                id: key.id, createdAt: try row["created_at", as: Timestamp.self], writes: key.id == writer,
                wrappedBy: key.master ?? "?", uses: uses[key.id] ?? [])
        }
    }

    /// The key that should be sealing, on every replica.
    func newestKeyID(_ transaction: Transaction) async throws(DatabaseError) -> String? {
        let rows = try await transaction.query(
            """
            SELECT id FROM encryption_keys WHERE wrapped_key IS NOT NULL ORDER BY created_at DESC, id DESC LIMIT 1
            """)
        return try rows.first.map { row throws(DatabaseError) in try row["id", as: String.self] }
    }

    private static let selectKeys: Query =
        "SELECT id, wrapped_key, created_at FROM encryption_keys ORDER BY created_at DESC, id DESC"

    private static func keys(_ rows: Rows) throws(DatabaseError) -> [StoredKey] {
        let keys = try rows.map { row throws(DatabaseError) in try key(row) }
        return keys.filter { $0.wrapped != nil } + keys.filter { $0.wrapped == nil }
    }

    private static func key(_ row: Row) throws(DatabaseError) -> StoredKey {
        StoredKey(id: try row["id", as: String.self], wrapped: try row["wrapped_key", as: [UInt8]?.self])
    }

    // MARK: Changing

    /// Wraps every data key under the environment's first key, so that its others are not needed any more, and adds a
    /// data key, which writes from now on. Returns its id.
    ///
    /// Throws ``VaultError`` when one of the keys cannot be opened here: then nothing is changed.
    @discardableResult
    package func rotate() async throws -> String {
        let id = try await addKey(rewrapping: true)
        try await load()
        return id
    }

    /// - Parameter onlyFirst: not when there is a data key already: several processes may start at once.
    @discardableResult
    func addKey(onlyFirst: Bool = false, rewrapping: Bool = false) async throws -> String {
        let key = try SealingKey.random(id: "dk_" + ULID.make().description)
        try await database.transaction { transaction in
            try await Self.lock(transaction)
            if onlyFirst, try await newestKeyID(transaction) != nil { return }
            if rewrapping { try await rewrap(transaction) }
            // Never older than another one, whatever the server's clock has been through.
            _ = try await transaction.execute(
                """
                INSERT INTO encryption_keys (id, wrapped_key, created_at)
                SELECT \(key.id), \(masters.wrap(key)),
                    greatest(clock_timestamp(), max(created_at) + interval '1 microsecond')
                FROM encryption_keys
                """)
            try await Self.announce(transaction)
        }
        return key.id
    }

    private func rewrap(_ transaction: Transaction) async throws {
        let stored = try Self.keys(try await transaction.query(Self.selectKeys))
        for key in stored where key.master != masters.wrappingKeyID {
            let wrapped = masters.wrap(try masters.open(key))
            _ = try await transaction.execute(
                "UPDATE encryption_keys SET wrapped_key = \(wrapped) WHERE id = \(key.id)")
        }
    }

    /// Deletes a key that nothing is sealed under. What decides is the database: every sealed column refers to its key.
    package func retire(_ id: String) async throws -> Retirement {
        // Asked first so that a refusal disturbs nobody: the deletion waits for rows that are being written.
        guard let known = try await keys().first(where: { $0.id == id }) else { return .unknown }
        guard !known.writes else { return .writes }
        guard known.uses.isEmpty else { return .inUse(known.uses) }
        let result: Retirement
        do {
            result = try await database.transaction { transaction in
                try await Self.lock(transaction)
                guard try await newestKeyID(transaction) != id else { return .writes }
                let count = try await transaction.execute("DELETE FROM encryption_keys WHERE id = \(id)")
                try await Self.announce(transaction)
                return count == 0 ? .unknown : .retired
            }
        } catch let error as DatabaseError where error.isRetiredKey {
            return .inUse(try await keys().first { $0.id == id }?.uses ?? [])
        }
        if case .retired = result { try await load() }
        return result
    }

    /// Until the end of the transaction.
    private static func lock(_ transaction: Transaction) async throws(DatabaseError) {
        _ = try await transaction.query("SELECT pg_advisory_xact_lock(\(lockKey))")
    }

    private static func announce(_ transaction: Transaction) async throws(DatabaseError) {
        _ = try await transaction.query("SELECT pg_notify(\(channel), '')")
    }

    // MARK: Checking

    /// A key that is in the environment itself proves itself by what is sealed under it: a wrong one of the right name
    /// opens nothing. Throws ``VaultError``.
    func checkMastersOfRows(_ stored: [StoredKey]) async throws {
        for key in stored where key.wrapped == nil {
            let sealer = try Sealer(keys: [try masters.open(key)])
            var samples: [Bool] = []
            for column in SealedColumn.all where !samples.contains(true) {
                let rows = try await database.query(
                    """
                    SELECT \(unescaped: column.rowName) AS row, \(unescaped: column.tenantName) AS tenant,
                        \(unescaped: column.sealed) AS sealed
                    FROM \(unescaped: column.table) WHERE \(unescaped: column.keyID) = \(key.id) LIMIT 3
                    """)
                for row in rows {
                    let context = column.context(
                        row: try row["row", as: String.self], tenant: try row["tenant", as: String.self])
                    samples.append((try? sealer.open(try row["sealed", as: [UInt8].self], for: context)) != nil)
                }
            }
            if !samples.isEmpty, !samples.contains(true) { throw VaultError.opensNothing(key: key.id) }
        }
    }
}
