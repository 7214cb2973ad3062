/// How patient and how careful the gateway is with Kick's subscriptions (FACTS §3.3).
package struct SubscriptionPolicy: Sendable {
    /// How often a broadcaster is reviewed when nothing is the matter. Kick ends subscriptions without a word.
    package var reviewInterval = Duration.seconds(3600)
    /// How long Kick may take to list what it has said to have made. Until then it is not asked again; every time that it
    /// does not come about the patience doubles, up to `maximumPatience`.
    package var listPatience = Duration.seconds(300)
    package var maximumPatience = Duration.seconds(4 * 3600)
    /// How long something has to be missing in the list, in two looks at least, before it counts as lost.
    package var missPatience = Duration.seconds(120)
    /// How long the list may go on showing what was deleted.
    package var deletionPatience = Duration.seconds(900)
    /// First look again while something is under way; it doubles with its age, up to five minutes.
    package var pendingInterval = Duration.seconds(5)
    /// First and longest pause after a refusal or a failure; it doubles.
    package var retryInterval = Duration.seconds(30)
    package var maximumRetryInterval = Duration.seconds(3600)
    /// How long an app is not asked for a type of which Kick allows no more.
    package var limitPause = Duration.seconds(900)
    /// Refusals in a row after which the tenants' logs are told.
    package var toleratedFailures: Int64 = 3

    /// Silence: nothing for this many times the usual gap, at least for `minimumSilence`, after this many deliveries.
    package var silenceFactor = 3.0
    package var minimumSilence = Duration.seconds(6 * 3600)
    package var minimumDeliveries: Int64 = 5

    /// Reviews that run at once in a process, how many may begin in a second, and how long each may take.
    package var concurrency = 8
    package var rate = 20.0
    package var timeout = Duration.seconds(25)
    /// Longer than everything that a review may wait for.
    package var lease = Duration.seconds(90)
    /// How often every app's whole list is looked at, for its quota and for what is nobody's.
    package var censusInterval = Duration.seconds(3600)
    /// When a subscription is lost, others of the app often are: all are reviewed within this time.
    package var alarmSpan = Duration.seconds(60)
    /// How often the schedule is looked at.
    package var tick = Duration.milliseconds(500)

    package init() {}
}
