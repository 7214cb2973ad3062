/// A position in a tenant's log: `<epoch>.<seq>`.
///
/// The epoch is the log's own; a cursor of another epoch (a log that was restored or made anew) is recognised as such
/// and never taken for a position in this one.
package struct EventCursor: Hashable, Sendable, LosslessStringConvertible {
    package let epoch: Int64
    /// The last event that the reader has; 0 is before the first.
    package let sequence: Int64

    package init(epoch: Int64, sequence: Int64) {
        self.epoch = epoch
        self.sequence = sequence
    }

    package init?(_ text: String) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard text.utf8.count <= 40, parts.count == 2, let epoch = Self.number(parts[0]),
            let sequence = Self.number(parts[1])
        else { return nil }
        self.init(epoch: epoch, sequence: sequence)
    }

    package var description: String { "\(epoch).\(sequence)" }

    /// Digits only: Int64's own reading would admit a sign.
    private static func number(_ text: Substring) -> Int64? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }
}

/// Where an event comes from.
package enum EventOrigin: String, Sendable, Codable, CaseIterable {
    /// A webhook that Kick has signed.
    case kick
    /// What the gateway itself has to say.
    case gateway
    /// An event once more, because somebody asked.
    case replay
    /// Made up, because somebody asked. Counts nowhere.
    case test
}

/// One event in a tenant's log.
package struct Event: Sendable {
    package let cursor: EventCursor
    /// Kick's message id, or one of the gateway's own.
    package let messageID: String
    package let type: String
    package let version: String
    package let broadcasterUserID: Int64
    package let subscriptionID: String
    /// Kick's own time of sending, from the signed header.
    package let sentAt: Timestamp
    package let receivedAt: Timestamp
    package let origin: EventOrigin
    /// Number of the event that told of the same fact first; such a one is not streamed (P9).
    package let duplicateOf: Int64?
    /// Number of the event that this one repeats.
    package let replayOf: Int64?
    /// The body as Kick signed it.
    package let body: [UInt8]

    package init(
        cursor: EventCursor, messageID: String, type: String, version: String, broadcasterUserID: Int64,
        subscriptionID: String, sentAt: Timestamp, receivedAt: Timestamp, origin: EventOrigin = .kick,
        duplicateOf: Int64? = nil, replayOf: Int64? = nil, body: [UInt8]
    ) {
        self.cursor = cursor
        self.messageID = messageID
        self.type = type
        self.version = version
        self.broadcasterUserID = broadcasterUserID
        self.subscriptionID = subscriptionID
        self.sentAt = sentAt
        self.receivedAt = receivedAt
        self.origin = origin
        self.duplicateOf = duplicateOf
        self.replayOf = replayOf
        self.body = body
    }

    /// How long the event was on its way to the gateway, in milliseconds; 0 when Kick's clock is ahead.
    package var lagMilliseconds: Int64 { max(0, (receivedAt.microseconds - sentAt.microseconds) / 1000) }
}

/// What a log holds at a moment.
package struct EventLogPosition: Sendable, Equatable {
    package let epoch: Int64
    /// The oldest event that retention has left; one more than `last` when the log is empty.
    package let first: Int64
    /// The newest event; 0 in a new log.
    package let last: Int64

    package init(epoch: Int64, first: Int64, last: Int64) {
        self.epoch = epoch
        self.first = first
        self.last = last
    }

    /// What a tenant without a log has.
    package static let none = EventLogPosition(epoch: 0, first: 1, last: 0)
}

/// A time in which events were logged, by the database's clock.
package struct EventSpan: Sendable, Equatable {
    package let since: Timestamp?
    /// Not included.
    package let until: Timestamp?

    package init(since: Timestamp?, until: Timestamp?) {
        self.since = since
        self.until = until
    }

    package static let all = EventSpan(since: nil, until: nil)
}
