/// Turns bytes into response heads (RFC 9112 §4), as strictly as requests: a client that re-uses connections is as
/// easily confused by ambiguous framing as a server. Informational responses come out like the others; the caller
/// skips them (RFC 9110 §15.2).
package struct ResponseParser: Sendable {
    package let limits: ParseLimits
    private var scanner = HeadScanner()

    package init(limits: ParseLimits = ParseLimits(startLine: 8192, head: 65536, fieldCount: 200)) {
        self.limits = limits
    }

    /// As ``RequestParser/parse(_:)``.
    package mutating func parse(
        _ bytes: Span<UInt8>
    ) throws(ParseError) -> (head: ResponseHead, consumed: Int)? {
        guard let end = try scanner.end(in: bytes, limits: limits) else { return nil }
        let start = scanner.start
        scanner = HeadScanner()
        // RFC 9112 §2.2 lets a server skip an empty line, not a client.
        guard start == 0 else { throw .malformedStartLine }
        return (try head(bytes, to: end), end)
    }

    /// The same for an array that is used up from `start`.
    package mutating func parse(
        _ bytes: [UInt8], from start: Int = 0
    ) throws(ParseError) -> (head: ResponseHead, consumed: Int)? {
        try parse(bytes.span.extracting(start...))
    }

    private func head(_ bytes: Span<UInt8>, to end: Int) throws(ParseError) -> ResponseHead {
        // RFC 9112 §4: HTTP-version SP status-code SP [ reason-phrase ] CRLF. The second space is often left out with
        // the phrase; nothing can be hidden there.
        var position = 0
        let version = try VersionParser.parse(bytes, at: &position)
        guard bytes[position] == ASCII.space else { throw .malformedStartLine }
        position += 1
        var code = 0
        for _ in 0..<3 {
            guard ASCII.isDigit(bytes[position]) else { throw .malformedStartLine }
            code = code * 10 + Int(bytes[position] &- 0x30)
            position += 1
        }
        guard code >= 100 else { throw .malformedStartLine }
        if bytes[position] == ASCII.space {
            while ASCII.isFieldValueByte(bytes[position]) { position += 1 }
        }
        guard bytes[position] == ASCII.carriageReturn, bytes[position + 1] == ASCII.lineFeed else {
            throw .malformedStartLine
        }
        position += 2

        let slots = try FieldParser.parse(bytes, from: position, to: end, base: 0, limit: limits.fieldCount)
        let facts = try MessageFacts(bytes, slots, base: 0)
        let framing = try ResponseParser.framing(facts, version)
        return ResponseHead(
            status: Status(code),
            version: version,
            fields: Fields(storage: bytes.copy(0..<end - 2), start: position, slots: slots),
            saysPersistent: facts.isPersistent(version),
            declared: framing)
    }

    /// RFC 9112 §6.3 items 3 to 8, before the request's method and the status are considered.
    private static func framing(_ facts: MessageFacts, _ version: ProtocolVersion) throws(ParseError) -> BodyFraming {
        if facts.transferEncodings > 0 {
            guard version == .http11 else { throw .transferEncodingInHTTP10 }
            guard !facts.hasContentLength else { throw .contentLengthWithTransferEncoding }
            guard facts.isChunked else { throw .unsupportedTransferCoding }
            return .chunked
        }
        if case .bytes(let count) = facts.contentLength { return .length(count) }
        return .untilClose
    }
}
