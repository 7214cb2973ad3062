import Net
import Testing

@testable import Postgres

/// The pool's decisions, without a server and without time.
struct PoolStateMachineTests {
    private var machine = PoolStateMachine(
        limits: .init(connections: 2, waiters: 3, idleTimeout: .seconds(60)))
    private var now = Deadline(nanoseconds: 1_000_000_000)

    /// Connects the first connection for the first waiter.
    private mutating func leaseFirst() -> PoolStateMachine.ConnectionID {
        #expect(machine.acquire(1, now: now) == [.connect(1)])
        #expect(machine.connectSucceeded(1, now: now) == [.lease(1, to: 1)])
        return 1
    }

    private mutating func fail(_ id: PoolStateMachine.ConnectionID) -> [PoolStateMachine.Action] {
        machine.connectFailed(id, now: now, random: 0)
    }

    @Test mutating func lendsConnectsAndLendsAgain() {
        let id = leaseFirst()
        #expect(machine.leaseIdle() == nil)
        #expect(machine.release(id, .reusable, now: now) == [])
        #expect(machine.leaseIdle() == id)
        #expect(machine.connectionCount == 1)
    }

    @Test mutating func neverExceedsItsConnectionsAndServesInOrder() {
        #expect(machine.acquire(1, now: now) == [.connect(1)])
        #expect(machine.acquire(2, now: now) == [.connect(2)])
        #expect(machine.acquire(3, now: now) == [])
        #expect(machine.connectSucceeded(2, now: now) == [.lease(2, to: 1)])
        #expect(machine.connectSucceeded(1, now: now) == [.lease(1, to: 2)])
        #expect(machine.acquire(4, now: now) == [])
        #expect(machine.release(1, .reusable, now: now) == [.lease(1, to: 3)])
        #expect(machine.release(2, .reusable, now: now) == [.lease(2, to: 4)])
        #expect(machine.connectionCount == 2)
    }

    @Test mutating func refusesWhenTheQueueIsFull() {
        for waiter in 1...3 { _ = machine.acquire(waiter, now: now) }
        #expect(machine.acquire(4, now: now) == [.fail(4, .queueFull)])
        #expect(machine.waiterGaveUp(2) == true)
        #expect(machine.waiterGaveUp(2) == false)
        #expect(machine.acquire(5, now: now) == [])
        #expect(machine.connectSucceeded(1, now: now) == [.lease(1, to: 1)])
        #expect(machine.connectSucceeded(2, now: now) == [.lease(2, to: 3)], "waiter 2 left")
    }

    @Test mutating func replacesAConnectionThatCannotBeUsedAgain() {
        let id = leaseFirst()
        #expect(machine.acquire(2, now: now) == [.connect(2)])
        #expect(machine.acquire(3, now: now) == [])
        #expect(machine.release(id, .discarded, now: now) == [.close(1), .connect(3)])
    }

    @Test mutating func probesIdleConnectionsAfterOneWasLost() {
        _ = leaseFirst()
        #expect(machine.acquire(2, now: now) == [.connect(2)])
        _ = machine.connectSucceeded(2, now: now)
        _ = machine.release(2, .reusable, now: now)
        #expect(machine.release(1, .lost, now: now) == [.close(1)])
        #expect(machine.leaseIdle() == nil, "2 is under suspicion")
        #expect(machine.acquire(3, now: now) == [.probe(2)])
        #expect(machine.probeSucceeded(2, now: now) == [.lease(2, to: 3)])
    }

    @Test mutating func connectsWhenTheProbeFails() {
        _ = leaseFirst()
        _ = machine.acquire(2, now: now)
        _ = machine.connectSucceeded(2, now: now)
        _ = machine.release(2, .reusable, now: now)
        _ = machine.release(1, .lost, now: now)
        #expect(machine.acquire(3, now: now) == [.probe(2)])
        #expect(machine.probeFailed(2, now: now) == [.close(2), .connect(3)])
        #expect(machine.connectSucceeded(3, now: now) == [.lease(3, to: 3)])
    }

    @Test mutating func waitsThroughAShortOutage() {
        #expect(machine.acquire(1, now: now) == [.connect(1)])
        #expect(fail(1) == [.retry(at: now + .milliseconds(25))])
        #expect(!machine.isOpen)
        #expect(machine.acquire(2, now: now) == [], "no second attempt before its time")
        #expect(machine.retryTimeCame(now: now) == [.connect(2)])
        #expect(machine.connectSucceeded(2, now: now) == [.lease(2, to: 1), .connect(3)])
    }

    @Test mutating func failsFastOnceTheServerIsAway() {
        #expect(machine.acquire(1, now: now) == [.connect(1)])
        #expect(fail(1) == [.retry(at: now + .milliseconds(25))])
        #expect(machine.retryTimeCame(now: now) == [.connect(2)])
        #expect(fail(2) == [.retry(at: now + .milliseconds(50))])
        #expect(machine.retryTimeCame(now: now) == [.connect(3)])
        #expect(fail(3) == [.retry(at: now + .milliseconds(100)), .fail(1, .unavailable)])
        #expect(machine.isOpen)
        #expect(machine.acquire(2, now: now) == [.fail(2, .unavailable)])

        // It keeps looking, with one attempt at a time, and recovers without a caller.
        #expect(machine.retryTimeCame(now: now) == [.connect(4)])
        #expect(machine.acquire(3, now: now) == [.fail(3, .unavailable)])
        #expect(machine.connectSucceeded(4, now: now) == [])
        #expect(!machine.isOpen)
        #expect(machine.leaseIdle() == 4)
    }

    @Test mutating func attemptsUnderWayTogetherCountOnce() {
        #expect(machine.acquire(1, now: now) == [.connect(1)])
        #expect(machine.acquire(2, now: now) == [.connect(2)])
        #expect(fail(1) == [.retry(at: now + .milliseconds(25))])
        #expect(fail(2) == [])
        #expect(!machine.isOpen)
    }

    @Test mutating func anAttemptThatFailsSlowlyOpensTheBreakerAtOnce() {
        #expect(machine.acquire(1, now: now) == [.connect(1)])
        now = now + .seconds(5)
        #expect(fail(1).contains(.fail(1, .unavailable)))
        #expect(machine.isOpen)
    }

    @Test mutating func waitsForALiveConnectionThoughNewOnesAreRefused() {
        let id = leaseFirst()
        #expect(machine.acquire(2, now: now) == [.connect(2)])
        now = now + .seconds(5)
        #expect(fail(2) == [.retry(at: now + .milliseconds(25))], "waiter 2 has connection 1 to hope for")
        #expect(machine.release(id, .reusable, now: now) == [.lease(id, to: 2)])
    }

    @Test mutating func closesWhatLayIdleTooLong() {
        let id = leaseFirst()
        _ = machine.release(id, .reusable, now: now)
        #expect(machine.sweep(now: now + .seconds(59)) == [])
        #expect(machine.sweep(now: now + .seconds(60)) == [.close(id)])
        #expect(machine.connectionCount == 0)
    }

    @Test mutating func drainsAtShutdown() {
        let id = leaseFirst()
        #expect(machine.acquire(2, now: now) == [.connect(2)])
        #expect(machine.shutDown() == [.fail(2, .shutDown)])
        #expect(machine.acquire(3, now: now) == [.fail(3, .shutDown)])
        #expect(machine.connectSucceeded(2, now: now) == [.close(2)])
        #expect(machine.release(id, .reusable, now: now) == [.close(1), .drained])
    }

    @Test mutating func anEmptyPoolIsDrainedAtOnce() {
        #expect(machine.shutDown() == [.drained])
        #expect(machine.shutDown() == [])
    }

    /// Random events: the bounds hold, and nobody is served twice or forgotten.
    @Test(arguments: 0..<20) mutating func keepsItsPromisesUnderRandomEvents(seed: UInt64) {
        var random = SplitMix(state: seed)
        var pending: Set<PoolStateMachine.WaiterID> = []
        var leased: [PoolStateMachine.ConnectionID] = []
        var connecting: [PoolStateMachine.ConnectionID] = []
        var probing: [PoolStateMachine.ConnectionID] = []
        var next = 0

        func take(_ actions: [PoolStateMachine.Action]) {
            for action in actions {
                switch action {
                case .connect(let id): connecting.append(id)
                case .probe(let id): probing.append(id)
                case .lease(let id, let waiter):
                    #expect(pending.remove(waiter) != nil, "served twice")
                    leased.append(id)
                case .fail(let waiter, _): #expect(pending.remove(waiter) != nil, "failed twice")
                case .close, .retry, .drained: break
                }
            }
        }
        func pick(_ ids: inout [Int]) -> Int? {
            ids.isEmpty ? nil : ids.remove(at: Int(random.next() % UInt64(ids.count)))
        }

        for _ in 0..<2000 {
            now = now + .milliseconds(Int(random.next() % 200))
            switch random.next() % 8 {
            case 0, 1:
                next += 1
                pending.insert(next)
                take(machine.acquire(next, now: now))
            case 2: if let id = pick(&connecting) { take(machine.connectSucceeded(id, now: now)) }
            case 3: if let id = pick(&connecting) { take(machine.connectFailed(id, now: now, random: 0.5)) }
            case 4: take(machine.retryTimeCame(now: now))
            case 5:
                let fates: [PoolStateMachine.Fate] = [.reusable, .reusable, .discarded, .lost]
                if let id = pick(&leased) { take(machine.release(id, fates[Int(random.next() % 4)], now: now)) }
            case 6:
                if let id = pick(&probing) {
                    take(
                        random.next() % 2 == 0
                            ? machine.probeSucceeded(id, now: now) : machine.probeFailed(id, now: now))
                }
            default:
                if let waiter = pending.randomElement(using: &random), machine.waiterGaveUp(waiter) {
                    pending.remove(waiter)
                }
                take(machine.sweep(now: now))
            }
            #expect(machine.connectionCount <= 2)
            #expect(machine.waiterCount == pending.count)
            #expect(machine.waiterCount <= 3)
        }
        // However it went, once the server answers everybody is served.
        for _ in 0..<50 {
            now = now + .seconds(3)
            take(machine.retryTimeCame(now: now))
            for id in connecting { take(machine.connectSucceeded(id, now: now)) }
            connecting = []
            for id in probing { take(machine.probeSucceeded(id, now: now)) }
            probing = []
            let done = leased
            leased = []
            for id in done { take(machine.release(id, .reusable, now: now)) }
        }
        #expect(pending.isEmpty)
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
