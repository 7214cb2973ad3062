package import Net

/// Who has which connection of one origin on one loop. Pure: it is told what happened, and says what to do.
///
/// A connection is opening, leased or idle:
/// - opening → leased (somebody waits), idle (nobody does any more), gone (failed, or shut down meanwhile)
/// - leased → leased (the next who waits), idle, gone (not reusable, or the next needs a fresh one)
/// - idle → leased, gone (expired, or makes room for a fresh one)
package struct ClientPoolStateMachine {
    package struct ConnectionID: Hashable, Sendable {
        fileprivate let number: Int
    }

    package struct WaiterID: Hashable, Sendable {
        fileprivate let number: Int
    }

    package enum AcquireAction: Equatable {
        /// An idle connection, the one used last.
        case lease(ConnectionID)
        /// Queue up; open `connect`, close `evict`, if there are any.
        case wait(WaiterID, connect: ConnectionID?, evict: ConnectionID?)
        case refuse(Refusal)
    }

    package enum Refusal: Equatable {
        case queueIsFull
        case isShutDown
    }

    /// What becomes of a connection.
    package enum Placement: Equatable {
        case lease(to: WaiterID)
        case park
        /// Close it, and open another one if there is one.
        case close(connect: ConnectionID?)
    }

    private struct Waiter {
        let id: WaiterID
        let needsFresh: Bool
    }

    private struct Idle {
        let id: ConnectionID
        let expiry: Deadline
    }

    private let maximumConnections: Int
    private let maximumWaiters: Int
    private let idleTimeout: Duration
    private var opening: Set<ConnectionID> = []
    private var leased: Set<ConnectionID> = []
    /// The one used last stands last, so it is also in the order of expiry.
    private var idle: [Idle] = []
    /// Who came first stands first.
    private var waiters: [Waiter] = []
    private var nextNumber = 0
    private var isShutDown = false

    package init(_ limits: ClientLimits) {
        maximumConnections = limits.connections
        maximumWaiters = limits.waiters
        idleTimeout = limits.idleTimeout
    }

    /// Whether nothing is left to keep.
    package var isEmpty: Bool { opening.isEmpty && leased.isEmpty && idle.isEmpty && waiters.isEmpty }

    /// When ``expire(now:)`` has something to do next.
    package var nextExpiry: Deadline? { idle.first?.expiry }

    private var hasRoom: Bool { opening.count + leased.count + idle.count < maximumConnections }

    /// Somebody wants a connection.
    ///
    /// - Parameter needsFresh: one that nothing was sent on before.
    package mutating func acquire(needsFresh: Bool) -> AcquireAction {
        guard !isShutDown else { return .refuse(.isShutDown) }
        if !needsFresh, let used = idle.popLast() {
            leased.insert(used.id)
            return .lease(used.id)
        }
        // Who gets a connection opened does not count as waiting in the queue. Idle ones are left at this point only for
        // who needs a fresh one, and make room for it.
        guard hasRoom || !idle.isEmpty || waiters.count - opening.count < maximumWaiters else {
            return .refuse(.queueIsFull)
        }
        let waiter = Waiter(id: WaiterID(number: makeNumber()), needsFresh: needsFresh)
        waiters.append(waiter)
        let mustMakeRoom = waiters.count > opening.count && !hasRoom && !idle.isEmpty
        let evicted = mustMakeRoom ? idle.removeFirst().id : nil
        return .wait(waiter.id, connect: openAnother(), evict: evicted)
    }

    /// A connection that was opening is open.
    package mutating func connectionDidOpen(_ id: ConnectionID, now: Deadline) -> Placement {
        opening.remove(id)
        return isShutDown ? .close(connect: nil) : place(id, now: now)
    }

    /// A connection that was opening failed: whoever waits longest is told so, and `connect` is opened for the others.
    package mutating func connectionDidFail(_ id: ConnectionID) -> (told: WaiterID?, connect: ConnectionID?) {
        opening.remove(id)
        let told = waiters.isEmpty ? nil : waiters.removeFirst().id
        return (told, openAnother())
    }

    /// A leased connection comes back.
    package mutating func release(_ id: ConnectionID, isReusable: Bool, now: Deadline) -> Placement {
        leased.remove(id)
        guard isReusable, !isShutDown, waiters.first?.needsFresh != true else {
            return .close(connect: openAnother())
        }
        return place(id, now: now)
    }

    /// Somebody does not wait any more. A connection that is opening for them goes on to whoever is next.
    package mutating func waiterDidLeave(_ id: WaiterID) {
        waiters.removeAll { $0.id == id }
    }

    /// The idle connections to close by now.
    package mutating func expire(now: Deadline) -> [ConnectionID] {
        let expired = idle.prefix { $0.expiry <= now }.map(\.id)
        idle.removeFirst(expired.count)
        return expired
    }

    /// Nothing is handed out any more; leased and opening connections are closed when they come back.
    package mutating func shutDown() -> (close: [ConnectionID], told: [WaiterID]) {
        isShutDown = true
        defer {
            idle = []
            waiters = []
        }
        return (idle.map(\.id), waiters.map(\.id))
    }

    private mutating func place(_ id: ConnectionID, now: Deadline) -> Placement {
        if waiters.isEmpty {
            idle.append(Idle(id: id, expiry: now + idleTimeout))
            return .park
        }
        leased.insert(id)
        return .lease(to: waiters.removeFirst().id)
    }

    /// One more connection, if there are more who wait than connections that open for them, and room.
    private mutating func openAnother() -> ConnectionID? {
        guard !isShutDown, waiters.count > opening.count, hasRoom else { return nil }
        let id = ConnectionID(number: makeNumber())
        opening.insert(id)
        return id
    }

    private mutating func makeNumber() -> Int {
        nextNumber += 1
        return nextNumber
    }
}
