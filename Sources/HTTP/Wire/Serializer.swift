/// Writes messages as bytes. Framing fields (Content-Length, Transfer-Encoding, Connection, and Host in requests) are
/// written here and nowhere else: what a caller put into its `Fields` under those names is dropped, so a message can
/// never contradict itself.
package enum Serializer {
    /// A request's head, with Host made from the URL.
    package static func append(
        request method: Method, _ url: HTTPURL, fields: Fields = Fields(), framing: BodyFraming = .none,
        to output: inout [UInt8]
    ) {
        output.append(contentsOf: method.rawValue.utf8)
        output.append(ASCII.space)
        output.append(contentsOf: url.target.utf8)
        output.append(contentsOf: " HTTP/1.1\r\nHost: ".utf8)
        output.append(contentsOf: url.authority.utf8)
        appendLineEnd(to: &output)
        if fields.contains(.host) || fields.hasFramingFields {
            var rest = fields
            rest.remove(.host)
            appendFields(rest, to: &output)
        } else {
            appendFields(fields, to: &output)
        }
        appendFraming(framing, to: &output)
        appendLineEnd(to: &output)
    }

    /// A response's head.
    ///
    /// - Parameters:
    ///   - framing: written as it is given; `.length(0)` writes `Content-Length: 0`, `.none` and `.untilClose` nothing.
    ///   - isPersistent: writes `Connection: close` when false.
    package static func append(
        response status: Status, fields: Fields = Fields(), framing: BodyFraming, isPersistent: Bool = true,
        to output: inout [UInt8]
    ) {
        appendStatusLine(status, to: &output)
        appendFields(fields, to: &output)
        appendFraming(framing, to: &output)
        if !isPersistent { output.append(contentsOf: "Connection: close\r\n".utf8) }
        appendLineEnd(to: &output)
    }

    // MARK: Parts of a head, for callers that add lines of their own

    /// `HTTP/1.1 code reason CRLF`, also to HTTP/1.0 clients (RFC 9110 §6.2: the version says what we conform to).
    package static func appendStatusLine(_ status: Status, to output: inout [UInt8]) {
        let index = Int(status.code) - 100
        if index < statusLines.count {
            output.append(contentsOf: statusLines[index])
        } else {
            output.append(contentsOf: statusLine(status))
        }
    }

    /// The lines of `fields` without framing fields.
    package static func appendFields(_ fields: Fields, to output: inout [UInt8]) {
        guard fields.hasFramingFields else {
            output.append(contentsOf: fields.wireImage)
            return
        }
        var rest = fields
        for name in [FieldName.connection, .contentLength, .transferEncoding] { rest.remove(name) }
        output.append(contentsOf: rest.wireImage)
    }

    /// One line.
    package static func appendField(_ name: FieldName, _ value: FieldValue, to output: inout [UInt8]) {
        output.append(contentsOf: name.spelling.utf8)
        output.append(contentsOf: ": ".utf8)
        output.append(contentsOf: value.text.utf8)
        appendLineEnd(to: &output)
    }

    /// The line that says how the body ends, if it takes one.
    package static func appendFraming(_ framing: BodyFraming, to output: inout [UInt8]) {
        switch framing {
        case .none, .untilClose:
            break
        case .length(let count):
            output.append(contentsOf: "Content-Length: ".utf8)
            appendDecimal(count, to: &output)
            appendLineEnd(to: &output)
        case .chunked:
            output.append(contentsOf: "Transfer-Encoding: chunked\r\n".utf8)
        }
    }

    /// CR LF: the end of a line, and alone the end of a head.
    package static func appendLineEnd(to output: inout [UInt8]) {
        output.append(ASCII.carriageReturn)
        output.append(ASCII.lineFeed)
    }

    // MARK: Bodies

    /// One chunk (RFC 9112 §7.1). Nothing for no data: a chunk of size 0 would end the body.
    package static func appendChunk(_ data: some Collection<UInt8>, to output: inout [UInt8]) {
        guard !data.isEmpty else { return }
        output.append(contentsOf: String(data.count, radix: 16).utf8)
        appendLineEnd(to: &output)
        output.append(contentsOf: data)
        appendLineEnd(to: &output)
    }

    /// The last chunk and an empty trailer section.
    package static func appendLastChunk(to output: inout [UInt8]) {
        output.append(contentsOf: "0\r\n\r\n".utf8)
    }

    /// The whole answer to `Expect: 100-continue`.
    package static func appendContinue(to output: inout [UInt8]) {
        output.append(contentsOf: "HTTP/1.1 100 Continue\r\n\r\n".utf8)
    }

    // MARK: -

    private static let statusLines: [[UInt8]] = (100..<600).map { statusLine(Status($0)) }

    private static func statusLine(_ status: Status) -> [UInt8] {
        Array("HTTP/1.1 \(status.code) \(status.reason)\r\n".utf8)
    }

    /// Without the string that `String(count)` would be.
    private static func appendDecimal(_ number: Int, to output: inout [UInt8]) {
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            output.append(UInt8(truncatingIfNeeded: number / divisor % 10) + 0x30)
            divisor /= 10
        }
    }
}
