import Gateway
import HTTP

/// What callers are told of their API key's rate (draft-ietf-httpapi-ratelimit-headers), on every answer that a key opens.
struct RateLimit: Sendable {
    private let policy: FieldValue

    private static let beforeRemaining = Array("\"default\";r=".utf8)
    private static let beforeReset = Array(";t=".utf8)

    init(_ rates: KeyRates) {
        policy = FieldValue(replacingInvalidIn: "\"default\";q=\(rates.quota);w=\(KeyRates.windowSeconds)")
    }

    /// Runs for every request, so nothing is made of it that need not be: some tenths of a microsecond.
    func append(_ allowance: KeyAllowance, to fields: inout Fields) {
        fields.append(.rateLimitPolicy, policy)
        var text: [UInt8] = []
        text.reserveCapacity(48)
        text += Self.beforeRemaining
        Self.append(allowance.remaining, to: &text)
        text += Self.beforeReset
        Self.append(allowance.secondsToReset, to: &text)
        fields.append(.rateLimit, bytes: text)
    }

    /// In decimal digits.
    private static func append(_ number: Int, to text: inout [UInt8]) {
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            text.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }
}
