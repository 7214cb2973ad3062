/// The two versions this codec speaks; any other is refused with 505 (RFC 9110 §15.6.6).
package enum ProtocolVersion: String, Hashable, Sendable, CustomStringConvertible {
    case http10 = "HTTP/1.0"
    case http11 = "HTTP/1.1"

    package var description: String { rawValue }
}
