/// What came in through one subscription in a span of a few seconds: proof that it lives.
///
/// One process sees a part of the deliveries only. The gap before this span is not known to it: whoever records this takes
/// the greatest of `longestGap` and the time from the last delivery on record to `firstAt`.
package struct SubscriptionDelivery: Sendable, Equatable {
    package let app: AppID
    package let broadcasterUserID: Int64
    package let type: String
    /// Kick's id of the subscription that the last of them named. Not signed (FACTS §4.2).
    package let subscriptionID: String
    /// When the first and the last of them arrived, by this machine's clock.
    package let firstAt: Timestamp
    package let lastAt: Timestamp
    /// How many there were; second deliveries of the same fact count too.
    package let count: Int64
    /// The longest time between two of them; zero when there was one.
    package let longestGap: Duration

    package init(
        app: AppID, broadcasterUserID: Int64, type: String, subscriptionID: String, firstAt: Timestamp,
        lastAt: Timestamp, count: Int64, longestGap: Duration
    ) {
        self.app = app
        self.broadcasterUserID = broadcasterUserID
        self.type = type
        self.subscriptionID = subscriptionID
        self.firstAt = firstAt
        self.lastAt = lastAt
        self.count = count
        self.longestGap = longestGap
    }
}
