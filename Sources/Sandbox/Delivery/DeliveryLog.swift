import Synchronization

/// What became of one webhook.
package struct DeliveryRecord: Sendable {
    package let messageID: String
    package let subscriptionID: String
    package let eventType: String
    package let broadcasterID: Int
    package let firstTryAt: SandboxTime
    package let attempts: Int
    /// Of the last answer; nil when there was none.
    package let status: Int?
    /// Why there was no answer to the last try.
    package let failure: String?

    package init(
        messageID: String, subscriptionID: String, eventType: String, broadcasterID: Int, firstTryAt: SandboxTime,
        attempts: Int, status: Int?, failure: String?
    ) {
        self.messageID = messageID
        self.subscriptionID = subscriptionID
        self.eventType = eventType
        self.broadcasterID = broadcasterID
        self.firstTryAt = firstTryAt
        self.attempts = attempts
        self.status = status
        self.failure = failure
    }

    /// Only 200 counts (FACTS §4.4).
    package var isDelivered: Bool { status == 200 }

    var json: JSON {
        [
            "message_id": .string(messageID), "subscription_id": .string(subscriptionID), "type": .string(eventType),
            "broadcaster_user_id": .integer(broadcasterID), "sent_at": .string(firstTryAt.textWithMilliseconds),
            "attempts": .integer(attempts), "status": status.map { .integer($0) } ?? .null,
            "error": .optional(failure), "delivered": .bool(isDelivered),
        ]
    }
}

/// The last deliveries, for the control API and the front page; and how many there were in all.
package final class DeliveryLog: Sendable {
    private struct Records {
        var newestLast: [DeliveryRecord] = []
        var delivered = 0
        var failed = 0
        /// Never sent, because too many were waiting.
        var dropped = 0
    }

    package static let capacity = 1000
    private let records = Mutex(Records())

    package init() {}

    func add(_ record: DeliveryRecord) {
        records.withLock { records in
            if record.isDelivered { records.delivered += 1 } else { records.failed += 1 }
            records.newestLast.append(record)
            // Half a capacity at a time, so that the shift costs nothing per record.
            if records.newestLast.count >= Self.capacity + Self.capacity / 2 {
                records.newestLast.removeFirst(Self.capacity / 2)
            }
        }
    }

    func addDropped() { records.withLock { $0.dropped += 1 } }

    /// Newest first, at most ``capacity``.
    package func newest(_ count: Int) -> [DeliveryRecord] {
        records.withLock { Array($0.newestLast.suffix(min(count, Self.capacity)).reversed()) }
    }

    var countsJSON: JSON {
        records.withLock { records in
            [
                "delivered": .integer(records.delivered), "failed": .integer(records.failed),
                "dropped": .integer(records.dropped),
            ]
        }
    }
}
