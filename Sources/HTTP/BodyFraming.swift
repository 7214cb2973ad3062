/// How the end of a message's body is found (RFC 9112 §6.3).
package enum BodyFraming: Hashable, Sendable {
    /// There is no body.
    case none
    /// Exactly this many bytes, at least 1 in a parsed message that is not a response to HEAD.
    case length(Int)
    /// Chunks up to the last one and the trailer section (RFC 9112 §7.1).
    case chunked
    /// Everything until the peer closes: responses only.
    case untilClose
}
