package import Gateway
import HTTP
package import Model
package import Net

/// How an event looks outside: in the stream, and in a page of the log.
///
/// It is written by hand, once per event whatever the number of readers, and the payload is Kick's own bytes: nothing
/// that Kick adds is lost on the way (P13).
package enum EventEncoding {
    /// The event as JSON: cursor, id, type, version, origin, broadcaster, times and the raw payload.
    ///
    /// - Parameter isHistory: whether it had happened before the stream was opened: what shows alerts must not show it
    ///   again.
    static func json(_ event: Event, isHistory: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(event.body.count + 400)
        bytes += #"{"cursor":""#.utf8
        bytes += event.cursor.description.utf8
        bytes += #"","id":"#.utf8
        bytes.appendJSONString(event.messageID)
        bytes += #","type":"#.utf8
        bytes.appendJSONString(event.type)
        bytes += #","version":"#.utf8
        bytes.appendJSONString(event.version)
        bytes += #","origin":""#.utf8
        bytes += event.origin.rawValue.utf8
        bytes += #"","broadcaster_user_id":"#.utf8
        bytes += String(event.broadcasterUserID).utf8
        bytes += #","sent_at":""#.utf8
        bytes += event.sentAt.description.utf8
        bytes += #"","received_at":""#.utf8
        bytes += event.receivedAt.description.utf8
        bytes += #"","lag_ms":"#.utf8
        bytes += String(event.lagMilliseconds).utf8
        if let first = event.duplicateOf {
            bytes += #","duplicate_of":"\#(EventCursor(epoch: event.cursor.epoch, sequence: first))""#.utf8
        }
        if let original = event.replayOf {
            bytes += #","replay_of":"\#(EventCursor(epoch: event.cursor.epoch, sequence: original))""#.utf8
        }
        if isHistory { bytes += #","replayed":true"#.utf8 }
        bytes += #","payload":"#.utf8
        bytes += event.body
        bytes += "}".utf8
        return bytes
    }

    /// The event as it stands in a stream: `id` is the cursor, `event` Kick's type.
    package static func stream(_ event: Event, isHistory: Bool) -> SharedBytes {
        encoded(id: event.cursor, event: event.type, data: json(event, isHistory: isHistory))
    }

    /// The in-band announcement of a gap (P11).
    package static func stream(_ gap: StreamGap) -> SharedBytes {
        encoded(id: gap.to, event: "gateway.gap", data: json(gap))
    }

    static func json(_ gap: StreamGap) -> [UInt8] {
        let detail =
            switch gap.reason {
            case .expired: "Events after your cursor were removed by retention."
            case .skippedByMaxAge: "Events after your cursor are older than max_age."
            case .epochChanged: "Your cursor belongs to another life of this log."
            case .ahead: "Your cursor is ahead of this log, which has lost its end."
            }
        return Array(
            """
            {"reason":"\(gap.reason.rawValue)","detail":"\(detail)","from":"\(gap.from)","to":"\(gap.to)",\
            "oldest":"\(gap.oldest)"}
            """.utf8)
    }

    // MARK: What is no event

    /// The beginning of a stream. A message without data sets the last id and is not dispatched (WHATWG HTML §9.2.6). When
    /// a gap is announced next, the id waits for it: who is cut off in between would never learn of the gap.
    static func hello(_ start: StreamStart, retryMilliseconds: Int) -> SharedBytes {
        let id = start.gap == nil ? "id: \(start.cursor)\n" : ""
        return SharedBytes(Array("retry: \(retryMilliseconds)\n\(id)\n".utf8))
    }

    /// A heartbeat that moves the last id.
    static func position(_ cursor: EventCursor) -> SharedBytes {
        SharedBytes(Array(": ping\nid: \(cursor)\n\n".utf8))
    }

    /// The end of a stream. For most reasons the client is to come back, and needs nothing but its cursor. A stream that has
    /// sent what was asked for says so, under an id that says so once more when a browser comes back by itself.
    static func farewell(_ reason: StreamEnd, at cursor: EventCursor) -> SharedBytes {
        guard reason == .limit else { return SharedBytes(Array(": \(reason.rawValue)\nid: \(cursor)\n\n".utf8)) }
        let data = Array(#"{"reason":"limit","cursor":"\#(cursor)"}"#.utf8)
        return encoded(id: cursor.description + endMark, event: "gateway.end", data: data)
    }

    private static let endMark = ".end"

    /// Whether this is the last id of a stream that has sent what was asked for.
    static func marksEnd(_ lastEventID: String) -> Bool { lastEventID.hasSuffix(endMark) }

    /// The cursor that an id is, as text.
    static func cursor(ofLastEventID id: String) -> String {
        marksEnd(id) ? String(id.dropLast(endMark.count)) : id
    }

    // MARK: -

    private static func encoded(id: EventCursor, event: String, data: [UInt8]) -> SharedBytes {
        encoded(id: id.description, event: event, data: data)
    }

    private static func encoded(id: String, event: String, data: [UInt8]) -> SharedBytes {
        // A type with a line break cannot come from the verifier; such an event would go out without its name.
        let message = ServerSentEvent(id: id, event: event, data: data) ?? ServerSentEvent(id: id, data: data)
        return SharedBytes(message?.encoded ?? [])
    }
}

extension [UInt8] {
    /// Appends text as a JSON string (RFC 8259 §7).
    mutating func appendJSONString(_ text: String) {
        append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case 0..<0x20:
                let hex = String(byte, radix: 16)
                append(contentsOf: "\\u00\(hex.utf8.count == 1 ? "0" : "")\(hex)".utf8)
            default: append(byte)
            }
        }
        append(UInt8(ascii: "\""))
    }
}
