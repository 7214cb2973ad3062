package import Telemetry

/// What the token endpoint gives (FACTS §1.4).
package struct TokenSet: Sendable {
    /// For the `Authorization` header.
    package let accessToken: Secret<String>
    /// Nil for app tokens, and when a refresh gives none: then the old one stays.
    package let refreshToken: Secret<String>?
    /// How long the access token lives from now on.
    package let lifetime: Duration
    /// What was granted; nil when Kick does not say, which means: what was asked for (RFC 6749 §5.1).
    package let scopes: [KickScope]?

    /// What is assumed when Kick's `expires_in` is missing or no positive number. Shorter than the two hours that are
    /// usual, so that the error is on the safe side; the tokens themselves are never thrown away for it.
    package static let assumedLifetime: Duration = .seconds(3600)

    package init(
        accessToken: Secret<String>, refreshToken: Secret<String>?, lifetime: Duration, scopes: [KickScope]?
    ) {
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.lifetime = lifetime
        self.scopes = scopes
    }
}

extension TokenSet: Decodable {
    enum CodingKeys: String, CodingKey {
        case accessToken = "access_token"
        case refreshToken = "refresh_token"
        case expiresIn = "expires_in"
        case scope
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        accessToken = try Self.token(container.decode(String.self, forKey: .accessToken), container, .accessToken)
        refreshToken = try container.decodeText(forKey: .refreshToken).map { text in
            try Self.token(text, container, .refreshToken)
        }
        let seconds =
            (try? container.decode(Double.self, forKey: .expiresIn))
            ?? (try? container.decode(String.self, forKey: .expiresIn)).flatMap(Double.init)
        let tenYears = 315_360_000.0
        lifetime =
            if let seconds, seconds >= 1 { .seconds(Int64(min(seconds, tenYears))) } else { Self.assumedLifetime }
        let scope = try? container.decode(String.self, forKey: .scope)
        scopes = scope.map(KickScope.parse)
    }

    /// A token is visible ASCII (RFC 6749 §A.12); anything else could not be sent back.
    private static func token(
        _ text: String, _ container: KeyedDecodingContainer<CodingKeys>, _ key: CodingKeys
    ) throws -> Secret<String> {
        guard (1...16384).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "not a token")
        }
        return Secret(text)
    }
}

/// How a refresh ended.
package enum RefreshOutcome: Sendable {
    /// Store these, before anybody uses them (P1).
    case renewed(TokenSet)
    /// Kick refuses this very refresh token, definitely. The only outcome that may end a login, and only when no other
    /// token of the login is left to try (P4, P5).
    case refused(TokenRefusal)
    /// Anything else: the token may be as good as before. `kind` and `retryAfter` of the error say how to go on. When
    /// the kind is `unreachable(requestSent: true)`, `undecodable` or `serverTrouble`, Kick may have rotated the
    /// token all the same.
    case tryLater(KickError)
}

/// A definite `invalid_grant`.
package struct TokenRefusal: Equatable, Sendable {
    /// 400 or 401.
    package let status: Int
    /// Kick's words, cleaned as in `KickError.message`.
    package let message: String?
}
