import FoundationEssentials
import HTTP
import Model
import Telemetry

/// Why a call to Kick did not give what it should.
package struct KickError: Error, Equatable, Sendable {
    /// What it means for us.
    package enum Kind: Equatable, Sendable {
        /// 401: the access token is missing, expired or revoked. Refresh once, then give up.
        case unauthorized
        /// 403 of the API: a scope or a relation is missing.
        case forbidden
        /// 429. `retryAfter` says when, if Kick does; else back off with jitter.
        case rateLimited
        /// 400 or 422: our request is wrong, or the state at Kick does not allow it.
        case badRequest
        /// 404.
        case notFound
        /// 409; and a channel that has had all its ad breaks.
        case conflict
        /// 5xx.
        case serverTrouble
        /// 403 of the edge in front of Kick, not of Kick: it took us for a robot.
        case edgeBlocked
        /// No answer. `requestSent` false: Kick cannot have acted on it. True: it may have.
        case unreachable(requestSent: Bool)
        /// A success whose body is not what it should be.
        case undecodable
        /// The OAuth server refuses the app itself: client id or secret are wrong. For the operator; says nothing about
        /// any login.
        case clientRefused
        /// `invalid_grant`: this code or refresh token is used up, expired or revoked.
        case grantRefused
        /// Any other status.
        case unexpected
    }

    package let kind: Kind
    /// Kick's status; nil when there was no answer.
    package let status: Int?
    /// Kick's own words, at most 300 characters, without control characters and without what we sent as secret.
    package let message: String?
    /// How long Kick asks us to wait, 0 to 1 hour; nil when it says nothing.
    package let retryAfter: Duration?
    /// Whether an answer may still come, and was not waited for.
    package let isTimeout: Bool

    package init(
        _ kind: Kind, status: Int? = nil, message: String? = nil, retryAfter: Duration? = nil, isTimeout: Bool = false
    ) {
        self.kind = kind
        self.status = status
        self.message = message
        self.retryAfter = retryAfter
        self.isTimeout = isTimeout
    }

    /// Whether the same call may well succeed later without anybody doing anything.
    package var isTransient: Bool {
        switch kind {
        case .rateLimited, .serverTrouble, .edgeBlocked, .unreachable, .undecodable, .unexpected: true
        case .unauthorized, .forbidden, .badRequest, .notFound, .conflict, .clientRefused, .grantRefused: false
        }
    }

    /// Kick's answer to one subscription too many (FACTS §3.2).
    package var isSubscriptionLimit: Bool {
        kind == .badRequest && message?.contains("subscription limit reached") == true
    }
}

extension KickError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Fixed per kind, so safe for clients.
    package var description: String {
        switch kind {
        case .unauthorized: "Kick does not accept the access token"
        case .forbidden: "Kick forbids this: a scope or a right is missing"
        case .rateLimited: "Kick limits our rate"
        case .badRequest: "Kick does not accept the request"
        case .notFound: "Kick does not know this"
        case .conflict: "Kick says that this cannot be done now"
        case .serverTrouble: "Kick has trouble of its own"
        case .edgeBlocked: "the edge in front of Kick blocked the request"
        case .unreachable: "Kick cannot be reached"
        case .undecodable: "Kick's answer cannot be read"
        case .clientRefused: "Kick does not accept the app's client id or secret"
        case .grantRefused: "Kick does not accept the grant"
        case .unexpected: "Kick answered unexpectedly"
        }
    }

    /// With Kick's status and words.
    package var debugDescription: String {
        var text = "KickError(\(kind)"
        if let status { text += ", status \(status)" }
        if let retryAfter { text += ", retry after \(retryAfter)" }
        if let message { text += ", \"\(message)\"" }
        return text + ")"
    }
}

// MARK: - From an answer

extension KickError {
    /// The error that an answer of the API stands for (FACTS §2.1). Only for answers that are no success.
    package init(_ answer: KickAnswer, to request: KickRequest) {
        let facts = ErrorFacts(answer.body)
        let kind: Kind =
            switch answer.status {
            case 400, 422: .badRequest
            case 401: .unauthorized
            // The API answers in its envelope, the edge with a page or with another JSON.
            case 403: facts.isEnvelope ? .forbidden : .edgeBlocked
            case 404: .notFound
            case 409: .conflict
            // Not our rate: the channel has had its ad breaks, and asking again soon will not help (FACTS §2.13).
            case 429 where facts.message == "MAX_AD_BREAKS_REACHED": .conflict
            case 429: .rateLimited
            case 500...599: .serverTrouble
            default: .unexpected
            }
        self.init(kind, answer, facts, to: request)
    }

    init(_ kind: Kind, _ answer: KickAnswer, _ facts: ErrorFacts, to request: KickRequest) {
        self.init(
            kind, status: answer.status, message: facts.message.map { Self.cleaned($0, of: request.secrets) },
            retryAfter: Self.retryAfter(answer.fields))
    }

    /// Foreign text made fit for a log: no secrets, no control characters, 300 characters at most.
    static func cleaned(_ text: String, of secrets: [Secret<String>]) -> String {
        var text = text
        for secret in secrets where !secret.reveal().isEmpty {
            text = text.replacing(secret.reveal(), with: "[redacted]")
        }
        let plain = text.unicodeScalars.map { scalar in
            scalar.properties.generalCategory == .control ? " " : Character(scalar)
        }
        return String(plain.prefix(300))
    }

    /// `Retry-After` in seconds or as a date (RFC 9110 §10.2.3).
    static func retryAfter(_ fields: Fields) -> Duration? {
        guard let text = fields[.retryAfter] else { return nil }
        if let seconds = Int64(text) { return .seconds(min(max(seconds, 0), 3600)) }
        let now = Timestamp.now().seconds
        // The server's own clock, if it tells it: ours may differ.
        let reference = fields[.date].flatMap { HTTPDate.parse($0, now: now) } ?? now
        guard let date = HTTPDate.parse(text, now: now) else { return nil }
        return .seconds(min(max(date - reference, 0), 3600))
    }
}

/// What an error body says, in any of the forms that Kick and its edge use. Empty for HTML, cut JSON and empty bodies.
struct ErrorFacts: Decodable {
    /// OAuth's code, `invalid_grant` and so on.
    var code: String?
    /// The most telling text.
    var message: String?
    /// Whether this is `{"data": …, "message": …}` or a part of it: then the API itself speaks.
    var isEnvelope = false

    enum CodingKeys: String, CodingKey {
        case data, message, error
        case errorDescription = "error_description"
    }

    init(_ body: [UInt8]) {
        guard let facts = try? JSONDecoder().decode(ErrorFacts.self, from: Data(body)) else { return }
        self = facts
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let text = { (key: CodingKeys) in
            (try? container.decode(String.self, forKey: key)).flatMap { $0.isEmpty ? nil : $0 }
        }
        code = text(.error)
        // In the API's envelope `data` is a string when there is something particular to say.
        message = text(.errorDescription) ?? text(.data) ?? text(.message) ?? text(.error)
        isEnvelope = container.contains(.data) || container.contains(.message)
    }
}
