import Crypto
import Net

/// Which keys are trusted, and when Kick is asked for its key again (FACTS §4.3). Pure: time comes in, actions go out.
///
/// A signature that fits no trusted key is a forgery or a sign that Kick changed its key. So a mismatch may cause a
/// fetch, but at most one per interval, whether it succeeds or not: else anybody could make us hammer Kick. While one
/// fetch runs, others that do not fit wait for it. Whoever's signature fits never comes here.
struct WebhookKeyStateMachine<Waiter> {
    /// The trusted keys of one moment, the likeliest first.
    struct Ring: Sendable {
        /// Grows with every change.
        var generation = 0
        var keys: [PublicKey]
    }

    /// What to do with a signature that did not fit.
    enum Mismatch {
        /// The keys have changed since they were looked at.
        case tryAgain(Ring)
        /// The waiter was kept and will come out of `fetchDidEnd`.
        case wait
        /// Like `wait`; and the caller must start the fetch of this number.
        case fetch(Int)
        /// No hope: refuse.
        case refuse
    }

    private(set) var ring: Ring
    private let pinned: [PublicKey]
    private var fetched: PublicKey?
    private var previous: PublicKey?

    private let interval: Duration
    private let maximumWaiters: Int
    private var lastStart: Deadline?
    private var fetchNumber = 0
    private var isFetching = false
    private var waiters: [Waiter] = []

    init(pinned: [PublicKey], interval: Duration, maximumWaiters: Int) {
        self.pinned = pinned
        self.interval = interval
        self.maximumWaiters = maximumWaiters
        ring = Ring(keys: pinned)
    }

    /// A signature fitted none of the keys of `generation`.
    mutating func mismatch(of generation: Int, at now: Deadline, waiter: Waiter) -> Mismatch {
        guard ring.generation == generation else { return .tryAgain(ring) }
        if isFetching {
            guard waiters.count < maximumWaiters else { return .refuse }
            waiters.append(waiter)
            return .wait
        }
        if let lastStart, now < lastStart + interval { return .refuse }
        lastStart = now
        isFetching = true
        fetchNumber += 1
        waiters.append(waiter)
        return .fetch(fetchNumber)
    }

    /// The fetch ended, with a key or without, or its time is up. Gives the waiters to wake, who then look at `ring`.
    /// Of the several ends of one fetch the first wakes; a key that comes late is still taken.
    mutating func fetchDidEnd(_ number: Int, key: PublicKey?) -> [Waiter] {
        if let key { take(key) }
        guard isFetching, number == fetchNumber else { return [] }
        isFetching = false
        defer { waiters = [] }
        return waiters
    }

    /// The key before stays trusted: deliveries that were signed before the change may still be on their way.
    private mutating func take(_ key: PublicKey) {
        if let fetched, fetched.fingerprint == key.fingerprint { return }
        previous = fetched
        fetched = key
        var keys: [PublicKey] = []
        for candidate in [fetched, previous].compactMap({ $0 }) + pinned
        where !keys.contains(where: { $0.fingerprint == candidate.fingerprint }) {
            keys.append(candidate)
        }
        let isSame = keys.count == ring.keys.count && keys.allSatisfy { key in ring.keys.contains { $0 === key } }
        if isSame { ring.keys = keys } else { ring = Ring(generation: ring.generation + 1, keys: keys) }
    }
}
