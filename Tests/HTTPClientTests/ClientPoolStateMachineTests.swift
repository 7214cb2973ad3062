import HTTPClient
import Net
import Testing

private typealias Machine = ClientPoolStateMachine

private func machine(connections: Int = 2, waiters: Int = 2) -> Machine {
    Machine(ClientLimits(connections: connections, waiters: waiters, idleTimeout: .seconds(30)))
}

private func at(_ seconds: Int) -> Deadline { Deadline(nanoseconds: UInt64(seconds) * 1_000_000_000) }

extension Machine {
    /// Acquires where a new connection must be opened, and opens it.
    fileprivate mutating func openConnection() -> ConnectionID {
        guard case .wait(let waiter, let connect?, nil) = acquire(needsFresh: false) else { fatalError("no connect") }
        #expect(connectionDidOpen(connect, now: at(0)) == .lease(to: waiter))
        return connect
    }

    fileprivate mutating func enqueue(needsFresh: Bool = false) -> WaiterID {
        guard case .wait(let waiter, nil, nil) = acquire(needsFresh: needsFresh) else { fatalError("no wait") }
        return waiter
    }
}

@Suite("ClientPoolStateMachine")
struct ClientPoolStateMachineTests {
    @Test("the connection that was used last is leased first, and none is opened while one is idle")
    func reuse() {
        var machine = machine()
        let (first, second) = (machine.openConnection(), machine.openConnection())
        #expect(machine.release(first, isReusable: true, now: at(0)) == .park)
        #expect(machine.release(second, isReusable: true, now: at(1)) == .park)
        #expect(machine.acquire(needsFresh: false) == .lease(second))
        #expect(machine.acquire(needsFresh: false) == .lease(first))
    }

    @Test("P16: at the bound requests wait in order, and past the queue's bound they are refused")
    func queue() {
        var machine = machine()
        let (first, second) = (machine.openConnection(), machine.openConnection())
        let (early, late) = (machine.enqueue(), machine.enqueue())
        #expect(machine.acquire(needsFresh: false) == .refuse(.queueIsFull))
        #expect(machine.release(first, isReusable: true, now: at(0)) == .lease(to: early))
        #expect(machine.release(second, isReusable: true, now: at(0)) == .lease(to: late))
    }

    @Test("a connection that is lost while somebody waits is replaced")
    func replacement() {
        var machine = machine(connections: 1)
        let lost = machine.openConnection()
        let waiter = machine.enqueue()
        guard case .close(let connect?) = machine.release(lost, isReusable: false, now: at(0)) else {
            Issue.record("not replaced")
            return
        }
        #expect(machine.connectionDidOpen(connect, now: at(0)) == .lease(to: waiter))
    }

    @Test("a failed connection is told to who waits longest, and the others get another attempt")
    func failure() {
        var machine = machine(connections: 1)
        guard case .wait(let first, let connect?, nil) = machine.acquire(needsFresh: false) else { fatalError() }
        let second = machine.enqueue()
        let (told, another) = machine.connectionDidFail(connect)
        #expect(told == first)
        let (toldNext, none) = machine.connectionDidFail(another!)
        #expect(toldNext == second)
        #expect(none == nil)
        #expect(machine.isEmpty)
    }

    @Test("a connection whose waiter left goes to the next, or is parked")
    func leaving() {
        var machine = machine(connections: 1)
        guard case .wait(let first, let connect?, nil) = machine.acquire(needsFresh: false) else { fatalError() }
        let second = machine.enqueue()
        machine.waiterDidLeave(first)
        #expect(machine.connectionDidOpen(connect, now: at(0)) == .lease(to: second))
        machine.waiterDidLeave(second)
        #expect(machine.release(connect, isReusable: true, now: at(0)) == .park)
    }

    @Test("who needs a fresh connection gets none that was used, whether idle or released")
    func fresh() {
        var machine = machine(connections: 1)
        let used = machine.openConnection()
        let waiter = machine.enqueue(needsFresh: true)
        guard case .close(let connect?) = machine.release(used, isReusable: true, now: at(0)) else { fatalError() }
        #expect(machine.connectionDidOpen(connect, now: at(0)) == .lease(to: waiter))
        #expect(machine.release(connect, isReusable: true, now: at(0)) == .park)
        guard case .wait(let next, let another?, connect) = machine.acquire(needsFresh: true) else {
            Issue.record("no room was made")
            return
        }
        #expect(machine.connectionDidOpen(another, now: at(0)) == .lease(to: next))
    }

    @Test("idle connections expire, the oldest first")
    func expiry() {
        var machine = machine()
        let (first, second) = (machine.openConnection(), machine.openConnection())
        #expect(machine.release(first, isReusable: true, now: at(0)) == .park)
        #expect(machine.release(second, isReusable: true, now: at(10)) == .park)
        #expect(machine.nextExpiry == at(30))
        #expect(machine.expire(now: at(29)) == [])
        #expect(machine.expire(now: at(30)) == [first])
        #expect(machine.nextExpiry == at(40))
        #expect(machine.expire(now: at(50)) == [second])
        #expect(machine.isEmpty)
    }

    @Test("after the shutdown nothing is handed out and everything is closed as it comes back")
    func shutDown() {
        var machine = machine(connections: 3)
        let (idle, leased) = (machine.openConnection(), machine.openConnection())
        guard case .wait(let waiter, let opening?, nil) = machine.acquire(needsFresh: false) else { fatalError() }
        #expect(machine.release(idle, isReusable: true, now: at(0)) == .lease(to: waiter))
        #expect(machine.release(idle, isReusable: true, now: at(0)) == .park)
        let (close, told) = machine.shutDown()
        #expect(close == [idle])
        #expect(told == [])
        #expect(machine.acquire(needsFresh: false) == .refuse(.isShutDown))
        #expect(machine.release(leased, isReusable: true, now: at(0)) == .close(connect: nil))
        #expect(machine.connectionDidOpen(opening, now: at(0)) == .close(connect: nil))
        #expect(machine.isEmpty)
    }

    @Test("P16: whatever happens, the bounds hold, no connection has two users, and nobody waits for nothing")
    func randomWalk() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<60 {
            var model = Model(connections: Int.random(in: 1...4), waiters: Int.random(in: 0...3))
            for _ in 0..<150 { model.step(&random) }
            model.drain()
        }
    }
}

/// Plays the pool: keeps who has what and checks every answer of the machine.
private struct Model {
    private let connections: Int
    private let waiterLimit: Int
    private var machine: Machine
    private var opening: [Machine.ConnectionID] = []
    private var leased: [Machine.ConnectionID] = []
    private var used: Set<Machine.ConnectionID> = []
    private var idle: Set<Machine.ConnectionID> = []
    private var waiters: [(id: Machine.WaiterID, needsFresh: Bool)] = []
    private var time = 0

    init(connections: Int, waiters: Int) {
        self.connections = connections
        waiterLimit = waiters
        machine = HTTPClientTests.machine(connections: connections, waiters: waiters)
    }

    mutating func step(_ random: inout SystemRandomNumberGenerator) {
        time += 1
        switch Int.random(in: 0..<8, using: &random) {
        case 0...2: acquire(needsFresh: Bool.random() && Bool.random())
        case 3 where !opening.isEmpty:
            let id = opening.remove(at: Int.random(in: 0..<opening.count))
            place(id, machine.connectionDidOpen(id, now: at(time)))
        case 4 where !opening.isEmpty:
            let (told, connect) = machine.connectionDidFail(opening.removeFirst())
            if let told { #expect(told == waiters.removeFirst().id) }
            open(connect)
        case 5 where !waiters.isEmpty:
            machine.waiterDidLeave(waiters.remove(at: Int.random(in: 0..<waiters.count)).id)
        case 6 where Bool.random():
            for id in machine.expire(now: at(time)) { #expect(idle.remove(id) != nil) }
        default:
            guard !leased.isEmpty else { return }
            let id = leased.remove(at: Int.random(in: 0..<leased.count))
            used.insert(id)
            place(id, machine.release(id, isReusable: Bool.random(), now: at(time)))
        }
        check()
    }

    /// Everything that was begun can be ended.
    mutating func drain() {
        while let id = opening.popLast() { place(id, machine.connectionDidOpen(id, now: at(time))) }
        while let id = leased.popLast() {
            used.insert(id)
            place(id, machine.release(id, isReusable: true, now: at(time)))
            while let id = opening.popLast() { place(id, machine.connectionDidOpen(id, now: at(time))) }
        }
        #expect(waiters.isEmpty)
        #expect(Set(machine.expire(now: at(time + 1000))) == idle)
        #expect(machine.isEmpty)
    }

    private mutating func acquire(needsFresh: Bool) {
        switch machine.acquire(needsFresh: needsFresh) {
        case .lease(let id):
            #expect(!needsFresh)
            #expect(idle.remove(id) != nil)
            leased.append(id)
        case .wait(let id, let connect, let evict):
            #expect(needsFresh || idle.isEmpty)
            if let evict { #expect(idle.remove(evict) != nil) }
            waiters.append((id, needsFresh))
            open(connect)
        case .refuse(let refusal):
            #expect(refusal == .queueIsFull)
            #expect(opening.count + leased.count == connections)
            #expect(waiters.count - opening.count >= waiterLimit)
        }
    }

    private mutating func place(_ id: Machine.ConnectionID, _ placement: Machine.Placement) {
        switch placement {
        case .lease(let waiter):
            let first = waiters.removeFirst()
            #expect(first.id == waiter)
            #expect(!first.needsFresh || !used.contains(id))
            leased.append(id)
        case .park:
            #expect(waiters.isEmpty)
            idle.insert(id)
        case .close(let connect): open(connect)
        }
    }

    private mutating func open(_ id: Machine.ConnectionID?) {
        if let id { opening.append(id) }
    }

    private func check() {
        #expect(opening.count + leased.count + idle.count <= connections)
        #expect(waiters.count <= waiterLimit + connections)
        #expect(Set(leased).count == leased.count)
        #expect(waiters.isEmpty || !opening.isEmpty || !leased.isEmpty)
    }
}
