package import HTTP

/// A request to another server, with its whole body.
///
/// Targets, fields and bodies hold tokens, so nothing but method and origin is ever printed of it.
package struct OutboundRequest: Sendable {
    package var method: Method
    package var url: HTTPURL
    /// Host, Content-Length, Transfer-Encoding and Connection are the client's own; what stands here under these names
    /// is dropped. User-Agent is added when it is missing.
    package var fields: Fields
    package var body: [UInt8]
    /// The longest answer to take, in bytes; nil means ``ClientLimits/body``.
    package var maximumBody: Int?
    /// Whether the request must have a connection that nothing was sent on before. It costs a handshake, and rules out
    /// the one common way in which it remains open whether a request has arrived: that the server closed an idle
    /// connection just now.
    package var needsFreshConnection: Bool

    package init(
        _ method: Method, _ url: HTTPURL, fields: Fields = Fields(), body: [UInt8] = [], maximumBody: Int? = nil,
        needsFreshConnection: Bool = false
    ) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
        self.maximumBody = maximumBody
        self.needsFreshConnection = needsFreshConnection
    }

    /// The request as it goes out.
    func serialized(userAgent: FieldValue) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(512 + body.count)
        var fields = fields
        if !fields.contains(.userAgent) { fields.append(.userAgent, userAgent) }
        // RFC 9110 §8.6: a method that usually has a body says so when it has none.
        let expectsBody = method == .post || method == .put || method == .patch
        let framing: BodyFraming = body.isEmpty && !expectsBody ? .none : .length(body.count)
        Serializer.append(request: method, url, fields: fields, framing: framing, to: &output)
        output.append(contentsOf: body)
        return output
    }
}

extension OutboundRequest: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "\(method) \(Origin(url))" }
    package var debugDescription: String { "OutboundRequest(\(description))" }
    package var customMirror: Mirror { Mirror(self, children: ["request": description]) }
}

/// A whole answer.
package struct OutboundResponse: Sendable {
    package let status: Status
    package let fields: Fields
    /// Without its transfer coding. Content codings are not asked for and not undone.
    package let body: [UInt8]

    package init(status: Status, fields: Fields = Fields(), body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}
