import HTTP
import Net

/// Why there is no answer, or no whole one. `description` names the origin and never a path, a query, a field or
/// anything that was received, so it is safe for logs.
package struct ClientError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// The host name has no address.
        case resolve
        /// No connection came about, within ``ClientLimits/connectTimeout``.
        case connect
        /// The TLS handshake failed: certificate, name, version.
        case tls
        /// The request's deadline passed.
        case timedOut
        /// The connection ended before the answer did.
        case connectionLost
        /// The answer is not HTTP/1.1 as it should be.
        case protocolViolation
        /// The answer's body is longer than the request takes.
        case bodyTooLarge
        /// Too many requests wait for a connection already.
        case poolExhausted
        /// The calling task was cancelled, or the client was shut down.
        case cancelled
    }

    package let kind: Kind
    /// `https://id.kick.com`.
    package let origin: String
    /// False only when the server cannot have got the request, so that it is safe to send it again whatever it does.
    package let requestMayHaveArrived: Bool
    /// What lies beneath: a system's, TLS library's or parser's fixed text.
    let reason: String?

    init(_ kind: Kind, _ origin: Origin, requestMayHaveArrived: Bool, reason: String? = nil) {
        self.kind = kind
        self.origin = origin.description
        self.requestMayHaveArrived = requestMayHaveArrived
        self.reason = reason
    }

    package var description: String {
        let words =
            switch kind {
            case .resolve: "the name cannot be resolved"
            case .connect: "no connection"
            case .tls: "no TLS session"
            case .timedOut: "timed out"
            case .connectionLost: "connection lost"
            case .protocolViolation: "not a valid HTTP response"
            case .bodyTooLarge: "the response is too large"
            case .poolExhausted: "too many requests wait for a connection"
            case .cancelled: "cancelled"
            }
        return "\(origin): \(words)" + (reason.map { " (\($0))" } ?? "")
            + (requestMayHaveArrived ? "; the request may have arrived" : "; the request was not sent")
    }
}
