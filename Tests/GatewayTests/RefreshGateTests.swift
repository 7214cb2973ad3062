import Kick
import Net
import Testing

@testable import Gateway

@Suite("RefreshGate")
struct RefreshGateTests {
    private static let start = Deadline(nanoseconds: 1_000_000_000_000)
    private static let down = KickError(.serverTrouble, status: 503)

    private static func policy(concurrency: Int = 4, rate: Double = 10) -> RefreshPolicy {
        var policy = RefreshPolicy()
        policy.concurrency = concurrency
        policy.rate = rate
        return policy
    }

    /// One call that ends with `error`, or with an answer. Returns how long the gate is shut by it.
    @discardableResult
    private static func call(_ gate: inout RefreshGate, at now: Deadline, _ error: KickError? = nil) -> Duration? {
        gate.begin(now: now)
        gate.end()
        guard let error else {
            gate.didAnswer()
            return nil
        }
        return gate.didFail(error, now: now)
    }

    @Test("P16 no more at once than the policy allows")
    func concurrency() {
        var gate = RefreshGate(policy: Self.policy(), now: Self.start)
        for left in stride(from: 4, to: 0, by: -1) {
            #expect(gate.room(now: Self.start) == left)
            gate.begin(now: Self.start)
        }
        #expect(gate.room(now: Self.start) == 0)
        gate.end()
        #expect(gate.room(now: Self.start) == 1)
    }

    @Test("P16 no more in a second than the policy allows, after a burst of one second's worth")
    func rate() {
        var gate = RefreshGate(policy: Self.policy(concurrency: 100, rate: 10), now: Self.start)
        var now = Self.start
        var count = 0
        for _ in 0..<1000 {
            for _ in 0..<gate.room(now: now) {
                Self.call(&gate, at: now)
                count += 1
            }
            now = now + .milliseconds(10)
        }
        // Ten seconds' worth and the burst.
        #expect((108...110).contains(count))
    }

    @Test("P5 after some failures in a row nothing is asked, then a single probe, with pauses that grow and end")
    func outage() throws {
        var gate = RefreshGate(policy: Self.policy(), now: Self.start)
        var now = Self.start
        for _ in 1..<RefreshGate.tolerance { #expect(Self.call(&gate, at: now, Self.down) == nil) }
        let first = Self.call(&gate, at: now, Self.down)
        var pause = try #require(first)
        var pauses: [Duration] = []
        for _ in 0..<20 {
            #expect(gate.isShut && gate.room(now: now) == 0)
            #expect(gate.wait(now: now) != nil)
            now = now + pause
            #expect(gate.room(now: now) == 1)
            gate.begin(now: now)
            #expect(gate.room(now: now) == 0, "one probe at a time")
            gate.end()
            let next = gate.didFail(Self.down, now: now)
            pause = try #require(next)
            pauses.append(pause)
        }
        #expect(pauses.allSatisfy { $0 <= Self.policy().longestShut })
        #expect(pauses[8] > pauses[0])
        now = now + pause
        Self.call(&gate, at: now)
        #expect(!gate.isShut)
        #expect(gate.room(now: now + .seconds(60)) == 4)
        #expect(gate.wait(now: now) == nil)
    }

    @Test("an answer between failures keeps the gate open: one login's trouble is not the endpoint's")
    func mixed() {
        var gate = RefreshGate(policy: Self.policy(), now: Self.start)
        for _ in 0..<50 {
            for _ in 1..<RefreshGate.tolerance { Self.call(&gate, at: Self.start, Self.down) }
            Self.call(&gate, at: Self.start)
        }
        #expect(!gate.isShut)
    }

    @Test("429 shuts the gate at once, for as long as Kick asks")
    func rateLimited() throws {
        var gate = RefreshGate(policy: Self.policy(), now: Self.start)
        let error = KickError(.rateLimited, status: 429, retryAfter: .seconds(90))
        let shut = Self.call(&gate, at: Self.start, error)
        let pause = try #require(shut)
        #expect(pause == .seconds(90))
        #expect(gate.room(now: Self.start + .seconds(89)) == 0)
        #expect(gate.room(now: Self.start + .seconds(90)) == 1)
    }

    @Test("a client secret that Kick refuses shuts the gate at once: no login can be refreshed with it")
    func clientRefused() throws {
        var gate = RefreshGate(policy: Self.policy(), now: Self.start)
        let shut = Self.call(&gate, at: Self.start, KickError(.clientRefused, status: 401))
        let pause = try #require(shut)
        #expect(pause == Self.policy().longestShut)
    }

    @Test("P16 callers that cannot wait are not held up by the rate, but there is an end to them")
    func demand() {
        var gate = RefreshGate(policy: Self.policy(concurrency: 4, rate: 1), now: Self.start)
        for _ in 0..<8 {
            #expect(gate.wait(now: Self.start) == nil)
            gate.begin(now: Self.start)
        }
        #expect(gate.wait(now: Self.start) == .seconds(1))
        #expect(gate.room(now: Self.start) == 0)
        for _ in 0..<8 { gate.end() }
        // The rate is paid for afterwards.
        #expect(gate.room(now: Self.start + .seconds(5)) == 0)
        #expect(gate.room(now: Self.start + .seconds(9)) == 1)
    }
}
