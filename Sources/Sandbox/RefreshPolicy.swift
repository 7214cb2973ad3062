/// What a used refresh token is still good for (FACTS §1.6: Kick changed this once and never wrote the terms).
package enum RefreshMode: Hashable, Sendable, CustomStringConvertible {
    /// An old token goes on working until its age ends it. Kick's behaviour since November 2025.
    case reusable
    /// The first use ends it. Kick's behaviour before.
    case singleUse
    /// It works for some more seconds after its first use.
    case singleUseWithGrace(seconds: Int)

    /// Reads `reusable`, `single_use` or `single_use_with_grace(10)`; seconds 1 to 86400. Nil for anything else.
    package init?(_ text: String) {
        let prefix = "single_use_with_grace("
        switch text {
        case "reusable": self = .reusable
        case "single_use": self = .singleUse
        case _ where text.hasPrefix(prefix) && text.hasSuffix(")"):
            guard let seconds = Int(text.dropFirst(prefix.count).dropLast()), (1...86400).contains(seconds) else {
                return nil
            }
            self = .singleUseWithGrace(seconds: seconds)
        default: return nil
        }
    }

    package var description: String {
        switch self {
        case .reusable: "reusable"
        case .singleUse: "single_use"
        case .singleUseWithGrace(let seconds): "single_use_with_grace(\(seconds))"
        }
    }
}

/// Lifetimes and the switches for what Kick leaves open (FACTS §1.5, §1.6, §10). All figures in seconds.
package struct TokenPolicy: Sendable {
    package var refreshMode = RefreshMode.reusable
    package var accessTokenSeconds = 7200
    package var appTokenSeconds = 5_184_000
    /// Age at which a refresh token dies whatever the mode.
    package var refreshTokenSeconds = 30 * 86400
    /// Counts that age from the consent instead of from the token's own issue (#397 is not clear which it is).
    package var refreshAgeCountsFromConsent = false
    package var codeSeconds = 300
    /// Using a refresh token that has no more uses ends the whole grant.
    package var supersededTokenRevokesGrant = false
    /// A refresh ends the access tokens that were issued before it.
    package var oldAccessTokenDiesAtRefresh = false
    /// Status of an `invalid_grant` answer: 400 or 401, both were seen.
    package var invalidGrantStatus = 400
    /// How long every answer of the token endpoint takes, in milliseconds: half of it before the work, half after.
    package var answerDelayMilliseconds = 0

    package init() {}
}
