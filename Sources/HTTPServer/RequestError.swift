package import HTTP

/// What can be wrong with a request after its head was accepted. A handler may let it pass: the server answers it with
/// ``status`` and, where the connection is out of step, closes that.
package enum RequestError: Error, Equatable, CustomStringConvertible {
    /// The body is longer than the handler takes, in bytes.
    case bodyTooLarge(limit: Int)
    /// The body did not arrive within ``ServerLimits/bodyTime``.
    case bodyTimedOut
    /// The body's framing is broken.
    case malformedBody(ParseError)
    /// The peer went away, or the connection was closed by a shutdown: nobody will see an answer.
    case disconnected
    /// The query is not well-formed, or not UTF-8.
    case malformedQuery
    /// A path parameter, by name, does not have the form it must have.
    case invalidParameter(String)

    package var status: Status {
        switch self {
        case .bodyTooLarge: .contentTooLarge
        case .bodyTimedOut: .requestTimeout
        case .malformedBody(let error): error.status
        case .disconnected, .malformedQuery: .badRequest
        case .invalidParameter: .notFound
        }
    }

    /// Safe for clients.
    package var description: String {
        switch self {
        case .bodyTooLarge(let limit): "The body is larger than the \(limit) bytes that are taken here."
        case .bodyTimedOut: "The body did not arrive in time."
        case .malformedBody(let error): error.description
        case .disconnected: "The connection ended before the body did."
        case .malformedQuery: "The query is malformed."
        case .invalidParameter(let name): "There is nothing with this \(name)."
        }
    }
}
