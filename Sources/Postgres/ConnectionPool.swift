import Net
import Telemetry

/// How much a ``Database`` may use and how long its callers may wait.
package struct PoolLimits: Sendable {
    /// Connections of one loop at once. The server sees this times the number of loops.
    package var connectionsPerLoop = 4
    /// Callers that may wait for a connection on one loop; one more is refused at once.
    package var waitersPerLoop = 1024
    /// How long a caller waits for a connection.
    package var acquireTimeout: Duration = .seconds(5)
    /// How long a statement (a pipeline, a COMMIT) may take.
    package var statementTimeout: Duration = .seconds(30)
    /// How long connecting may take, all hosts together.
    package var connectTimeout: Duration = .seconds(5)
    /// After this long without work a connection is closed.
    package var idleTimeout: Duration = .seconds(600)

    package init() {}
}

/// The connections of one loop. Everything happens on the loop's thread.
///
/// The decisions are `PoolStateMachine`'s; this carries them out.
@safe
final class ConnectionPool: @unchecked Sendable {
    /// A connection on loan, to be given back with ``release(_:after:)``.
    struct Lease {
        fileprivate let id: PoolStateMachine.ConnectionID
        let connection: PostgresConnection
    }

    @safe
    private struct Waiter {
        let continuation: UnsafeContinuation<Result<Lease, DatabaseError>, Never>
        let timer: LoopTimer
    }

    let loop: Loop
    let limits: PoolLimits
    private let options: ConnectionOptions
    private var machine: PoolStateMachine
    private var connections: [PoolStateMachine.ConnectionID: PostgresConnection] = [:]
    private var waiters: [PoolStateMachine.WaiterID: Waiter] = [:]
    private var nextWaiter = 0
    private var retryTimer: LoopTimer?
    private var sweepTimer: LoopTimer?
    private var lastConnectError: DatabaseError?
    private var drainWaiters: [UnsafeContinuation<Void, Never>] = unsafe []
    private var isDrained = false
    private let log = Log("postgres")

    /// A sign of life that takes longer is none.
    private static let probeTimeout = Duration.seconds(2)

    init(loop: Loop, options: ConnectionOptions, limits: PoolLimits) {
        self.loop = loop
        self.options = options
        self.limits = limits
        machine = PoolStateMachine(
            limits: .init(
                connections: max(1, limits.connectionsPerLoop), waiters: limits.waitersPerLoop,
                idleTimeout: limits.idleTimeout))
    }

    // MARK: Lending

    /// Lends a connection to `body`. What `body` leaves in a transaction is closed, not lent again.
    func withConnection<R>(
        by deadline: Deadline, _ body: (PostgresConnection) async throws(DatabaseError) -> R
    ) async throws(DatabaseError) -> R {
        let lease = try await acquire(by: deadline)
        do throws(DatabaseError) {
            let result = try await body(lease.connection)
            release(lease, after: nil)
            return result
        } catch {
            release(lease, after: error)
            throw error
        }
    }

    func acquire(by deadline: Deadline) async throws(DatabaseError) -> Lease {
        loop.preconditionOnLoop()
        if Task.isCancelled { throw .cancelled }
        while let id = machine.leaseIdle() {
            if let lease = checked(id) { return lease }
        }
        nextWaiter += 1
        let number = nextWaiter
        let deadline = min(deadline, .after(limits.acquireTimeout))
        return try await withTaskCancellationHandler {
            unsafe await withUnsafeContinuation { continuation in
                let timer = loop.schedule(at: deadline) { [self] in giveUp(number, .poolExhausted) }
                waiters[number] = unsafe Waiter(continuation: continuation, timer: timer)
                perform(machine.acquire(number, now: .now()))
            }
        } onCancel: {
            loop.execute { [self] in giveUp(number, .cancelled) }
        }.get()
    }

    func release(_ lease: Lease, after error: DatabaseError?) {
        loop.preconditionOnLoop()
        let fate: PoolStateMachine.Fate
        if lease.connection.isReusable {
            fate = .reusable
        } else {
            fate = error?.kind == .unavailable ? .lost : .discarded
        }
        perform(machine.release(lease.id, fate, now: .now()))
    }

    /// The lease of a connection that has lain idle, unless the server closed it meanwhile.
    private func checked(_ id: PoolStateMachine.ConnectionID) -> Lease? {
        guard let connection = connections[id] else { preconditionFailure("the pool lent what it does not have") }
        if !connection.hasHungUp {
            return Lease(id: id, connection: connection)
        }
        perform(machine.release(id, .lost, now: .now()))
        return nil
    }

    private func giveUp(_ number: PoolStateMachine.WaiterID, _ error: DatabaseError) {
        guard machine.waiterGaveUp(number) else { return }
        // Whoever waited in vain learns why there is no connection.
        resume(number, .failure(error.kind == .unavailable ? lastConnectError ?? error : error))
    }

    private func resume(_ number: PoolStateMachine.WaiterID, _ result: Result<Lease, DatabaseError>) {
        guard let waiter = waiters.removeValue(forKey: number) else { return }
        waiter.timer.cancel()
        unsafe waiter.continuation.resume(returning: result)
    }

    // MARK: Carrying out

    private func perform(_ actions: [PoolStateMachine.Action]) {
        for action in actions {
            switch action {
            case .connect(let id):
                loop.spawn { [self] in await connect(id) }
            case .probe(let id):
                loop.spawn { [self] in await probe(id) }
            case .lease(let id, let waiter):
                guard let connection = connections[id] else { preconditionFailure("no such connection") }
                resume(waiter, .success(Lease(id: id, connection: connection)))
            case .fail(let waiter, let failure):
                resume(waiter, .failure(error(for: failure)))
            case .close(let id):
                connections.removeValue(forKey: id)?.close()
            case .retry(let time):
                retryTimer?.cancel()
                retryTimer = loop.schedule(at: time) { [self] in perform(machine.retryTimeCame(now: .now())) }
            case .drained:
                didDrain()
            }
        }
    }

    private func error(for failure: PoolStateMachine.Failure) -> DatabaseError {
        switch failure {
        case .queueFull: .queueFull
        case .shutDown: .shutDown
        case .unavailable: lastConnectError ?? .cannotConnect("")
        }
    }

    private func connect(_ id: PoolStateMachine.ConnectionID) async {
        do throws(DatabaseError) {
            connections[id] = try await PostgresConnection.connect(options, by: .after(limits.connectTimeout))
            lastConnectError = nil
            perform(machine.connectSucceeded(id, now: .now()))
            scheduleSweep()
        } catch {
            log.debug("cannot connect", ["error": .string(error.debugDescription)])
            lastConnectError = error
            perform(machine.connectFailed(id, now: .now(), random: .random(in: 0..<1)))
        }
    }

    private func probe(_ id: PoolStateMachine.ConnectionID) async {
        guard let connection = connections[id] else { return }
        do throws(DatabaseError) {
            try await connection.probe(by: .after(Self.probeTimeout))
            perform(machine.probeSucceeded(id, now: .now()))
        } catch {
            perform(machine.probeFailed(id, now: .now()))
        }
    }

    private func scheduleSweep() {
        guard sweepTimer == nil, !connections.isEmpty, !isDrained else { return }
        sweepTimer = loop.schedule(at: .after(limits.idleTimeout / 2)) { [self] in
            sweepTimer = nil
            perform(machine.sweep(now: .now()))
            scheduleSweep()
        }
    }

    // MARK: Shutdown

    /// Refuses new callers, waits for those that have a connection, and cuts them off at the deadline.
    func shutDown(by deadline: Deadline) async {
        loop.preconditionOnLoop()
        perform(machine.shutDown())
        guard !isDrained else { return }
        let cut = loop.schedule(at: deadline) { [self] in
            for connection in connections.values { connection.close() }
        }
        unsafe await withUnsafeContinuation { continuation in
            unsafe drainWaiters.append(continuation)
        }
        cut.cancel()
    }

    private func didDrain() {
        isDrained = true
        retryTimer?.cancel()
        sweepTimer?.cancel()
        let waiting = unsafe drainWaiters
        unsafe drainWaiters = unsafe []
        unsafe waiting.forEach { unsafe $0.resume() }
    }
}
