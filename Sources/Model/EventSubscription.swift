/// How a wanted event type of a broadcaster stands at Kick.
package enum SubscriptionState: String, Sendable, Codable, CaseIterable {
    /// Asked for; not seen at Kick yet.
    case pending
    /// Kick lists it, or it delivers.
    case active
    /// Active, and nothing has come for far longer than usual.
    case silent
    /// Kick refused it; the last error says why. It is asked for again.
    case failed
    /// The app has as many of this type as Kick allows. It is asked for again when there may be room.
    case limited
    /// Kick cannot be asked: the broadcaster has not granted `events:subscribe`, or the login is lost before it was made.
    case notPermitted = "not_permitted"
}

/// What a tenant's log is told of a subscription that does not deliver as it should.
package enum SubscriptionTrouble: String, Sendable, Codable, CaseIterable {
    case silent, failed, limited
    /// Kick had it and has it no more. It is asked for again.
    case lost
}

/// One event type of one broadcaster that a tenant wants, and how it stands at Kick.
package struct EventSubscription: Sendable {
    package let loginID: LoginID
    package let broadcasterUserID: Int64
    package let type: String
    package let state: SubscriptionState
    package let stateSince: Timestamp?
    /// Kick's id, when it has one.
    package let kickSubscriptionID: String?
    package let lastError: String?
    package let lastDeliveryAt: Timestamp?
    /// The longest pause between two deliveries of late.
    package let usualGap: Duration?

    package init(
        loginID: LoginID, broadcasterUserID: Int64, type: String, state: SubscriptionState, stateSince: Timestamp?,
        kickSubscriptionID: String?, lastError: String?, lastDeliveryAt: Timestamp?, usualGap: Duration?
    ) {
        self.loginID = loginID
        self.broadcasterUserID = broadcasterUserID
        self.type = type
        self.state = state
        self.stateSince = stateSince
        self.kickSubscriptionID = kickSubscriptionID
        self.lastError = lastError
        self.lastDeliveryAt = lastDeliveryAt
        self.usualGap = usualGap
    }
}

/// What is known of one event type of a broadcaster at Kick, whichever tenants want it.
package struct ObservedSubscription: Sendable, Equatable {
    package let type: String
    package var state: SubscriptionState
    /// The trouble that the tenants' logs have been told of.
    package var announced: SubscriptionTrouble?
    /// Kick's id of the one that counts.
    package var kickID: String?
    /// When Kick was last asked to make it, with nothing seen of it since; and how often in a row.
    package var requestedAt: Timestamp?
    package var requests: Int64
    /// Last seen in Kick's list; and since when it is missing there.
    package var listedAt: Timestamp?
    package var missingSince: Timestamp?
    /// Refusals in a row, and before when it is not asked for again.
    package var failures: Int64
    package var retryAt: Timestamp?
    package var lastError: String?
    /// The last delivery, and through which of Kick's subscriptions.
    package let deliveredAt: Timestamp?
    package let deliveredBy: String?
    package let deliveries: Int64
    /// The longest pause between two deliveries of late.
    package let usualGap: Duration?

    package init(
        type: String, state: SubscriptionState = .pending, announced: SubscriptionTrouble? = nil, kickID: String? = nil,
        requestedAt: Timestamp? = nil, requests: Int64 = 0, listedAt: Timestamp? = nil, missingSince: Timestamp? = nil,
        failures: Int64 = 0, retryAt: Timestamp? = nil, lastError: String? = nil, deliveredAt: Timestamp? = nil,
        deliveredBy: String? = nil, deliveries: Int64 = 0, usualGap: Duration? = nil
    ) {
        self.type = type
        self.state = state
        self.announced = announced
        self.kickID = kickID
        self.requestedAt = requestedAt
        self.requests = requests
        self.listedAt = listedAt
        self.missingSince = missingSince
        self.failures = failures
        self.retryAt = retryAt
        self.lastError = lastError
        self.deliveredAt = deliveredAt
        self.deliveredBy = deliveredBy
        self.deliveries = deliveries
        self.usualGap = usualGap
    }
}
