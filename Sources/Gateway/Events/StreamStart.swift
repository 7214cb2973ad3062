package import Model

/// What a stream leaves out, told in-band as `gateway.gap` (P11).
package struct StreamGap: Sendable, Equatable {
    package enum Reason: String, Sendable, CaseIterable {
        /// Retention has removed events after the cursor.
        case expired
        /// The reader wants no history that is so old.
        case skippedByMaxAge = "skipped_by_max_age"
        /// The cursor belongs to another life of the log: it was restored or made anew.
        case epochChanged = "epoch_changed"
        /// The cursor is of this log but ahead of it: the log lost its end in a restore.
        case ahead
    }

    package let reason: Reason
    /// What lies after this one is left out: the reader's cursor.
    package let from: EventCursor
    /// Up to and including this one. The stream goes on after it.
    package let to: EventCursor
    /// What the log still has of that can be fetched after this one.
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
        let newest = EventCursor(epoch: log.epoch, sequence: log.last)
        let oldest = EventCursor(epoch: log.epoch, sequence: log.first - 1)
        historyEnd = log.last
        guard let cursor else {
            self.cursor = newest
            gap = nil
            return
        }
        if cursor.epoch != log.epoch || cursor.sequence > log.last {
            // Positions of another life cannot be compared with this one's: continue with what comes next.
            self.cursor = newest
            gap = StreamGap(
                reason: cursor.epoch == log.epoch ? .ahead : .epochChanged, from: cursor, to: newest, oldest: oldest)
        } else if cursor.sequence < oldest.sequence {
            self.cursor = oldest
            gap = StreamGap(reason: .expired, from: cursor, to: oldest, oldest: oldest)
        } else {
            self.cursor = cursor
            gap = nil
        }
    }

    private init(cursor: EventCursor, historyEnd: Int64, gap: StreamGap?) {
        self.cursor = cursor
        self.historyEnd = historyEnd
        self.gap = gap
    }

    /// The same without history up to `sequence`, which is too old for the reader.
    ///
    /// - Parameter requested: the reader's cursor, from which the gap is counted: what retention has removed before is as
    ///   old.
    func skipping(to sequence: Int64, requested: EventCursor?) -> StreamStart {
        let end = EventCursor(epoch: cursor.epoch, sequence: min(sequence, historyEnd))
        guard end.sequence > cursor.sequence else { return self }
        return StreamStart(
            cursor: end, historyEnd: historyEnd,
            gap: StreamGap(reason: .skippedByMaxAge, from: requested ?? cursor, to: end, oldest: cursor))
    }
}
