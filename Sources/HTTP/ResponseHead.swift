/// A response's head: status and fields. What the framing is depends on the request as well, so the parser keeps what
/// the fields said; ``framing(for:)`` and ``isPersistent(for:)`` decide.
package struct ResponseHead: Sendable {
    package var status: Status
    package var version: ProtocolVersion
    package var fields: Fields
    private let saysPersistent: Bool
    private let declared: BodyFraming

    /// For building one.
    package init(status: Status, fields: Fields = Fields()) {
        self.init(status: status, version: .http11, fields: fields, saysPersistent: true, declared: .none)
    }

    init(status: Status, version: ProtocolVersion, fields: Fields, saysPersistent: Bool, declared: BodyFraming) {
        self.status = status
        self.version = version
        self.fields = fields
        self.saysPersistent = saysPersistent
        self.declared = declared
    }

    /// How the body of this received response ends (RFC 9112 §6.3 items 1 to 8). A `length` may be 0 here.
    package func framing(for method: Method) -> BodyFraming {
        if status.forbidsBody || method == .head { return .none }
        return declared
    }

    /// Whether the connection can be used again after the body of this received response (RFC 9112 §9.3).
    package func isPersistent(for method: Method) -> Bool {
        saysPersistent && framing(for: method) != .untilClose
    }
}
