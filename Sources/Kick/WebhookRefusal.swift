import Model

/// Why a webhook is not accepted. All of them mean: nothing is stored, and the answer is 401 (or 400 for the headers).
package enum WebhookRefusal: Error, Equatable, Sendable {
    /// One of the six headers is absent or empty.
    case missingHeader(name: String)
    /// A header is there twice, longer than its bound, or not plain visible ASCII.
    case badHeader(name: String)
    /// `Kick-Event-Message-Timestamp` is no RFC 3339 time.
    case badTimestamp
    /// Sent longer ago than the configured maximum age.
    case tooOld
    /// Sent later than now, beyond the configured skew.
    case fromTheFuture
    /// No key that we trust made this signature.
    case badSignature
    /// Signed, but under a type that Kick's deliveries never have.
    case reservedType
    /// Signed, but the body is that of another type.
    case otherType
    /// Signed, but the body of a Drops claim names no claim.
    case notAClaim
}

extension WebhookRefusal: CustomStringConvertible, CustomDebugStringConvertible {
    /// Safe for the answer: names headers, repeats nothing that was sent.
    package var description: String {
        switch self {
        case .missingHeader(let name): "the header \(name) is missing"
        case .badHeader(let name): "the header \(name) is repeated, too long or not plain ASCII"
        case .badTimestamp: "the message timestamp is not an RFC 3339 time"
        case .tooOld: "the message is too old"
        case .fromTheFuture: "the message was sent in the future"
        case .badSignature: "the signature is not valid"
        case .reservedType: "the type is not one of Kick's"
        case .otherType: "the body is that of another event type"
        case .notAClaim: "the body is no Drops claim: there is no claim_id in it"
        }
    }

    package var debugDescription: String { "WebhookRefusal: \(description)" }
}
