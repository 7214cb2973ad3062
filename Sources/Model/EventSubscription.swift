/// One event type of one broadcaster that a tenant's login wants, and what Kick was last seen to have.
package struct EventSubscription: Sendable {
    package enum State: String, Sendable, Codable {
        /// Wanted; Kick has not confirmed it.
        case pending
        /// Kick has it.
        case active
        /// Kick refused it; `lastError` says why. It is tried again.
        case failed
    }

    package let loginID: LoginID
    package let broadcasterUserID: Int64
    package let type: String
    package let state: State
    /// Kick's id, when it has one.
    package let kickSubscriptionID: String?
    package let lastError: String?
    package let updatedAt: Timestamp

    package init(
        loginID: LoginID, broadcasterUserID: Int64, type: String, state: State, kickSubscriptionID: String?,
        lastError: String?, updatedAt: Timestamp
    ) {
        self.loginID = loginID
        self.broadcasterUserID = broadcasterUserID
        self.type = type
        self.state = state
        self.kickSubscriptionID = kickSubscriptionID
        self.lastError = lastError
        self.updatedAt = updatedAt
    }
}
