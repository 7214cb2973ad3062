import Kick
import Net

/// What an app may ask of Kick's token endpoint: how much at once, how much in a second, and nothing while the endpoint
/// is in trouble. A state machine without time or sockets of its own; one per app and process.
///
/// While Kick is down every attempt of every login would fail. So after a few failures in a row the gate shuts: nothing is
/// asked, no login is blamed, and now and then a single refresh goes through to see whether Kick is back (P5).
struct RefreshGate {
    private enum Breaker: Equatable {
        case closed
        case open(until: Deadline)
    }

    /// Failures in a row, whosever, after which the gate shuts.
    static let tolerance = 5

    private let policy: RefreshPolicy
    private var breaker = Breaker.closed
    /// Troubles in a row since the last answer that was one.
    private(set) var failures = 0
    /// How often in a row the gate has shut.
    private var trips = 0
    private(set) var inFlight = 0
    /// What is left of the rate, as a bucket that fills by itself; below zero after calls that could not wait.
    private var allowance: Double
    private var allowanceAt: Deadline

    init(policy: RefreshPolicy, now: Deadline) {
        self.policy = policy
        allowance = policy.rate
        allowanceAt = now
    }

    /// How many refreshes may begin now.
    mutating func room(now: Deadline) -> Int {
        switch breaker {
        case .closed:
            refill(now)
            return max(0, min(policy.concurrency - inFlight, Int(allowance)))
        case .open(let until):
            // One probe, when the time has come.
            return until <= now && inFlight == 0 ? 1 : 0
        }
    }

    /// When a refresh may begin for somebody who waits for it; nil at once. The rate does not hold these up, it pays for
    /// them afterwards.
    func wait(now: Deadline) -> Duration? {
        if case .open(let until) = breaker, until > now || inFlight > 0 { return max(.seconds(1), until - now) }
        return inFlight < 2 * policy.concurrency ? nil : .seconds(1)
    }

    /// Whether the endpoint is left alone.
    var isShut: Bool { breaker != .closed }

    mutating func begin(now: Deadline) {
        refill(now)
        inFlight += 1
        allowance -= 1
    }

    mutating func end() {
        inFlight -= 1
    }

    /// Kick has given tokens, or refused a grant: the endpoint works.
    mutating func didAnswer() {
        breaker = .closed
        failures = 0
        trips = 0
    }

    /// The endpoint did not do its work. Returns how long it is left alone from now on, when this shuts the gate.
    mutating func didFail(_ error: KickError, now: Deadline) -> Duration? {
        failures += 1
        let isProbe = breaker != .closed
        let isCertain = error.kind == .rateLimited || error.kind == .clientRefused
        guard failures >= Self.tolerance || isProbe || isCertain else { return nil }
        let longest = policy.longestShut
        let drawn = min(longest, policy.shortestShut * Double(1 << min(trips, 16))) * Double.random(in: 0.5...1)
        // A wrong secret is mended by people: no need to ask every second.
        let pause = error.kind == .clientRefused ? longest : max(drawn, error.retryAfter ?? .zero)
        trips += 1
        breaker = .open(until: now + pause)
        return pause
    }

    private mutating func refill(_ now: Deadline) {
        let passed = now - allowanceAt
        allowanceAt = now
        allowance = min(policy.rate, allowance + policy.rate * (passed / .seconds(1)))
    }
}
