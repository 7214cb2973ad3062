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
        /// Kick refused the request: something in it, or the state of the channel, does not allow it.
        case kickRejected = "kick_rejected"
        /// Kick forbids it: the account behind the login has not the right, such as that of a moderator.
        case kickForbidden = "kick_forbidden"
        /// The account behind the login has not granted what the request needs.
        case missingScope = "missing_scope"
        /// Kick refuses a token that it gave out a moment ago.
        case kickUnauthorized = "kick_unauthorized"
        /// Kick limits our rate, or we keep within what we may ask of it.
        case kickRateLimited = "kick_rate_limited"
        /// Kick failed, or said something that cannot be understood.
        case upstream = "kick_failed"
        /// Kick did not answer in time.
        case kickTimedOut = "kick_timed_out"
        /// The `Idempotency-Key` was used for another request.
        case idempotencyKeyReused = "idempotency_key_reused"
        /// A request with this `Idempotency-Key` is under way, or broke off so that nobody knows what became of it.
        case idempotencyConflict = "idempotency_conflict"
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
    /// What Kick said, when it did.
    package var kick: KickWords?
    /// How the scopes that are missing can be got.
    package var consent: MissingConsent?
    /// Whether nothing has happened for certain, although the code leaves that open.
    package var isUndone: Bool

    package init(
        _ code: Code, _ message: String, field: String? = nil, retryAfter: Int? = nil, kick: KickWords? = nil,
        consent: MissingConsent? = nil, isUndone: Bool = false
    ) {
        self.code = code
        self.message = message
        self.field = field
        self.retryAfter = retryAfter
        self.kick = kick
        self.consent = consent
        self.isUndone = isUndone
    }

    /// Kick's own status, and its words, if it had any.
    package struct KickWords: Sendable, Equatable {
        package let status: Int
        package let message: String?

        package init(status: Int, message: String?) {
            self.status = status
            self.message = message
        }
    }

    /// Scopes of Kick's that a login has not been granted.
    package struct MissingConsent: Sendable, Equatable {
        package let scopes: [String]
        /// The login that lacks them.
        package let login: LoginID
        /// A connect link that asks for them. Nil for a key that may not make one.
        package let url: String?

        package init(scopes: [String], login: LoginID, url: String?) {
            self.scopes = scopes
            self.login = login
            self.url = url
        }
    }

    package var description: String { "\(code.rawValue): \(message)" }
}
