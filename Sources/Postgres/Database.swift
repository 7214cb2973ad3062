package import Net
import Synchronization

/// A PostgreSQL database: where every query starts.
///
/// Each loop has connections of its own, so that a query on a loop's task needs no lock and no hop. From any other
/// task the work goes to one of the loops and comes back. Call it from nonisolated code, not from an actor.
///
/// A server that goes away and comes back costs errors that say ``DatabaseError/isUnavailable``; the pools reconnect by
/// themselves.
package final class Database: Sendable {
    package let limits: PoolLimits
    private let options: ConnectionOptions
    private let loops: LoopGroup
    private let pools: [ConnectionPool]
    /// Nil after the shutdown.
    private let listeners = Mutex<[NotificationListener]?>([])

    /// Opens nothing yet; the first query connects.
    package init(options: ConnectionOptions, loops: LoopGroup, limits: PoolLimits = PoolLimits()) {
        self.options = options
        self.loops = loops
        self.limits = limits
        pools = loops.loops.map { ConnectionPool(loop: $0, options: options, limits: limits) }
    }

    /// Runs one statement and returns its rows.
    ///
    /// - Parameter deadline: for everything; `PoolLimits` bound the wait for a connection and the statement besides.
    package func query(_ query: Query, by deadline: Deadline = .never) async throws(DatabaseError) -> Rows {
        try await pipeline([query], by: deadline)[0]
    }

    /// Runs one statement and returns the number of rows that it inserted, updated, deleted or selected.
    @discardableResult
    package func execute(_ query: Query, by deadline: Deadline = .never) async throws(DatabaseError) -> Int {
        try await self.query(query, by: deadline).affectedRows
    }

    /// Runs the statements in one round trip and one implicit transaction: all take effect, or none.
    ///
    /// Each has its own snapshot: a statement sees what others committed while the one before it waited for a lock.
    /// The first error ends it all and is thrown.
    package func pipeline(
        _ queries: [Query], by deadline: Deadline = .never
    ) async throws(DatabaseError) -> [Rows] {
        try await onPool { (pool) async throws(DatabaseError) in
            try await pool.withConnection(by: deadline) { (connection) async throws(DatabaseError) in
                try await connection.run(queries, by: min(deadline, .after(pool.limits.statementTimeout)))
            }
        }
    }

    /// Runs `body` in a transaction: committed when it returns, rolled back when it throws, and its error thrown on.
    ///
    /// When the COMMIT's answer is lost, the error's ``DatabaseError/outcomeIsUnknown`` is true. A body that caught a
    /// statement's error leaves a failed transaction behind: then the commit throws `.server(.inFailedTransaction)`.
    /// The task's cancellation ends statements of `body`, not the COMMIT.
    @discardableResult
    package func transaction<R>(
        by deadline: Deadline = .never, _ body: (Transaction) async throws -> R
    ) async throws -> R {
        try await onPool { (pool) async throws in
            let lease = try await pool.acquire(by: deadline)
            let transaction = Transaction(lease.connection, limits: pool.limits, deadline: deadline)
            do {
                let result = try await body(transaction)
                try await transaction.commit()
                pool.release(lease, after: nil)
                return result
            } catch {
                await transaction.rollBack()
                pool.release(lease, after: error as? DatabaseError)
                throw error
            }
        }
    }

    /// Lends a connection of its own, for what outlives a transaction: advisory locks, settings. It is closed
    /// afterwards, which gives up all of that.
    @discardableResult
    package func session<R>(
        by deadline: Deadline = .never, _ body: (Session) async throws -> R
    ) async throws -> R {
        try await onPool { (pool) async throws in
            let lease = try await pool.acquire(by: deadline)
            defer {
                lease.connection.close()
                pool.release(lease, after: nil)
            }
            return try await body(Session(lease.connection, limits: pool.limits, deadline: deadline))
        }
    }

    /// Listens for notifications, on a dedicated connection of the first loop, until ``Listening/stop()`` or
    /// ``shutdown(within:)``. Both closures run on the loop and must not block.
    ///
    /// - Parameters:
    ///   - channels: names as `pg_notify` gives them, case counts.
    ///   - onNotification: each notification in the server's order.
    ///   - onConnect: after every (re)connection, when LISTEN is in force: what was notified before is lost, so look
    ///     for yourself now.
    package func listen(
        channels: [String], onNotification: @escaping @Sendable (Notification) -> Void,
        onConnect: @escaping @Sendable () -> Void
    ) -> Listening {
        let listener = NotificationListener(
            loop: loops.loops[0], options: options, limits: limits, channels: channels,
            onNotification: onNotification, onConnect: onConnect)
        let isOpen = listeners.withLock { listeners in
            listeners?.append(listener)
            return listeners != nil
        }
        if isOpen { listener.start() }
        return Listening(listener)
    }

    /// Refuses new queries and listening, and waits until those that run have ended, or cuts them off.
    package func shutdown(within grace: Duration = .seconds(30)) async {
        let deadline = Deadline.after(grace)
        let stopping = listeners.withLock { listeners in
            defer { listeners = nil }
            return listeners ?? []
        }
        for listener in stopping { await listener.stop() }
        for pool in pools {
            await withTaskExecutorPreference(pool.loop) {
                await pool.loop.enter()
                await pool.shutDown(by: deadline)
            }
        }
    }

    /// Runs `body` on a loop: the present one if it is ours.
    private func onPool<R, Failure: Error>(
        _ body: (ConnectionPool) async throws(Failure) -> R
    ) async throws(Failure) -> R {
        if let loop = Loop.current, loop.index < pools.count, pools[loop.index].loop === loop {
            return try await body(pools[loop.index])
        }
        let pool = pools[loops.next().index]
        return try await withTaskExecutorPreference(pool.loop) { () async throws(Failure) in
            await pool.loop.enter()
            return try await body(pool)
        }
    }
}

/// A listening that runs.
package struct Listening: Sendable {
    private let listener: NotificationListener

    init(_ listener: NotificationListener) {
        self.listener = listener
    }

    /// Ends it; afterwards no closure is called any more.
    package func stop() async {
        await listener.stop()
    }
}
