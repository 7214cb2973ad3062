import Net

/// A connection within a transaction. Valid only inside the closure that it was given to.
package final class Transaction {
    private let connection: PostgresConnection
    private let limits: PoolLimits
    private let deadline: Deadline
    /// BEGIN travels with the first statement: a round trip less, and none for a transaction that asks nothing.
    private var hasBegun = false

    init(_ connection: PostgresConnection, limits: PoolLimits, deadline: Deadline) {
        self.connection = connection
        self.limits = limits
        self.deadline = deadline
    }

    /// Runs one statement and returns its rows.
    package func query(_ query: Query) async throws(DatabaseError) -> Rows {
        try await pipeline([query])[0]
    }

    /// Runs one statement and returns the number of rows that it touched.
    @discardableResult
    package func execute(_ query: Query) async throws(DatabaseError) -> Int {
        try await self.query(query).affectedRows
    }

    /// Runs the statements in one round trip. An error ends them and fails the transaction.
    package func pipeline(_ queries: [Query]) async throws(DatabaseError) -> [Rows] {
        do throws(DatabaseError) {
            guard !hasBegun else { return try await run(queries) }
            hasBegun = true
            return Array(try await run(["BEGIN"] + queries).dropFirst())
        } catch {
            // Without a COMMIT nothing of a transaction takes effect, heard or not.
            throw error.outcome(unknown: false)
        }
    }

    /// Runs SQL text of any number of statements without parameters: a migration.
    package func run(script: String) async throws(DatabaseError) {
        if !hasBegun { _ = try await pipeline([]) }
        do throws(DatabaseError) {
            try await connection.run(script: script, by: statementDeadline)
        } catch {
            throw error.outcome(unknown: false)
        }
    }

    func commit() async throws(DatabaseError) {
        guard hasBegun else { return }
        // Not cancellable: half a second later the outcome would be known, so do not make it unknown.
        let answer = try await connection.run(["COMMIT"], by: .after(limits.statementTimeout), cancellable: false)
        hasBegun = false
        guard answer.first?.commandTag == "COMMIT" else {
            throw DatabaseError(
                .server(.inFailedTransaction), "the transaction was rolled back because a statement in it had failed")
        }
    }

    /// Best effort: what cannot be rolled back is closed, which comes to the same.
    func rollBack() async {
        guard hasBegun, !connection.isBroken, !connection.isReusable else { return }
        _ = try? await connection.run(
            ["ROLLBACK"], by: .after(min(limits.statementTimeout, .seconds(5))), cancellable: false)
    }

    private func run(_ queries: [Query]) async throws(DatabaseError) -> [Rows] {
        try await connection.run(queries, by: statementDeadline)
    }

    private var statementDeadline: Deadline { min(deadline, .after(limits.statementTimeout)) }
}

/// A connection of one's own. Valid only inside the closure that it was given to.
package final class Session {
    private let connection: PostgresConnection
    private let limits: PoolLimits
    private let deadline: Deadline

    init(_ connection: PostgresConnection, limits: PoolLimits, deadline: Deadline) {
        self.connection = connection
        self.limits = limits
        self.deadline = deadline
    }

    /// Runs one statement and returns its rows.
    package func query(_ query: Query) async throws(DatabaseError) -> Rows {
        try await connection.run([query], by: min(deadline, .after(limits.statementTimeout)))[0]
    }

    /// Runs one statement and returns the number of rows that it touched.
    @discardableResult
    package func execute(_ query: Query) async throws(DatabaseError) -> Int {
        try await self.query(query).affectedRows
    }

    /// As ``Database/transaction(by:_:)``, on this connection.
    @discardableResult
    package func transaction<R>(_ body: (Transaction) async throws -> R) async throws -> R {
        let transaction = Transaction(connection, limits: limits, deadline: deadline)
        do {
            let result = try await body(transaction)
            try await transaction.commit()
            return result
        } catch {
            await transaction.rollBack()
            throw error
        }
    }
}
