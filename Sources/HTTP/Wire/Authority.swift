/// The syntax of `host [":" port]` as Host and absolute-form carry it (RFC 9110 §7.2, RFC 3986 §3.2).
enum Authority {
    /// Where the host ends and what the port is, or nil when the text is invalid. An empty host is invalid
    /// (RFC 9110 §4.2.1), and so is user information (RFC 9110 §4.2.4).
    static func split(_ bytes: Span<UInt8>, _ range: Range<Int>) -> (host: Range<Int>, port: Int?)? {
        var position = range.lowerBound
        if position < range.upperBound, bytes[position] == UInt8(ascii: "[") {
            position += 1
            let first = position
            // An IPv6 address; the colons tell it from IPvFuture, which nobody has ever seen.
            while position < range.upperBound, isAddressByte(bytes[position]) { position += 1 }
            guard position - first >= 2, position < range.upperBound, bytes[position] == UInt8(ascii: "]") else {
                return nil
            }
            position += 1
        } else {
            while position < range.upperBound {
                let byte = bytes[position]
                if ByteSet.registeredName.contains(byte) {
                    position += 1
                } else if byte == UInt8(ascii: "%"), isTriplet(bytes, position, range.upperBound) {
                    position += 3
                } else {
                    break
                }
            }
        }
        let host = range.lowerBound..<position
        guard !host.isEmpty else { return nil }
        if position == range.upperBound { return (host, nil) }
        guard bytes[position] == ASCII.colon else { return nil }
        position += 1
        // RFC 3986 §3.2.3: the port may be empty.
        if position == range.upperBound { return (host, nil) }
        var port = 0
        while position < range.upperBound {
            guard ASCII.isDigit(bytes[position]) else { return nil }
            port = port * 10 + Int(bytes[position] &- 0x30)
            guard port <= 65535 else { return nil }
            position += 1
        }
        return (host, port)
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        ASCII.hexValue(byte) != nil || byte == ASCII.colon || byte == UInt8(ascii: ".")
    }

    /// Whether `%` at `position` is followed by two hexadecimal digits (RFC 3986 §2.1).
    @inline(__always)
    static func isTriplet(_ bytes: Span<UInt8>, _ position: Int, _ end: Int) -> Bool {
        position + 2 < end && ASCII.hexValue(bytes[position + 1]) != nil && ASCII.hexValue(bytes[position + 2]) != nil
    }
}
