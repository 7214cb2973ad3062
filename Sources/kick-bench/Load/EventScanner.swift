import ProcessKit

/// Finds, in the bytes of an event stream, the number in each event's id and which webhook it was: its message id stands near
/// the beginning of the data line.
enum EventScanner {
    struct Found {
        /// The part of the cursor behind the point.
        var sequence: Int64 = 0
        /// Number of the webhook in the pool; -1 when the data line does not say.
        var webhook = -1
    }

    /// Calls `body` for every whole event and returns how many bytes were done with: the rest is the beginning of an
    /// event. What has no data (where the stream stands, comments, `retry`) is passed over. Events of the gateway's own
    /// (`gateway.gap`) come out with a webhook of -1.
    static func scan(_ bytes: UnsafeRawBufferPointer, _ body: (Found) -> Void) -> Int {
        unsafe EventBlocks.scan(bytes) { block in
            guard !block.data.isEmpty else { return }
            body(
                Found(
                    sequence: block.sequence,
                    webhook: unsafe webhook(UnsafeRawBufferPointer(rebasing: bytes[block.data.prefix(160)]))))
        }
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
