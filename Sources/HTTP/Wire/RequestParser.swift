/// Turns bytes into request heads, strictly (RFC 9112). One parser serves one connection: after each head it is ready
/// for the next. After an error it is of no further use, and neither is the connection.
package struct RequestParser: Sendable {
    package let limits: ParseLimits
    private var scanner = HeadScanner()

    /// More than any registered method has, in bytes.
    private static let longestMethod = 32

    package init(limits: ParseLimits = ParseLimits()) {
        self.limits = limits
    }

    /// - Parameter bytes: everything that arrived after the previous message, from the same first byte at every call
    ///   until a head comes out. Bytes after the head are left alone.
    /// - Returns: the head and how many bytes it took; nil when more bytes are needed.
    package mutating func parse(
        _ bytes: Span<UInt8>
    ) throws(ParseError) -> (head: RequestHead, consumed: Int)? {
        guard let end = try scanner.end(in: bytes, limits: limits) else { return nil }
        let start = scanner.start
        scanner = HeadScanner()
        return (try head(bytes, from: start, to: end), end)
    }

    /// The same for an array that is used up from `start`.
    package mutating func parse(
        _ bytes: [UInt8], from start: Int = 0
    ) throws(ParseError) -> (head: RequestHead, consumed: Int)? {
        try parse(bytes.span.extracting(start...))
    }

    /// Whether, after `parse` asked for more than `count` bytes, a head has begun: an empty line before it does
    /// not count.
    package func hasBegun(after count: Int) -> Bool {
        count > scanner.start
    }

    private func head(_ bytes: Span<UInt8>, from start: Int, to end: Int) throws(ParseError) -> RequestHead {
        // RFC 9112 §3: method SP request-target SP HTTP-version CRLF, one space each and nothing else.
        var position = start
        let method = try parseMethod(bytes, at: &position)
        let target = try RequestTarget.parse(bytes, at: &position, method: method, base: start)
        guard bytes[position] == ASCII.space else {
            // What ended the target is neither a part of it nor the space after it.
            throw bytes[position] == ASCII.carriageReturn ? .malformedStartLine : .invalidTarget
        }
        position += 1
        let version = try VersionParser.parse(bytes, at: &position)
        guard bytes[position] == ASCII.carriageReturn, bytes[position + 1] == ASCII.lineFeed else {
            throw .malformedStartLine
        }
        position += 2

        let slots = try FieldParser.parse(bytes, from: position, to: end, base: start, limit: limits.fieldCount)
        let facts = try MessageFacts(bytes, slots, base: start)
        try checkHost(bytes, facts, version)
        let framing = try RequestParser.framing(facts, version)
        return RequestHead(
            method: method,
            version: version,
            // The empty line is left out, so that a line can be appended.
            fields: Fields(storage: bytes.copy(start..<end - 2), start: position - start, slots: slots),
            framing: framing,
            expectsContinue: try expectsContinue(facts, version),
            isPersistent: facts.isPersistent(version),
            target: target)
    }

    /// RFC 9110 §9.1: a token. RFC 9112 §3: 501 for one that is longer than any we know.
    private func parseMethod(_ bytes: Span<UInt8>, at position: inout Int) throws(ParseError) -> Method {
        let start = position
        while ByteSet.token.contains(bytes[position]) { position += 1 }
        guard bytes[position] == ASCII.space, position > start else { throw .malformedStartLine }
        guard position - start <= RequestParser.longestMethod else { throw .methodTooLong }
        defer { position += 1 }
        return Method(unchecked: bytes.string(start..<position))
    }

    /// RFC 9112 §3.2: exactly one Host in HTTP/1.1, and never more than one, and its value valid.
    private func checkHost(
        _ bytes: Span<UInt8>, _ facts: MessageFacts, _ version: ProtocolVersion
    ) throws(ParseError) {
        guard facts.hosts > 0 else {
            if version == .http11 { throw .missingHost }
            return
        }
        guard facts.hosts == 1 else { throw .repeatedHost }
        guard Authority.split(bytes, facts.host) != nil else { throw .invalidHost }
    }

    /// RFC 9112 §6.3, for a request.
    private static func framing(_ facts: MessageFacts, _ version: ProtocolVersion) throws(ParseError) -> BodyFraming {
        if facts.transferEncodings > 0 {
            // RFC 9112 §6.1: Transfer-Encoding in HTTP/1.0 means that the framing is faulty.
            guard version == .http11 else { throw .transferEncodingInHTTP10 }
            // RFC 9112 §6.3 item 3: ought to be handled as an error; it is how requests are smuggled.
            guard !facts.hasContentLength else { throw .contentLengthWithTransferEncoding }
            // RFC 9112 §6.1: 501 for a coding that is not understood; §7: chunked is applied once, and last.
            guard facts.isChunked else { throw .unsupportedTransferCoding }
            return .chunked
        }
        if case .bytes(let count) = facts.contentLength, count > 0 { return .length(count) }
        // RFC 9112 §6.3 item 7.
        return .none
    }

    /// RFC 9110 §10.1.1: 417 for an expectation that is not understood; one of HTTP/1.0 for 100-continue is ignored.
    private func expectsContinue(_ facts: MessageFacts, _ version: ProtocolVersion) throws(ParseError) -> Bool {
        guard facts.hasExpectation else { return false }
        guard facts.expectsContinue else { throw .unknownExpectation }
        return version == .http11
    }
}

/// HTTP-version (RFC 9112 §2.3): case-sensitive, one digit each.
enum VersionParser {
    static func parse(_ bytes: Span<UInt8>, at position: inout Int) throws(ParseError) -> ProtocolVersion {
        let start = position
        guard bytes.count >= start + 8, matches(bytes, start, "HTTP/"), ASCII.isDigit(bytes[start + 5]),
            bytes[start + 6] == UInt8(ascii: "."), ASCII.isDigit(bytes[start + 7])
        else { throw .malformedStartLine }
        position = start + 8
        guard bytes[start + 5] == UInt8(ascii: "1") else { throw .unsupportedVersion }
        switch bytes[start + 7] {
        case UInt8(ascii: "1"): return .http11
        case UInt8(ascii: "0"): return .http10
        default: throw .unsupportedVersion
        }
    }

    private static func matches(_ bytes: Span<UInt8>, _ start: Int, _ text: StaticString) -> Bool {
        text.withUTF8Buffer { word in
            for offset in 0..<word.count where unsafe bytes[start + offset] != word[offset] { return false }
            return true
        }
    }
}
