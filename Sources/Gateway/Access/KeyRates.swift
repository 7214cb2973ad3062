package import Model
package import Net
import Synchronization

/// What a request of an API key finds of the key's rate.
package struct KeyAllowance: Sendable, Equatable {
    package let isAllowed: Bool
    /// How many more requests the key has, this one not counted.
    package let remaining: Int
    /// In how many seconds it has all of them again; at least 1.
    package let secondsToReset: Int
}

/// How many requests an API key may make in a time.
///
/// In this process's memory alone: of several replicas each counts for itself, so that a key has as much of each of them.
/// It protects the others from one that runs wild; it is no accounting.
package final class KeyRates: Sendable {
    /// The time that the quota is for, in seconds.
    package static let windowSeconds = 10

    /// Requests of a key within the window; 0: as many as it likes.
    package let quota: Int
    private let clock: @Sendable () -> Deadline
    private let state: Mutex<KeyRateStateMachine>

    package init(quota: Int, clock: @escaping @Sendable () -> Deadline = { .now() }) {
        self.quota = quota
        self.clock = clock
        state = Mutex(KeyRateStateMachine(quota: quota, window: .seconds(Self.windowSeconds)))
    }

    /// Counts a request of a key that exists. Nil when nothing is limited.
    package func take(_ key: KeyID) -> KeyAllowance? {
        guard quota > 0 else { return nil }
        let now = clock()
        return state.withLock { $0.take(key, now: now) }
    }
}

/// Counts in fixed windows, which begin with a key's first request: a look-up and an addition. At the seam of two
/// windows a key may get twice its quota at once.
struct KeyRateStateMachine {
    private struct Window {
        var end: UInt64
        var used: Int

        mutating func take(quota: Int, length: UInt64, now: UInt64) -> KeyAllowance {
            if now >= end { self = Window(end: now + length, used: 0) }
            let isAllowed = used < quota
            if isAllowed { used += 1 }
            return KeyAllowance(
                isAllowed: isAllowed, remaining: quota - used,
                secondsToReset: Int((end - now + 999_999_999) / 1_000_000_000))
        }
    }

    private let quota: Int
    /// In nanoseconds.
    private let length: UInt64
    private var windows: [KeyID: Window] = [:]
    private var sweepAt: UInt64 = 0

    init(quota: Int, window: Duration) {
        self.quota = quota
        length = UInt64(window / .nanoseconds(1))
    }

    /// How many keys are remembered.
    var count: Int { windows.count }

    mutating func take(_ key: KeyID, now: Deadline) -> KeyAllowance {
        let now = now.nanoseconds
        if now >= sweepAt { sweep(now) }
        return windows[key, default: Window(end: 0, used: 0)].take(quota: quota, length: length, now: now)
    }

    /// Forgets keys that have been silent for a window. Once in a window, so that each that is looked at was used since.
    private mutating func sweep(_ now: UInt64) {
        windows = windows.filter { $0.value.end > now }
        sweepAt = now + length
    }
}
