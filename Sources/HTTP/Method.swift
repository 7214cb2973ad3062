/// A request method: any token, compared case-sensitively (RFC 9110 §9.1).
package struct Method: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    /// Nil when `rawValue` is not a token (RFC 9110 §5.6.2).
    package init?(_ rawValue: String) {
        guard ByteSet.token.containsAll(rawValue.utf8), !rawValue.isEmpty else { return nil }
        self.rawValue = rawValue
    }

    /// For text that is known to be a token.
    init(unchecked rawValue: String) {
        self.rawValue = rawValue
    }

    package static let get = Method(unchecked: "GET")
    package static let head = Method(unchecked: "HEAD")
    package static let post = Method(unchecked: "POST")
    package static let put = Method(unchecked: "PUT")
    package static let patch = Method(unchecked: "PATCH")
    package static let delete = Method(unchecked: "DELETE")
    package static let options = Method(unchecked: "OPTIONS")
    package static let trace = Method(unchecked: "TRACE")
    package static let connect = Method(unchecked: "CONNECT")

    /// Whether the method asks for nothing to change (RFC 9110 §9.2.1).
    package var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace: true
        default: false
        }
    }

    /// Whether sending the request twice means the same as sending it once (RFC 9110 §9.2.2).
    package var isIdempotent: Bool {
        switch self {
        case .put, .delete: true
        default: isSafe
        }
    }

    package var description: String { rawValue }
}
