import Gateway
import HTTP

/// What callers are told of their API key's rate (draft-ietf-httpapi-ratelimit-headers), on every answer that a key opens.
struct RateLimit: Sendable {
    private static let name = "\"default\""

    private let policy: FieldValue

    init(_ rates: KeyRates) {
        policy = FieldValue(replacingInvalidIn: "\(Self.name);q=\(rates.quota);w=\(KeyRates.windowSeconds)")
    }

    func append(_ allowance: KeyAllowance, to fields: inout Fields) {
        fields.append(.rateLimitPolicy, policy)
        var text = Self.name
        text.reserveCapacity(48)
        text += ";r="
        text += String(allowance.remaining)
        text += ";t="
        text += String(allowance.secondsToReset)
        if let value = FieldValue(text) { fields.append(.rateLimit, value) }
    }
}
