/// A response's head: status and fields. What the framing is depends on the request as well, so the parser keeps what
/// the fields said and ``framing(for:)`` decides.
package struct ResponseHead: Sendable {
    package var status: Status
    package var version: ProtocolVersion
    package var fields: Fields
    /// Whether the server keeps the connection open after the body (RFC 9112 §9.3), the framing permitting.
    package let isPersistent: Bool
    private let declared: BodyFraming

    /// For building one.
    package init(status: Status, fields: Fields = Fields()) {
        self.init(status: status, version: .http11, fields: fields, isPersistent: true, declared: .none)
    }

    init(status: Status, version: ProtocolVersion, fields: Fields, isPersistent: Bool, declared: BodyFraming) {
        self.status = status
        self.version = version
        self.fields = fields
        self.isPersistent = isPersistent
        self.declared = declared
    }

    /// How the body of this received response ends (RFC 9112 §6.3 items 1 to 8). A `length` may be 0 here.
    package func framing(for method: Method) -> BodyFraming {
        if status.forbidsBody || method == .head { return .none }
        return declared
    }
}
