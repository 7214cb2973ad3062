import Glibc

/// Finds the events in the bytes of an event stream, as the gateway writes it: lines that end with a line feed, at most one
/// `data` line in an event. Reads each byte once and copies none.
package enum EventBlocks {
    /// One event that has an id. Places are within the bytes that were scanned.
    package struct Block: Sendable {
        /// The two parts of the cursor.
        package var epoch: Int64 = 0
        package var sequence: Int64 = 0
        /// What the `event` line says; empty without one.
        package var name = 0..<0
        /// What the `data` line says; empty without one: then the block only says where the stream stands.
        package var data = 0..<0
    }

    /// Calls `body` for every whole block with an id and returns how many bytes were done with: the rest is the beginning
    /// of a block. Blocks without an id (comments, `retry`) are passed over.
    package static func scan(_ bytes: UnsafeRawBufferPointer, _ body: (Block) -> Void) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        var done = 0
        var block = Block()
        var hasID = false
        var line = 0
        while line < bytes.count,
            let match = unsafe memchr(base + line, 0x0A, bytes.count - line)
        {
            let end = unsafe UnsafeRawPointer(match) - base
            if end == line {
                if hasID { body(block) }
                block = Block()
                hasID = false
                done = end + 1
            } else {
                switch unsafe bytes[line] {
                case UInt8(ascii: "i"):
                    hasID = true
                    (block.epoch, block.sequence) = unsafe cursor(bytes[line..<end])
                case UInt8(ascii: "e"): block.name = value("event: ".utf8.count, line, end)
                case UInt8(ascii: "d"): block.data = value("data: ".utf8.count, line, end)
                default: break
                }
            }
            line = end + 1
        }
        return done
    }

    private static func value(_ prefix: Int, _ line: Int, _ end: Int) -> Range<Int> {
        min(line + prefix, end)..<end
    }

    /// The numbers of `id: 3.141`.
    private static func cursor(_ line: Slice<UnsafeRawBufferPointer>) -> (Int64, Int64) {
        var (epoch, value): (Int64, Int64) = (0, 0)
        for index in unsafe line.indices {
            let byte = unsafe line[index]
            if byte == UInt8(ascii: ".") {
                epoch = value
                value = 0
            } else if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
                value = value &* 10 &+ Int64(byte &- 0x30)
            }
        }
        return (epoch, value)
    }
}
