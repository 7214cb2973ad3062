/// A request's head as it was received: one copy of its bytes and offsets into it.
package struct RequestHead: Sendable {
    package let method: Method
    package let version: ProtocolVersion
    /// The fields; the copy of the bytes, which also holds the target, lives in here.
    package let fields: Fields
    package let framing: BodyFraming
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    package let expectsContinue: Bool
    /// Whether the client wants the connection to stay open after the response (RFC 9112 §9.3).
    package let isPersistent: Bool
    let target: RequestTarget

    /// The path as it was sent, percent-encoded; "/" when an absolute-form has none, "*" for `OPTIONS *`.
    package var path: String { String(decoding: pathBytes, as: UTF8.self) }

    /// ``path`` without making a string of it.
    package var pathBytes: ArraySlice<UInt8> {
        if target.isAsterisk { return [UInt8(ascii: "*")] }
        if target.pathStart == target.pathEnd { return [UInt8(ascii: "/")] }
        return fields.storage[Int(target.pathStart)..<Int(target.pathEnd)]
    }

    /// What follows the first "?", as it was sent; nil when there is none.
    package var query: String? {
        target.queryStart == 0
            ? nil : String(decoding: fields.storage[Int(target.queryStart)..<Int(target.queryEnd)], as: UTF8.self)
    }

    /// Whether the target is `*`, which asks about the server as a whole (RFC 9112 §3.2.4).
    package var isAsteriskForm: Bool { target.isAsterisk }

    /// Host and port the client asked for: the target's, when it is in absolute-form, whatever Host says
    /// (RFC 9112 §3.2.2: an origin server must ignore Host then); else the Host field. Nil only in HTTP/1.0.
    package var authority: String? {
        target.authorityEnd == 0
            ? fields[.host]
            : String(decoding: fields.storage[Int(target.authorityStart)..<Int(target.authorityEnd)], as: UTF8.self)
    }

    /// Parses one whole head, for tests and tools.
    package init(parsing text: String) throws(ParseError) {
        var parser = RequestParser()
        let bytes = Array(text.utf8)
        guard let parsed = try parser.parse(bytes.span) else { throw .truncated }
        self = parsed.head
    }

    init(
        method: Method, version: ProtocolVersion, fields: Fields, framing: BodyFraming, expectsContinue: Bool,
        isPersistent: Bool, target: RequestTarget
    ) {
        self.method = method
        self.version = version
        self.fields = fields
        self.framing = framing
        self.expectsContinue = expectsContinue
        self.isPersistent = isPersistent
        self.target = target
    }
}
