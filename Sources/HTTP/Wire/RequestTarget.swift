/// The parts of a request target, as offsets (RFC 9112 §3.2).
struct RequestTarget: BitwiseCopyable, Sendable {
    /// Empty for `*` and for an absolute-form without a path.
    var pathStart: UInt32 = 0
    var pathEnd: UInt32 = 0
    /// After the "?"; both 0 when there is no query.
    var queryStart: UInt32 = 0
    var queryEnd: UInt32 = 0
    /// Of absolute-form; both 0 otherwise.
    var authorityStart: UInt32 = 0
    var authorityEnd: UInt32 = 0
    var isAsterisk = false

    /// Parses the target at `position` and moves `position` to the byte that ended it.
    ///
    /// - Parameters:
    ///   - base: what is subtracted from the offsets that are kept.
    static func parse(
        _ bytes: Span<UInt8>, at position: inout Int, method: Method, base: Int
    ) throws(ParseError) -> RequestTarget {
        // RFC 9112 §3.2.3: authority-form belongs to CONNECT and to nothing else.
        if method == .connect { throw .connectNotSupported }
        var target = RequestTarget()
        let first = bytes[position]
        if first == UInt8(ascii: "*") {
            // RFC 9112 §3.2.4: asterisk-form belongs to OPTIONS.
            guard method == .options else { throw .invalidTarget }
            position += 1
            target.isAsterisk = true
            return target
        }
        if first != UInt8(ascii: "/") {
            try target.parseSchemeAndAuthority(bytes, at: &position, base: base)
        }
        target.pathStart = UInt32(truncatingIfNeeded: position - base)
        try skip(.path, bytes, &position)
        target.pathEnd = UInt32(truncatingIfNeeded: position - base)
        if bytes[position] == UInt8(ascii: "?") {
            position += 1
            target.queryStart = UInt32(truncatingIfNeeded: position - base)
            try skip(.query, bytes, &position)
            target.queryEnd = UInt32(truncatingIfNeeded: position - base)
        }
        return target
    }

    /// RFC 9112 §3.2.2: absolute-form must be accepted. Only our own schemes make sense here.
    private mutating func parseSchemeAndAuthority(
        _ bytes: Span<UInt8>, at position: inout Int, base: Int
    ) throws(ParseError) {
        if bytes.count > position + 7, bytes.equals("http://", in: position..<position + 7) {
            position += 7
        } else if bytes.count > position + 8, bytes.equals("https://", in: position..<position + 8) {
            position += 8
        } else {
            throw .invalidTarget
        }
        let start = position
        while !RequestTarget.endsAuthority(bytes[position]) { position += 1 }
        guard Authority.split(bytes, start..<position) != nil else { throw .invalidTarget }
        authorityStart = UInt32(truncatingIfNeeded: start - base)
        authorityEnd = UInt32(truncatingIfNeeded: position - base)
    }

    private static func endsAuthority(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte <= ASCII.space
    }

    /// Runs over bytes of `set` and percent triplets. Stops at the latest at the CR that every line ends with.
    private static func skip(_ set: ByteSet, _ bytes: Span<UInt8>, _ position: inout Int) throws(ParseError) {
        while true {
            let byte = unsafe bytes[unchecked: position]
            if set.contains(byte) {
                position += 1
            } else if byte == UInt8(ascii: "%") {
                guard Authority.isTriplet(bytes, position, bytes.count) else { throw .invalidTarget }
                position += 3
            } else {
                return
            }
        }
    }
}
