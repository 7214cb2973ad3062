/// What can go wrong for a caller: a closed set, each with a message that may leave the house.
///
/// Any other error is `internal` to whoever called, and its details go to the log alone.
package struct GatewayError: Error, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        /// The request cannot be right as it is. `field` says where.
        case invalid
        case unauthenticated
        case forbidden
        case notFound = "not_found"
        case conflict
        case tooLarge = "too_large"
        case rateLimited = "rate_limited"
        /// The key, or the tenant, has all the event streams that it may have.
        case tooManyStreams = "too_many_streams"
        /// The login behind the request has no tokens that Kick takes: its broadcaster must connect again.
        case reconnectRequired = "reconnect_required"
        /// Kick refused or failed.
        case upstream
        /// The gateway cannot do it now: the database is away, or a queue is full. Trying later may help.
        case unavailable
        case `internal`
    }

    package let code: Code
    /// A sentence for the developer who called. Never a secret, never another tenant's data.
    package let message: String
    /// The field of the request that is wrong, as the caller spells it.
    package let field: String?
    /// Seconds after which a retry makes sense.
    package let retryAfter: Int?

    package init(_ code: Code, _ message: String, field: String? = nil, retryAfter: Int? = nil) {
        self.code = code
        self.message = message
        self.field = field
        self.retryAfter = retryAfter
    }

    package var description: String { "\(code.rawValue): \(message)" }
}
