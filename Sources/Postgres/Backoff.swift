/// Growing pauses between attempts, with jitter so that many clients do not come back in step. Pure.
struct Backoff: Sendable {
    let base: Duration
    let limit: Duration

    static let reconnect = Backoff(base: .milliseconds(50), limit: .seconds(2))

    /// The pause after the `failures`-th failure in a row (from 1): doubling up to the limit, of which half is fixed
    /// and half is scaled by `random` (0 ..< 1).
    func pause(afterFailures failures: Int, random: Double) -> Duration {
        let full = min(limit, base * (1 << min(max(failures - 1, 0), 20)))
        return full / 2 + full / 2 * random
    }
}
