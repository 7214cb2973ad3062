import Glibc

/// Finds the end of a head. Each byte is looked at once however the bytes arrive; nothing is parsed before the end is
/// there, except what lets a hopeless message be refused early.
struct HeadScanner: Sendable {
    /// The head's first byte: 0, or 2 after an empty line that was skipped.
    private(set) var start = 0
    private var position = 0
    private var lineStart = 0
    private var hasStartLine = false

    /// - Parameter bytes: everything that arrived since the last message, from the same first byte at every call.
    /// - Returns: the offset after the empty line that ends the head; nil when it is not there yet.
    mutating func end(in bytes: Span<UInt8>, limits: ParseLimits) throws(ParseError) -> Int? {
        try checkFirstByte(bytes)
        while let lineFeed = firstLineFeed(in: bytes, from: position) {
            let lineLength = lineFeed - 1 - lineStart
            // Sizes first, so that the answer does not depend on how much of the line was there at the last call.
            if !hasStartLine, lineLength > limits.startLine { throw .startLineTooLong }
            guard lineFeed + 1 - start <= limits.head else { throw .headTooLarge }
            // RFC 9112 §2.2: a lone LF may be taken for a line's end. Two parties that differ in this can be made to
            // see different messages, so it is refused; nobody sends it by accident.
            guard lineFeed > lineStart, bytes[lineFeed - 1] == ASCII.carriageReturn else { throw .bareLineFeed }
            position = lineFeed + 1
            lineStart = position
            if hasStartLine {
                if lineLength == 0 { return position }
            } else if lineLength == 0 {
                // RFC 9112 §2.2: at least one empty line before the request line should be ignored; one is.
                guard start == 0 else { throw .malformedStartLine }
                start = position
                try checkFirstByte(bytes)
            } else {
                hasStartLine = true
            }
        }
        position = bytes.count
        // One more for the CR whose LF is still to come.
        if !hasStartLine, position - start > limits.startLine + 1 { throw .startLineTooLong }
        guard position - start <= limits.head else { throw .headTooLarge }
        return nil
    }

    /// A method is a token, and a status line begins like one. Anything else (TLS, say) will never become a message,
    /// and may never send the line feed that would show it.
    private func checkFirstByte(_ bytes: Span<UInt8>) throws(ParseError) {
        guard position == start, start < bytes.count else { return }
        let first = bytes[start]
        if first == ASCII.lineFeed { throw .bareLineFeed }
        guard ByteSet.token.contains(first) || first == ASCII.carriageReturn else { throw .malformedStartLine }
    }

    private func firstLineFeed(in bytes: Span<UInt8>, from position: Int) -> Int? {
        guard position < bytes.count else { return nil }
        return unsafe bytes.withUnsafeBufferPointer { buffer -> Int? in
            guard let base = buffer.baseAddress,
                let found = unsafe memchr(base + position, Int32(ASCII.lineFeed), buffer.count - position)
            else { return nil }
            return unsafe UnsafeRawPointer(base).distance(to: UnsafeRawPointer(found))
        }
    }
}
