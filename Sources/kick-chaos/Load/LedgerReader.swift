import Net
import ProcessKit

/// How readers behave.
struct ReaderManner: Sendable {
    /// Whether they go away and come back by themselves.
    var isRestless = true
    /// How long a connection is kept, and how long a reader stops reading when it falls behind, at the most, in seconds.
    var longestStay = 60.0
    var longestPause = 70.0
    /// Whether numbers may be missing from the stream: events that repeat a fact are in the log and not shown (P9).
    var mayHide = false
}

/// What readers have met.
struct ReaderCounts: Sendable {
    var delivered = 0
    var connections = 0
    /// Connections that went on from a cursor, and those of them on another replica than before.
    var resumes = 0
    var moves = 0
    /// Left on purpose; those of them in the middle of an event, or with bytes unread.
    var leaves = 0
    var halfRead = 0
    /// Times that a reader stopped reading for a while, and those of them after which the gateway had cut it.
    var pauses = 0
    var slowCuts = 0
    /// Ended by the gateway for other reasons; with the gateway's death.
    var ended = 0
    var deaths = 0
    /// Answered 503 or 429, or not at all.
    var refused = 0
    var notConnected = 0
    var failures: [String] = []
    var failureCount = 0

    mutating func fail(_ text: String) {
        failureCount += 1
        if failures.count < 10 { failures.append(text) }
    }
}

/// One reader: it goes from replica to replica with the cursor that it has, and proves that it gets every event after its
/// first cursor once and in order. Loop-bound.
final class LedgerReader {
    let tenant: Int
    let key: String
    /// Where it stands; nil before its first connection.
    private(set) var cursor: (epoch: Int64, sequence: Int64)?
    private(set) var first: Int64 = 0
    private(set) var events = 0
    /// The beginning of an event whose end has not come.
    var rest: [UInt8] = []
    var lastPID: Int32?
    /// Whether it has stopped reading on this connection: what it gets then is late by its own doing.
    var isLate = false

    init(tenant: Int, key: String) {
        self.tenant = tenant
        self.key = key
    }

    var request: [UInt8] {
        // As browsers do it and as others do it.
        let (after, header) =
            switch (cursor, Bool.random()) {
            case (let cursor?, true): ("?after=\(cursor.epoch).\(cursor.sequence)", "")
            case (let cursor?, false): ("", "Last-Event-ID: \(cursor.epoch).\(cursor.sequence)\r\n")
            case (nil, _): ("", "")
            }
        return Array(
            """
            GET /v1/events/stream\(after) HTTP/1.1\r
            Host: gateway.chaos.invalid\r
            Accept: text/event-stream\r
            Authorization: Bearer \(key)\r
            \(header)\r

            """.utf8)
    }

    /// Where the stream says that it stands, without an event.
    func take(place block: EventBlocks.Block, _ counts: inout ReaderCounts) {
        if let cursor, cursor != (block.epoch, block.sequence) {
            counts.fail("a stream was asked for after \(cursor.sequence) and began after \(block.sequence)")
        } else if cursor == nil {
            cursor = (block.epoch, block.sequence)
            first = block.sequence
        }
    }

    /// The next event.
    func take(
        event block: EventBlocks.Block, _ line: EventLine, _ ledger: StreamLedger, mayHide: Bool,
        _ counts: inout ReaderCounts
    ) {
        let last = cursor ?? (block.epoch, block.sequence - 1)
        if cursor == nil { first = block.sequence - 1 }
        let isNext = block.sequence == last.sequence + 1 || (mayHide && block.sequence > last.sequence)
        if block.epoch != last.epoch || !isNext {
            counts.fail("tenant \(tenant): \(block.epoch).\(block.sequence) came after \(last.epoch).\(last.sequence)")
        }
        if !ledger.agrees(line.digest, at: block.sequence, in: tenant) {
            counts.fail("tenant \(tenant): two readers saw different events under \(block.sequence)")
        }
        cursor = (block.epoch, block.sequence)
        events += 1
        counts.delivered += 1
    }
}
