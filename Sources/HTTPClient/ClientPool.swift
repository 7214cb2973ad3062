import Net

/// The connections to one origin on one loop. Loop-bound. ``ClientPoolStateMachine`` decides; this does.
final class ClientPool: @unchecked Sendable {
    private typealias ConnectionID = ClientPoolStateMachine.ConnectionID
    private typealias WaiterID = ClientPoolStateMachine.WaiterID

    /// A call that waits for a connection.
    private struct Waiter {
        let continuation: CheckedContinuation<Result<ClientConnection, ClientError>, Never>
        let timer: LoopTimer?
    }

    private let origin: Origin
    private let loop: Loop
    private let limits: ClientLimits
    private let tls: TLSContext
    /// Called when nothing is left in here and nobody is about to come.
    private let didEmpty: () -> Void
    private var machine: ClientPoolStateMachine
    private var idle: [ClientPoolStateMachine.ConnectionID: ClientConnection] = [:]
    private var waiters: [ClientPoolStateMachine.WaiterID: Waiter] = [:]
    private var expiryTimer: LoopTimer?

    init(origin: Origin, loop: Loop, limits: ClientLimits, tls: TLSContext, didEmpty: @escaping () -> Void) {
        self.origin = origin
        self.loop = loop
        self.limits = limits
        self.tls = tls
        self.didEmpty = didEmpty
        machine = ClientPoolStateMachine(limits)
    }

    /// A connection for one exchange. Give it back with ``release(_:isReusable:)``, whatever happens.
    func acquire(
        needsFresh: Bool, deadline: Deadline, scope: CallScope
    ) async throws(ClientError) -> ClientConnection {
        while true {
            guard !scope.isCancelled else { throw notSent(.cancelled) }
            switch machine.acquire(needsFresh: needsFresh) {
            case .lease(let id):
                guard let connection = idle.removeValue(forKey: id) else { preconditionFailure("not idle") }
                if connection.isQuiet { return connection }
                place(connection, machine.release(id, isReusable: false, now: .now()))
            case .wait(let id, let connect, let evict):
                if let evict { idle.removeValue(forKey: evict)?.close() }
                if let connect { open(connect) }
                return try await wait(id, deadline: deadline, scope: scope).get()
            case .refuse(.queueIsFull): throw notSent(.poolExhausted)
            case .refuse(.isShutDown): throw notSent(.cancelled)
            }
        }
    }

    /// Takes a connection back.
    func release(_ connection: ClientConnection, isReusable: Bool) {
        let isReusable = isReusable && connection.stream.isOpen
        place(connection, machine.release(connection.id, isReusable: isReusable, now: .now()))
        if machine.isEmpty { didEmpty() }
    }

    /// Closes what is idle and refuses who waits and who comes.
    func shutDown() {
        let (close, told) = machine.shutDown()
        for id in close { idle.removeValue(forKey: id)?.close() }
        for id in told { resume(id, with: .failure(notSent(.cancelled))) }
        expiryTimer?.cancel()
    }

    // MARK: Waiting

    private func wait(
        _ id: WaiterID, deadline: Deadline, scope: CallScope
    ) async -> Result<ClientConnection, ClientError> {
        let result = await withCheckedContinuation { continuation in
            let timer =
                deadline == .never ? nil : loop.schedule(at: deadline) { [self] in giveUp(id, .timedOut) }
            waiters[id] = Waiter(continuation: continuation, timer: timer)
            scope.onCancel { [self] in giveUp(id, .cancelled) }
        }
        scope.onCancel(nil)
        return result
    }

    private func giveUp(_ id: WaiterID, _ kind: ClientError.Kind) {
        guard waiters[id] != nil else { return }
        machine.waiterDidLeave(id)
        resume(id, with: .failure(notSent(kind)))
    }

    private func resume(_ id: WaiterID, with result: Result<ClientConnection, ClientError>) {
        guard let waiter = waiters.removeValue(forKey: id) else { preconditionFailure("nobody waits") }
        waiter.timer?.cancel()
        waiter.continuation.resume(returning: result)
    }

    private func notSent(_ kind: ClientError.Kind) -> ClientError {
        ClientError(kind, origin, requestMayHaveArrived: false)
    }

    // MARK: Connections

    /// A connection is nobody's while it opens: when who asked for it goes, it serves the next.
    private func open(_ id: ConnectionID) {
        let deadline = Deadline.after(limits.connectTimeout)
        loop.spawn { [self] in
            do throws(ClientError) {
                let connection = try await ClientConnection.open(id, to: origin, tls: tls, deadline: deadline)
                place(connection, machine.connectionDidOpen(id, now: .now()), isFresh: true)
            } catch {
                let (told, connect) = machine.connectionDidFail(id)
                if let told { resume(told, with: .failure(error)) }
                if let connect { open(connect) }
            }
            if machine.isEmpty { didEmpty() }
        }
    }

    private func place(
        _ connection: ClientConnection, _ placement: ClientPoolStateMachine.Placement, isFresh: Bool = false
    ) {
        switch placement {
        case .lease(let waiter):
            connection.isFresh = isFresh
            resume(waiter, with: .success(connection))
        case .park:
            connection.isFresh = false
            idle[connection.id] = connection
            if expiryTimer == nil { scheduleExpiry() }
        case .close(let connect):
            connection.close()
            if let connect { open(connect) }
        }
    }

    /// One timer for all of them: it is moved only when it fires.
    private func scheduleExpiry() {
        expiryTimer = machine.nextExpiry.map { expiry in
            loop.schedule(at: expiry) { [self] in
                for id in machine.expire(now: .now()) { idle.removeValue(forKey: id)?.close() }
                scheduleExpiry()
                if machine.isEmpty { didEmpty() }
            }
        }
    }
}
