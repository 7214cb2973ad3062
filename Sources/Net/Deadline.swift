import Glibc

/// A point in monotonic time by which something must have happened.
package struct Deadline: Comparable, Hashable, Sendable {
    /// CLOCK_MONOTONIC nanoseconds; `UInt64.max` is "never".
    package let nanoseconds: UInt64

    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// A deadline that does not come.
    package static let never = Deadline(nanoseconds: .max)

    /// The present moment.
    package static func now() -> Deadline {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Deadline(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
    }

    /// `duration` from now; a negative duration has passed already.
    package static func after(_ duration: Duration) -> Deadline {
        now() + duration
    }

    package static func + (deadline: Deadline, duration: Duration) -> Deadline {
        guard deadline != .never else { return .never }
        let (seconds, attoseconds) = duration.components
        let (wholeSeconds, tooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if tooLong { return seconds > 0 ? .never : Deadline(nanoseconds: 0) }
        let delta = wholeSeconds &+ attoseconds / 1_000_000_000
        if delta < 0 {
            let back = delta.magnitude
            return Deadline(nanoseconds: back > deadline.nanoseconds ? 0 : deadline.nanoseconds - back)
        }
        let (sum, overflow) = deadline.nanoseconds.addingReportingOverflow(UInt64(delta))
        return overflow ? .never : Deadline(nanoseconds: sum)
    }

    /// Time from `right` to `left`; zero when `left` is the earlier one.
    package static func - (left: Deadline, right: Deadline) -> Duration {
        .nanoseconds(left > right ? Int64(clamping: left.nanoseconds - right.nanoseconds) : 0)
    }

    /// Time left; zero when the deadline has passed.
    package var remaining: Duration {
        guard self != .never else { return .seconds(Int64.max / 2_000_000_000) }
        let now = Deadline.now().nanoseconds
        return .nanoseconds(nanoseconds > now ? Int64(clamping: nanoseconds - now) : 0)
    }

    package var hasPassed: Bool { Deadline.now() >= self }

    package static func < (left: Deadline, right: Deadline) -> Bool { left.nanoseconds < right.nanoseconds }
}
