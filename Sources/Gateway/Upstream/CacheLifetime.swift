/// How long what Kick said is good.
package struct CacheLifetime: Sendable {
    /// It is given without asking Kick.
    package let fresh: Duration
    /// Afterwards it is given when Kick cannot be asked (stale-if-error, RFC 5861 §4).
    package let stale: Duration

    package init(fresh: Duration, stale: Duration = .seconds(600)) {
        self.fresh = fresh
        self.stale = stale
    }
}

extension CacheLifetime {
    /// What a viewer would notice if it were older: title, viewers, who is live.
    static let live = CacheLifetime(fresh: .seconds(10))
    /// What hardly ever changes.
    static let slow = CacheLifetime(fresh: .seconds(300), stale: .seconds(86_400))
}
