import Net

/// What a pool of connections does next. Pure: it is told what happened and when, and answers what to do.
///
/// Callers get connections in the order in which they asked. When the server is away, a breaker opens: callers fail at
/// once instead of queueing, until one of the attempts that the pool keeps making succeeds.
struct PoolStateMachine {
    typealias ConnectionID = Int
    typealias WaiterID = Int

    struct Limits {
        /// Connections at once, at least 1.
        var connections: Int
        /// Callers that may wait at once.
        var waiters: Int
        /// How long a connection may lie idle.
        var idleTimeout: Duration
        /// Rounds of failed attempts after which the breaker opens; until then callers wait for the next attempt.
        var failuresUntilOpen = 3
        /// An attempt that takes so long to fail opens it at once: the next would keep callers waiting as long.
        var slowFailure = Duration.seconds(1)
        var backoff = Backoff.reconnect
    }

    enum Action: Equatable {
        case connect(ConnectionID)
        /// Ask the server for a sign of life on an idle connection.
        case probe(ConnectionID)
        case lease(ConnectionID, to: WaiterID)
        case fail(WaiterID, Failure)
        case close(ConnectionID)
        /// Call `retryTimeCame` at that time.
        case retry(at: Deadline)
        /// After a shutdown: the last connection is gone.
        case drained
    }

    enum Failure: Equatable {
        case queueFull, unavailable, shutDown
    }

    /// How a leased connection comes back.
    enum Fate {
        case reusable
        /// Unusable for a reason of its own: a deadline, a cancelled task.
        case discarded
        /// The server or the way to it failed: the idle ones are to be doubted too.
        case lost
    }

    private enum State {
        /// To leased, idle or gone.
        case connecting(since: Deadline)
        /// To leased, probing or gone. Its entry in `idle` says since when.
        case idle
        /// To leased, idle or gone.
        case probing
        /// To idle, leased by another, or gone.
        case leased
    }

    private struct Idle {
        let id: ConnectionID
        let since: Deadline
        var isSuspect: Bool
    }

    private let limits: Limits
    private var connections: [ConnectionID: State] = [:]
    /// The most recently used last: it is lent first, so that superfluous ones age.
    private var idle: [Idle] = []
    private var waiters = WaiterQueue()
    private var nextID = 0
    /// Rounds of attempts in a row that failed.
    private var failures = 0
    private var breakerIsOpen = false
    /// When the next attempt may be made; nil when at once.
    private var retryTime: Deadline?
    private var isShutDown = false

    init(limits: Limits) {
        self.limits = limits
    }

    var connectionCount: Int { connections.count }
    var waiterCount: Int { waiters.count }
    var isOpen: Bool { breakerIsOpen }

    // MARK: Callers

    /// Lends an idle connection that is above suspicion, if there is one.
    mutating func leaseIdle() -> ConnectionID? {
        guard !isShutDown, let last = idle.last, !last.isSuspect else { return nil }
        idle.removeLast()
        connections[last.id] = .leased
        return last.id
    }

    /// A caller wants a connection; `lease` or `fail` will name it, now or later.
    mutating func acquire(_ waiter: WaiterID, now: Deadline) -> [Action] {
        if isShutDown { return [.fail(waiter, .shutDown)] }
        if let id = leaseIdle() { return [.lease(id, to: waiter)] }
        // With connections still out there is something to wait for, whatever the breaker says.
        if breakerIsOpen && !hasLive { return [.fail(waiter, .unavailable)] }
        guard waiters.count < limits.waiters else { return [.fail(waiter, .queueFull)] }
        waiters.append(waiter)
        return provide(now: now)
    }

    /// The caller's deadline passed or its task was cancelled. False when it does not wait any more.
    mutating func waiterGaveUp(_ waiter: WaiterID) -> Bool {
        waiters.remove(waiter)
    }

    /// A caller is done.
    mutating func release(_ id: ConnectionID, _ fate: Fate, now: Deadline) -> [Action] {
        switch fate {
        case .reusable where !isShutDown:
            return settle(id, now: now)
        case .reusable, .discarded:
            return drop(id, now: now)
        case .lost:
            for index in idle.indices { idle[index].isSuspect = true }
            return drop(id, now: now)
        }
    }

    // MARK: Connections

    mutating func connectSucceeded(_ id: ConnectionID, now: Deadline) -> [Action] {
        failures = 0
        breakerIsOpen = false
        retryTime = nil
        if isShutDown { return drop(id, now: now) }
        return settle(id, now: now) + provide(now: now)
    }

    /// - Parameter random: 0 ..< 1.
    mutating func connectFailed(_ id: ConnectionID, now: Deadline, random: Double) -> [Action] {
        guard case .connecting(let since)? = connections.removeValue(forKey: id) else { return [] }
        if isShutDown { return drainedIfEmpty() }
        var actions: [Action] = []
        // Attempts that were under way together count once.
        if retryTime == nil {
            failures += 1
            let time = now + limits.backoff.pause(afterFailures: failures, random: random)
            retryTime = time
            actions.append(.retry(at: time))
        }
        if failures >= limits.failuresUntilOpen || since + limits.slowFailure <= now { breakerIsOpen = true }
        if breakerIsOpen && !hasLive { actions += failAll(.unavailable) }
        return actions
    }

    mutating func retryTimeCame(now: Deadline) -> [Action] {
        retryTime = nil
        guard !isShutDown, breakerIsOpen || waiters.count > 0, connections.count < limits.connections else { return [] }
        // One scout is enough; when it comes through, the others follow.
        if connections.values.contains(where: { if case .connecting = $0 { true } else { false } }) { return [] }
        return [connect(now: now)]
    }

    mutating func probeSucceeded(_ id: ConnectionID, now: Deadline) -> [Action] {
        isShutDown ? drop(id, now: now) : settle(id, now: now)
    }

    mutating func probeFailed(_ id: ConnectionID, now: Deadline) -> [Action] {
        drop(id, now: now)
    }

    /// Closes what has been idle for too long.
    mutating func sweep(now: Deadline) -> [Action] {
        let old = idle.filter { $0.since + limits.idleTimeout <= now }
        idle.removeAll { $0.since + limits.idleTimeout <= now }
        return old.map { entry in
            connections[entry.id] = nil
            return .close(entry.id)
        }
    }

    /// Refuses new callers and those that wait. Connections that are out finish their work; then comes `drained`.
    mutating func shutDown() -> [Action] {
        guard !isShutDown else { return [] }
        isShutDown = true
        var actions = failAll(.shutDown)
        for entry in idle {
            connections[entry.id] = nil
            actions.append(.close(entry.id))
        }
        idle = []
        return actions + drainedIfEmpty()
    }

    // MARK: Steps

    /// Connections that work as far as we know.
    private var hasLive: Bool {
        connections.values.contains { if case .connecting = $0 { false } else { true } }
    }

    /// Gives a good connection to whoever waits longest, or puts it by.
    private mutating func settle(_ id: ConnectionID, now: Deadline) -> [Action] {
        if let waiter = waiters.popFirst() {
            connections[id] = .leased
            return [.lease(id, to: waiter)]
        }
        connections[id] = .idle
        idle.append(Idle(id: id, since: now, isSuspect: false))
        return []
    }

    /// Starts what the waiting callers need: probes of doubtful connections first, then new ones.
    private mutating func provide(now: Deadline) -> [Action] {
        var coming = connections.values.count { state in
            switch state {
            case .connecting, .probing: true
            case .idle, .leased: false
            }
        }
        var actions: [Action] = []
        while coming < waiters.count {
            if let entry = idle.popLast() {
                connections[entry.id] = .probing
                actions.append(.probe(entry.id))
            } else if connections.count < limits.connections, retryTime == nil, !breakerIsOpen {
                actions.append(connect(now: now))
            } else {
                break
            }
            coming += 1
        }
        return actions
    }

    private mutating func connect(now: Deadline) -> Action {
        nextID += 1
        connections[nextID] = .connecting(since: now)
        return .connect(nextID)
    }

    private mutating func drop(_ id: ConnectionID, now: Deadline) -> [Action] {
        connections[id] = nil
        if isShutDown { return [.close(id)] + drainedIfEmpty() }
        var actions = [Action.close(id)] + provide(now: now)
        if breakerIsOpen && !hasLive { actions += failAll(.unavailable) }
        return actions
    }

    private mutating func failAll(_ failure: Failure) -> [Action] {
        var actions: [Action] = []
        while let waiter = waiters.popFirst() { actions.append(.fail(waiter, failure)) }
        return actions
    }

    private func drainedIfEmpty() -> [Action] {
        connections.isEmpty ? [.drained] : []
    }
}

/// Callers in order of arrival; any of them may leave.
struct WaiterQueue {
    private var order: [PoolStateMachine.WaiterID] = []
    private var head = 0
    private var present: Set<PoolStateMachine.WaiterID> = []

    var count: Int { present.count }

    mutating func append(_ waiter: PoolStateMachine.WaiterID) {
        // Those who left stay in `order` until they are reached, or until they are most of it.
        if order.count - head > 2 * present.count + 32 || head > order.count / 2 + 32 {
            order = order[head...].filter { present.contains($0) }
            head = 0
        }
        order.append(waiter)
        present.insert(waiter)
    }

    mutating func popFirst() -> PoolStateMachine.WaiterID? {
        while head < order.count {
            let waiter = order[head]
            head += 1
            if present.remove(waiter) != nil { return waiter }
        }
        order.removeAll(keepingCapacity: true)
        head = 0
        return nil
    }

    mutating func remove(_ waiter: PoolStateMachine.WaiterID) -> Bool {
        present.remove(waiter) != nil
    }
}
