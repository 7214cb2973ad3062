import CPostgres
import Net

/// One connection to the server, through libpq in non-blocking mode. Bound to a loop, one operation at a time.
///
/// It speaks libpq's pipeline mode all the time: what an operation needs (forgetting an old statement, preparing a new
/// one, executing) goes out in one write and costs one round trip.
final class PostgresConnection: @unchecked Sendable {
    let loop: Loop
    /// Nil when closed.
    private(set) var libpq: LibPQ?
    var statements = StatementCache(capacity: PostgresConnection.statementCapacity)

    private let watcher: DescriptorWatcher
    /// Ends an operation from outside: its task was cancelled, or the connection is closed under it.
    private var interruption: DatabaseError?
    private var operation = 0
    private(set) var isBusy = false
    private(set) var isBroken = false
    /// Not to be lent again, although it works.
    var isSpent = false

    /// How many statements stay prepared on one connection.
    static let statementCapacity = 256

    // MARK: Connecting

    /// Connects on the current loop. libpq tries the hosts in turn; the deadline is for all of them.
    static func connect(
        _ options: ConnectionOptions, by deadline: Deadline
    ) async throws(DatabaseError) -> PostgresConnection {
        guard let loop = Loop.current else { preconditionFailure("a connection needs a loop") }
        let parameters = try await options.resolved(by: deadline)
        guard let libpq = LibPQ(starting: parameters) else { throw .cannotConnect("out of memory") }
        let connection: PostgresConnection
        do throws(DatabaseError) {
            try await finishConnecting(libpq, by: deadline)
            connection = try PostgresConnection(loop: loop, libpq: libpq)
        } catch {
            libpq.finish()
            throw error
        }
        do throws(DatabaseError) {
            _ = try await connection.run([settings], by: deadline)
            return connection
        } catch {
            connection.close()
            throw error
        }
    }

    /// Every statement here is prepared, and looks up a few rows by an index. So a plan is made once on a connection, for
    /// any values: to make one for each execution takes longer than to execute it, the more so the more partitions a table
    /// has. And a plan must not read a whole table because the table was empty when the plan was made.
    private static let settings: Query = """
        SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
            set_config('jit', 'off', false)
        """

    private static func finishConnecting(_ libpq: LibPQ, by deadline: Deadline) async throws(DatabaseError) {
        // As if PQconnectPoll had asked to write (libpq documentation, PQconnectStartParams).
        var status = PGRES_POLLING_WRITING
        while status != PGRES_POLLING_OK {
            guard status != PGRES_POLLING_FAILED, !libpq.isBad else { throw .cannotConnect(libpq.message) }
            do throws(NetError) {
                // A step may close the socket and open the next host's under the same number: watch anew each time.
                let watcher = try DescriptorWatcher(descriptor: libpq.socket)
                defer { watcher.invalidate() }
                _ = try await watcher.wait(
                    for: status == PGRES_POLLING_READING ? .readable : .writable, until: deadline)
            } catch {
                throw .cannotConnect("\(error)")
            }
            status = libpq.pollConnect()
        }
    }

    private init(loop: Loop, libpq: LibPQ) throws(DatabaseError) {
        self.loop = loop
        do throws(NetError) {
            watcher = try DescriptorWatcher(descriptor: libpq.socket)
        } catch {
            throw .cannotConnect("\(error)")
        }
        guard libpq.makeNonBlocking(), libpq.enterPipelineMode() else {
            watcher.invalidate()
            throw .cannotConnect(libpq.message)
        }
        self.libpq = libpq
    }

    deinit {
        // Only when the loop was shut down with the connection open; ``close()`` is the rule.
        libpq?.finish()
    }

    // MARK: State

    /// Whether the server has closed the connection, as far as the kernel knows by now. One system call as a rule.
    var hasHungUp: Bool {
        guard !isBroken, let libpq else { return true }
        switch libpq.arrival {
        case .nothing: return false
        case .end: return true
        case .something:
            // A message nobody asked for: a changed setting, or a farewell and then the end.
            for _ in 0..<2 {
                guard libpq.consumeInput() else { return true }
                _ = libpq.isBusy
            }
            return !libpq.isConnected
        }
    }

    /// Whether another operation may follow: connected, and in no transaction.
    var isReusable: Bool {
        guard !isBroken, !isSpent, let libpq else { return false }
        return libpq.isConnected && !libpq.isInTransaction
    }

    /// Closes it. An operation that runs fails.
    func close() {
        loop.preconditionOnLoop()
        if interruption == nil { interruption = .connectionLost("closed") }
        isBroken = true
        watcher.invalidate()
        // The operation that still runs uses libpq's connection and finishes it.
        if !isBusy { finish() }
    }

    private func finish() {
        libpq?.finish()
        libpq = nil
    }

    /// Never uses the connection again, after a failure within an operation. The server learns of a statement that
    /// it still runs through a cancel request.
    private func abandon(cancelling: Bool) {
        isBroken = true
        watcher.invalidate()
        if cancelling, let handle = libpq?.cancelHandle { CancelRequest.send(handle) }
    }

    // MARK: Operations

    /// Runs one operation. After a failure that leaves the protocol in the middle the connection is broken.
    ///
    /// - Parameter cancellable: false lets the operation end although its task is cancelled: a COMMIT, a ROLLBACK.
    func perform<R>(
        cancellable: Bool, _ body: (LibPQ) async throws(DatabaseError) -> R
    ) async throws(DatabaseError) -> R {
        loop.preconditionOnLoop()
        precondition(!isBusy, "two operations at once on one connection")
        guard !isBroken, let libpq else { throw interruption ?? .connectionLost("closed") }
        if cancellable && Task.isCancelled { throw .cancelled }
        isBusy = true
        operation += 1
        let number = operation
        let result: Result<R, DatabaseError>
        if cancellable {
            result = await withTaskCancellationHandler {
                await Self.result { () async throws(DatabaseError) in try await body(libpq) }
            } onCancel: {
                loop.execute { [self] in interrupt(number) }
            }
        } else {
            result = await Self.result { () async throws(DatabaseError) in try await body(libpq) }
        }
        isBusy = false
        if case .failure(let error) = result {
            switch error.kind {
            case .server, .decoding: break
            case .timedOut, .cancelled: abandon(cancelling: true)
            case .unavailable, .misuse: abandon(cancelling: false)
            }
        }
        if isBroken { finish() }
        return try result.get()
    }

    private static func result<R>(
        _ body: () async throws(DatabaseError) -> R
    ) async -> Result<R, DatabaseError> {
        do throws(DatabaseError) {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }

    private func interrupt(_ number: Int) {
        guard isBusy, operation == number, interruption == nil else { return }
        interruption = .cancelled
        isBroken = true
        watcher.invalidate()
    }

    /// Suspends until the socket is ready.
    func wait(for interest: Readiness, until deadline: Deadline) async throws(DatabaseError) -> Readiness {
        if let interruption { throw interruption }
        do throws(NetError) {
            return try await watcher.wait(for: interest, until: deadline)
        } catch {
            if let interruption { throw interruption }
            throw error.kind == .timedOut ? .timedOut : .connectionLost("\(error)")
        }
    }
}
