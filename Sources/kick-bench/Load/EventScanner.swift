import Glibc

/// Finds, in the bytes of an event stream, the number in each event's id and which webhook it was. Knows how the gateway
/// writes: one `id` line, one `data` line with the message id near its beginning. Reads each byte once and copies none.
enum EventScanner {
    struct Found {
        /// The part of the cursor behind the point.
        var sequence: Int64 = 0
        /// Number of the webhook in the pool; -1 when the data line does not say.
        var webhook = -1
    }

    /// Calls `body` for every whole event and returns how many bytes were done with: the rest is the beginning of an
    /// event. Blocks without an id (comments, `retry`) are passed over. Events of the gateway's own (`gateway.gap`) come
    /// out with a webhook of -1.
    static func scan(_ bytes: UnsafeRawBufferPointer, _ body: (Found) -> Void) -> Int {
        var done = 0
        var found: Found?
        var line = 0
        while line < bytes.count {
            guard
                let lineEnd = unsafe memchr(bytes.baseAddress! + line, 0x0A, bytes.count - line).map({
                    unsafe UnsafeRawPointer($0) - bytes.baseAddress!
                })
            else { break }
            if lineEnd == line {
                if let found { body(found) }
                found = nil
                done = lineEnd + 1
            } else if unsafe bytes[line] == UInt8(ascii: "i") {
                found = Found(sequence: unsafe sequence(bytes[line..<lineEnd]))
            } else if unsafe bytes[line] == UInt8(ascii: "d") {
                found?.webhook = unsafe webhook(
                    UnsafeRawBufferPointer(rebasing: bytes[line..<min(lineEnd, line + 160)]))
            }
            line = lineEnd + 1
        }
        return done
    }

    /// The digits behind the point of `id: 3.141`.
    private static func sequence(_ line: Slice<UnsafeRawBufferPointer>) -> Int64 {
        var value: Int64 = 0
        var isBehindPoint = false
        for index in unsafe line.indices {
            let byte = unsafe line[index]
            if byte == UInt8(ascii: ".") {
                isBehindPoint = true
            } else if isBehindPoint {
                value = value &* 10 &+ Int64(byte &- 0x30)
            }
        }
        return value
    }

    private static func webhook(_ line: UnsafeRawBufferPointer) -> Int {
        let name: StaticString = "\"id\":\"01BENCH0000000000"
        guard let match = unsafe line.firstOffset(of: name) else { return -1 }
        let offset = match + name.utf8CodeUnitCount
        guard offset + WebhookPool.indexDigits <= line.count else { return -1 }
        var value = 0
        for index in offset..<offset + WebhookPool.indexDigits {
            value = unsafe value * 10 + Int(line[index] &- 0x30)
        }
        return value
    }
}
