/// When a login's tokens are refreshed.
package struct RefreshPolicy: Sendable {
    /// The part of an access token's life after which it is refreshed, drawn for each refresh: logins that were made in
    /// the same minute drift apart, and stay apart.
    package var fractions: ClosedRange<Double> = 0.70...0.85
    /// A login is refreshed at least this often, however long its access token lives: refresh tokens die of age
    /// (FACTS §1.5).
    package var longest = Duration.seconds(20 * 86_400)
    /// First and last pause after attempts that failed; each is drawn between half and all of it.
    package var pauses: ClosedRange<Duration> = .seconds(1) ... .seconds(300)
    /// How long one process may hold a login's lease. Longer than ``timeout``, so that a lease ends only with its holder.
    /// Short all the same: after a crash nobody tries again before it is over.
    package var lease = Duration.seconds(25)
    /// For one call to the token endpoint. A refresh makes two at the most.
    package var timeout = Duration.seconds(10)
    /// The longest pause after a call whose answer was lost: Kick may have rotated the token, and the old one may be
    /// good for a short while only.
    package var pauseAfterLostAnswer = Duration.seconds(2)
    /// Refreshes at once in this process.
    package var concurrency = 16

    package init() {}

    /// How long after now a pair with this life is refreshed.
    func refreshAfter(lifetime: Duration) -> Duration {
        min(lifetime * Double.random(in: fractions), longest * Double.random(in: fractions))
    }

    /// The pause after `failures` attempts in a row, or longer when Kick asks for it.
    func pause(afterFailures failures: Int64, asked: Duration?, answerWasLost: Bool = false) -> Duration {
        let longest = answerWasLost ? pauseAfterLostAnswer : pauses.upperBound
        let full = min(longest, pauses.lowerBound * Double(1 << min(failures, 16)))
        return max(full * Double.random(in: 0.5...1), asked ?? .zero)
    }
}
