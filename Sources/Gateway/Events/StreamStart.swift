package import Model

/// Why a stream does not begin where its cursor says, told in-band as `gateway.gap` (P11).
package struct StreamGap: Sendable, Equatable {
    package enum Reason: String, Sendable {
        /// Retention has removed events after the cursor.
        case expired
        /// The cursor belongs to another life of the log: it was restored or made anew.
        case epochChanged = "epoch_changed"
        /// The cursor is of this log but ahead of it: the log lost its end in a restore.
        case ahead
    }

    package let reason: Reason
    /// What the reader asked to continue from.
    package let requested: EventCursor
    /// What it continues from.
    package let resumed: EventCursor
    /// The oldest event still in the log can be fetched after this cursor.
    package let oldest: EventCursor
}

/// Where a stream begins.
package struct StreamStart: Sendable, Equatable {
    /// The position before the first event to send.
    package let cursor: EventCursor
    package var sequence: Int64 { cursor.sequence }
    /// The newest event of this moment: up to here is history for the stream, and says so.
    package let historyEnd: Int64
    package let gap: StreamGap?

    /// - Parameters:
    ///   - cursor: what the reader has; nil begins with the next event.
    ///   - log: the log at this moment.
    package init(cursor: EventCursor?, log: EventLogPosition) {
        historyEnd = log.last
        guard let cursor else {
            self.cursor = EventCursor(epoch: log.epoch, sequence: log.last)
            gap = nil
            return
        }
        let oldest = EventCursor(epoch: log.epoch, sequence: log.first - 1)
        if cursor.epoch != log.epoch || cursor.sequence > log.last {
            // Positions of another life cannot be compared with this one's: continue with what comes next.
            self.cursor = EventCursor(epoch: log.epoch, sequence: log.last)
            gap = StreamGap(
                reason: cursor.epoch == log.epoch ? .ahead : .epochChanged, requested: cursor,
                resumed: EventCursor(epoch: log.epoch, sequence: log.last), oldest: oldest)
        } else if cursor.sequence < log.first - 1 {
            self.cursor = oldest
            gap = StreamGap(reason: .expired, requested: cursor, resumed: oldest, oldest: oldest)
        } else {
            self.cursor = cursor
            gap = nil
        }
    }
}
