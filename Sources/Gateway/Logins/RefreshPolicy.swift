/// When, how often and how patiently tokens are refreshed.
package struct RefreshPolicy: Sendable {
    // MARK: When

    /// The part of an access token's life after which it is refreshed, drawn for each refresh: logins that were made in
    /// the same minute drift apart, and stay apart.
    package var fractions: ClosedRange<Double> = 0.70...0.85
    /// A login is refreshed at least this often, however long its access token lives: refresh tokens die of age
    /// (FACTS §1.5).
    package var longest = Duration.seconds(20 * 86_400)
    /// An access token with less life left is refreshed before it is used.
    package var margin = Duration.seconds(30)
    /// A pair that is younger is not refreshed because of a 401: Kick says it for other reasons too (FACTS §2.1).
    package var youngest = Duration.seconds(60)

    // MARK: How often

    /// Refreshes at once, for one app in this process.
    package var concurrency = 16
    /// Refreshes per second, for one app in this process, and how many may come at once after a rest.
    package var rate = 50.0
    /// First and last pause after attempts of one login that failed; each is drawn between half and all of it.
    package var pauses: ClosedRange<Duration> = .seconds(1) ... .seconds(300)
    /// The longest pause after a call whose answer was lost: Kick may have rotated the token, and the old one may be
    /// good for a short while only.
    package var pauseAfterLostAnswer = Duration.seconds(2)
    /// How long the endpoint is left alone, at first and at most, when it is in trouble.
    package var shortestShut = Duration.seconds(1)
    package var longestShut = Duration.seconds(60)

    // MARK: How patiently

    /// How long one process may hold a login's lease. Longer than two times ``timeout``, so that a lease ends only with
    /// its holder. Short all the same: after a crash nobody tries again before it is over.
    package var lease = Duration.seconds(25)
    /// For one call to the token endpoint. A refresh makes two at the most.
    package var timeout = Duration.seconds(10)
    /// How long a rotated pair is tried to be stored while the database is away. Kick may have ended the old one.
    package var storePatience = Duration.seconds(900)
    /// Failures in a row after which the tenant is told; it is told at once when the access token has expired.
    package var failuresBeforeTelling: Int64 = 3

    package init() {}

    /// How long after now a pair with this life is refreshed.
    package func refreshAfter(lifetime: Duration) -> Duration {
        min(lifetime * Double.random(in: fractions), longest * Double.random(in: fractions))
    }

    /// The pause after `failures` attempts in a row, or longer when Kick asks for it.
    func pause(afterFailures failures: Int64, asked: Duration?, answerWasLost: Bool = false) -> Duration {
        let longest = answerWasLost ? pauseAfterLostAnswer : pauses.upperBound
        let full = min(longest, pauses.lowerBound * Double(1 << min(failures, 16)))
        return max(full * Double.random(in: 0.5...1), asked ?? .zero)
    }
}
