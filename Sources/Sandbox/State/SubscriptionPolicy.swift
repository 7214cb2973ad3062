/// Limits of event subscriptions, and what Kick is known to do with them (FACTS §3.2, §3.3).
package struct SubscriptionPolicy: Sendable {
    /// Per event type and app.
    package var limitPerType = 10_000
    /// For `chat.message.sent` of an app that is not verified.
    package var unverifiedChatLimit = 1000
    /// A second POST for the same event makes a second subscription (#246) instead of answering with the first.
    package var allowsDuplicates = false
    /// How old the list is, in seconds (#419): what was made or deleted since does not show in it.
    package var listDelaySeconds = 0
    /// So many of the next that are made get an id that never shows in the list and never delivers (#419).
    package var phantomCreates = 0
    /// So many of the next fail inside a 200.
    package var partialErrors = 0
    /// Events that always fail inside a 200.
    package var failingTypes: Set<String> = []
    /// Events that are never delivered, in spite of good subscriptions (#358, #407).
    package var silentTypes: Set<String> = []
    /// So many of the next that are deleted stay as they are, with a 204.
    package var ignoredDeletes = 0
    /// So many of the next that are deleted leave the list and go on delivering (#234), until this is set to 0.
    package var undeadDeletes = 0
    /// Switching webhooks off leaves the subscriptions listed, as before December 2025, instead of ending them.
    package var switchOffKeepsList = false
    /// A subscription whose deliveries have failed for so long ends without a word (12/12/2025: a day); 0: never.
    package var autoUnsubscribeSeconds = 86400

    package init() {}
}

/// What happened to the subscriptions of one app.
package struct SubscriptionCounts: Sendable {
    /// Requests, those that met a fault included.
    package var createCalls = 0
    package var listCalls = 0
    package var deleteCalls = 0
    /// Subscriptions.
    package var created = 0
    package var deleted = 0
    package var phantoms = 0
    package var partialErrors = 0
    package var autoUnsubscribed = 0
    /// Requests that were refused for the limit.
    package var overLimit = 0

    package init() {}
}

/// The part of Kick that keeps subscriptions, beside the subscriptions themselves.
package struct SubscriptionService: Sendable {
    package var policy: SubscriptionPolicy
    /// By client id.
    package internal(set) var counts: [String: SubscriptionCounts] = [:]
    /// Since when nothing was delivered but failed, by subscription id.
    var failingSince: [String: SandboxTime] = [:]

    package init(policy: SubscriptionPolicy = SubscriptionPolicy()) {
        self.policy = policy
    }

    package mutating func count(
        _ path: WritableKeyPath<SubscriptionCounts, Int>, _ clientID: String, by amount: Int = 1
    ) {
        counts[clientID, default: SubscriptionCounts()][keyPath: path] += amount
    }

    /// A delivery has ended. True when the subscription has failed for as long as Kick bears it.
    package mutating func isGivenUp(after record: DeliveryRecord, at now: SandboxTime) -> Bool {
        guard !record.isDelivered else {
            failingSince[record.subscriptionID] = nil
            return false
        }
        guard policy.autoUnsubscribeSeconds > 0 else { return false }
        let since = failingSince[record.subscriptionID] ?? now
        failingSince[record.subscriptionID] = since
        guard since + policy.autoUnsubscribeSeconds <= now else { return false }
        failingSince[record.subscriptionID] = nil
        return true
    }
}

extension SubscriptionPolicy {
    private static let seconds = 0...31_536_000
    private static let count = 0...1_000_000

    /// What PUT /sandbox/subscriptions/policy names changes. Throws with what is wrong, some of it applied already.
    package mutating func apply(_ json: JSON?) throws(SandboxError) {
        let order = try OrderReader(
            json,
            known: [
                "limit_per_type", "unverified_chat_limit", "duplicates", "list_delay_seconds", "phantom_creates",
                "partial_errors", "failing_types", "silent_types", "ignored_deletes", "undead_deletes",
                "switch_off_keeps_list", "auto_unsubscribe_seconds",
            ])
        if let value = try order.number("limit_per_type", in: Self.count) { limitPerType = value }
        if let value = try order.number("unverified_chat_limit", in: Self.count) { unverifiedChatLimit = value }
        if let value = try order.flag("duplicates") { allowsDuplicates = value }
        if let value = try order.number("list_delay_seconds", in: 0...3600) { listDelaySeconds = value }
        if let value = try order.number("phantom_creates", in: Self.count) { phantomCreates = value }
        if let value = try order.number("partial_errors", in: Self.count) { partialErrors = value }
        if let value = try order.texts("failing_types") { failingTypes = Set(value) }
        if let value = try order.texts("silent_types") { silentTypes = Set(value) }
        if let value = try order.number("ignored_deletes", in: Self.count) { ignoredDeletes = value }
        if let value = try order.number("undead_deletes", in: Self.count) { undeadDeletes = value }
        if let value = try order.flag("switch_off_keeps_list") { switchOffKeepsList = value }
        if let value = try order.number("auto_unsubscribe_seconds", in: Self.seconds) { autoUnsubscribeSeconds = value }
    }

    package var json: JSON {
        [
            "limit_per_type": .integer(limitPerType), "unverified_chat_limit": .integer(unverifiedChatLimit),
            "duplicates": .bool(allowsDuplicates), "list_delay_seconds": .integer(listDelaySeconds),
            "phantom_creates": .integer(phantomCreates), "partial_errors": .integer(partialErrors),
            "failing_types": .array(failingTypes.sorted().map { .string($0) }),
            "silent_types": .array(silentTypes.sorted().map { .string($0) }),
            "ignored_deletes": .integer(ignoredDeletes), "undead_deletes": .integer(undeadDeletes),
            "switch_off_keeps_list": .bool(switchOffKeepsList),
            "auto_unsubscribe_seconds": .integer(autoUnsubscribeSeconds),
        ]
    }
}
