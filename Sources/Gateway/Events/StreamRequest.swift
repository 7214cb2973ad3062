package import Model
package import Net

/// What one stream asked for.
package struct StreamRequest: Sendable {
    package let tenant: TenantID
    /// The key that opened it; the stream ends when the key does (P15).
    package let key: KeyID
    package let filter: EventFilter
    /// Where to begin. Nil: with the next event.
    package let cursor: EventCursor?
    /// When the key expires, and the stream with it.
    package var expiresAt: Timestamp?
    /// How many events to send before the stream ends by itself, at least 1; nil for no end.
    package var limit: Int?
    /// History that was logged longer ago is skipped.
    package var maximumAge: Duration?

    package init(tenant: TenantID, key: KeyID, filter: EventFilter, cursor: EventCursor?) {
        self.tenant = tenant
        self.key = key
        self.filter = filter
        self.cursor = cursor
    }
}

/// A stream that may begin: it has its place, and knows where in the log to begin.
package struct PreparedStream: Sendable {
    package let request: StreamRequest
    package let start: StreamStart
    let place: StreamPlace
}

/// Why the gateway ends a stream. Whoever reads it may come back with its cursor.
package enum StreamEnd: String, Sendable {
    /// It has sent as many events as were asked for.
    case limit
    /// It is as old as streams become.
    case age
    /// Its key was revoked, or has expired.
    case credential
    /// Its reader did not take history in time (P12).
    case slow
    /// The log is no longer the one that it began with: it was restored or made anew.
    case logChanged = "log_changed"
    /// The server stops.
    case shutdown
}

/// Where a reader's bytes go. Belongs to the loop of the reader's connection.
package protocol EventSink: AnyObject {
    /// Appends bytes without waiting. A sink that its peer does not empty ends itself (P12).
    func send(_ bytes: SharedBytes)
    /// Bytes sent and not yet taken by the kernel.
    var pendingBytes: Int { get }
    /// Suspends until everything sent was taken, the sink ended, or the deadline; false in the last case.
    func waitUntilDrained(deadline: Deadline) async -> Bool
    /// Ends the stream. The peer has everything up to the cursor.
    func end(_ reason: StreamEnd, at cursor: EventCursor)
}

/// A stream that was opened. Loop-bound.
package struct OpenStream {
    private let reader: StreamReader
    private let feed: EventFeed

    init(_ reader: StreamReader, _ feed: EventFeed) {
        self.reader = reader
        self.feed = feed
    }

    /// Forgets the reader: its connection has ended.
    package func close() {
        feed.close(reader)
    }

    /// Ends the stream.
    package func end(_ reason: StreamEnd) {
        reader.end(reason)
    }

    /// The reader's position when it is ahead of the last id that its peer was sent: it has passed events that the filter
    /// hides. Telling it keeps the peer from coming back from far behind, and from before what retention has removed.
    /// Whoever calls sends it next.
    package func cursorToTell() -> EventCursor? {
        reader.cursorToTell()
    }
}
