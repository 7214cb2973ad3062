/// One event of an event stream (WHATWG HTML §9.2).
package struct ServerSentEvent: Sendable, Equatable {
    /// What the client sends back as Last-Event-ID; "" resets it.
    package let id: String?
    /// Nil is `message`.
    package let event: String?
    /// Bytes of UTF-8, usually JSON; line breaks of any kind arrive as LF.
    package let data: [UInt8]
    /// How long the client waits before it connects again.
    package let retry: Duration?

    package static let contentType: FieldValue = "text/event-stream"

    /// Nil when `id` or `event` holds CR, LF or NUL: they would begin a field or an event of their own, or be ignored
    /// by the client. `data` can hold anything, its line breaks are encoded.
    package init?(id: String? = nil, event: String? = nil, data: [UInt8], retry: Duration? = nil) {
        guard ServerSentEvent.isLine(id), ServerSentEvent.isLine(event) else { return nil }
        self.id = id
        self.event = event
        self.data = data
        self.retry = retry
    }

    package init?(id: String? = nil, event: String? = nil, data: String, retry: Duration? = nil) {
        self.init(id: id, event: event, data: Array(data.utf8), retry: retry)
    }

    package var text: String { String(decoding: data, as: UTF8.self) }

    /// Appends the event with the empty line that ends it.
    package func encode(into output: inout [UInt8]) {
        output.reserveCapacity(output.count + data.count + 64)
        if let retry {
            let milliseconds = retry.components.seconds * 1000 + retry.components.attoseconds / 1_000_000_000_000_000
            output.append(contentsOf: "retry: \(max(0, milliseconds))\n".utf8)
        }
        if let id {
            output.append(contentsOf: "id: ".utf8)
            output.append(contentsOf: id.utf8)
            output.append(ASCII.lineFeed)
        }
        if let event {
            output.append(contentsOf: "event: ".utf8)
            output.append(contentsOf: event.utf8)
            output.append(ASCII.lineFeed)
        }
        appendLines(of: data, prefix: "data: ", to: &output)
        output.append(ASCII.lineFeed)
    }

    package var encoded: [UInt8] {
        var output: [UInt8] = []
        encode(into: &output)
        return output
    }

    /// A comment, which clients ignore: keeps connections and proxies awake. Line breaks make several.
    package static func comment(_ text: String) -> [UInt8] {
        var output: [UInt8] = []
        appendLines(of: Array(text.utf8), prefix: ": ", to: &output)
        output.append(ASCII.lineFeed)
        return output
    }

    private func appendLines(of bytes: [UInt8], prefix: StaticString, to output: inout [UInt8]) {
        ServerSentEvent.appendLines(of: bytes, prefix: prefix, to: &output)
    }

    /// WHATWG HTML §9.2.5: a line ends with CR LF, LF or CR, so each of the three ends a line here.
    private static func appendLines(of bytes: [UInt8], prefix: StaticString, to output: inout [UInt8]) {
        var start = 0
        while true {
            let end = bytes[start...].firstIndex { $0 == ASCII.lineFeed || $0 == ASCII.carriageReturn } ?? bytes.count
            prefix.withUTF8Buffer { unsafe output.append(contentsOf: $0) }
            output.append(contentsOf: bytes[start..<end])
            output.append(ASCII.lineFeed)
            guard end < bytes.count else { return }
            let isPair =
                bytes[end] == ASCII.carriageReturn && end + 1 < bytes.count && bytes[end + 1] == ASCII.lineFeed
            start = end + (isPair ? 2 : 1)
        }
    }

    private static func isLine(_ text: String?) -> Bool {
        text?.utf8.allSatisfy { $0 != 0 && $0 != ASCII.lineFeed && $0 != ASCII.carriageReturn } ?? true
    }
}
