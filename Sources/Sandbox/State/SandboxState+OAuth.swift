import Crypto
import Kick

/// Why an OAuth endpoint refuses (FACTS §1.4).
package enum OAuthRefusal: Error, Hashable, Sendable {
    /// A parameter is missing or malformed.
    case invalidRequest
    /// Unknown client, or a wrong secret.
    case invalidClient
    /// The code or the refresh token is wrong, used up, expired or somebody else's.
    case invalidGrant
}

/// A valid authorize request: what the consent page shows.
package struct ConsentRequest: Sendable {
    package let clientID: String
    package let redirectURI: String
    /// Those asked for that are ticked for the app.
    package let scopes: [String]
    package let state: String
    package let codeChallenge: String
}

/// A successful answer of the token endpoint.
package struct IssuedTokens: Sendable {
    package let accessToken: String
    package let expiresIn: Int
    /// Nil for an app token.
    package let refreshToken: String?
    package let scopes: [String]
}

extension SandboxState {
    /// Used refresh tokens of a grant that are remembered. More would let the state file grow with every refresh.
    private static let maximumUsedTokens = 64

    // MARK: Authorize

    /// Checks the parameters of GET /oauth/authorize (FACTS §1.3). Nil when one is missing or wrong: Kick shows a 404
    /// page and does not say which.
    package func consentRequest(parameter: (String) -> String?) -> ConsentRequest? {
        guard let clientID = parameter("client_id"), let app = apps[clientID],
            parameter("response_type") == "code",
            let redirectURI = parameter("redirect_uri"), app.redirectURIs.contains(redirectURI),
            let scopeText = parameter("scope"), let state = parameter("state"), !state.isEmpty,
            parameter("code_challenge_method") == "S256",
            let challenge = parameter("code_challenge"), Base64URL.decode(challenge)?.count == SHA256.byteCount
        else { return nil }
        let asked = KickScope.parse(scopeText)
        guard !asked.isEmpty, asked.allSatisfy(\.isKnown) else { return nil }
        let granted = asked.map(\.rawValue).filter(app.scopes.contains)
        return ConsentRequest(
            clientID: clientID, redirectURI: redirectURI, scopes: granted, state: state, codeChallenge: challenge)
    }

    /// The user allows: a fresh code, good once. Nil when there is no such user.
    package mutating func allow(
        _ request: ConsentRequest, userID: Int, policy: TokenPolicy, at now: SandboxTime
    ) -> String? {
        guard users[userID] != nil else { return nil }
        codes = codes.filter { now < $0.value.expiresAt }
        let code = SecretToken().reveal()
        codes[Self.hash(code)] = AuthorizationCode(
            clientID: request.clientID, userID: userID, redirectURI: request.redirectURI, scopes: request.scopes,
            codeChallenge: request.codeChallenge, expiresAt: now + policy.codeSeconds)
        return code
    }

    // MARK: Token

    /// POST /oauth/token with the form's fields (FACTS §1.4).
    package mutating func token(
        parameter: (String) -> String?, policy: TokenPolicy, at now: SandboxTime
    ) -> Result<IssuedTokens, OAuthRefusal> {
        forgetExpired(policy: policy, at: now)
        guard let clientID = parameter("client_id"), let secret = parameter("client_secret") else {
            return .failure(.invalidRequest)
        }
        guard let app = apps[clientID], constantTimeEqual(Array(app.clientSecret.utf8), Array(secret.utf8)) else {
            return .failure(.invalidClient)
        }
        switch parameter("grant_type") {
        case "authorization_code":
            guard let code = parameter("code"), let redirectURI = parameter("redirect_uri"),
                let verifier = parameter("code_verifier")
            else { return .failure(.invalidRequest) }
            return exchange(
                code, clientID: clientID, redirectURI: redirectURI, verifier: verifier, policy: policy, at: now)
        case "refresh_token":
            guard let token = parameter("refresh_token") else { return .failure(.invalidRequest) }
            return refresh(token, clientID: clientID, policy: policy, at: now)
        case "client_credentials":
            let token = SecretToken().reveal()
            accessTokens[Self.hash(token)] = AccessToken(
                clientID: clientID, grantID: nil, generation: 0, expiresAt: now + policy.appTokenSeconds)
            return .success(
                IssuedTokens(
                    accessToken: token, expiresIn: policy.appTokenSeconds, refreshToken: nil, scopes: []))
        default:
            return .failure(.invalidRequest)
        }
    }

    private mutating func exchange(
        _ code: String, clientID: String, redirectURI: String, verifier: String, policy: TokenPolicy,
        at now: SandboxTime
    ) -> Result<IssuedTokens, OAuthRefusal> {
        // Taken out before the checks: a code is spent by the first try, a wrong one included.
        guard let record = codes.removeValue(forKey: Self.hash(code)), now < record.expiresAt,
            record.clientID == clientID, record.redirectURI == redirectURI, Self.isVerifier(verifier),
            Base64URL.encode(SHA256.hash(verifier)) == record.codeChallenge
        else { return .failure(.invalidGrant) }
        let grantID = ULID.make().description
        grants[grantID] = Grant(
            clientID: clientID, userID: record.userID, scopes: record.scopes, consentAt: now)
        return .success(issue(grantID, generation: 1, policy: policy, at: now))
    }

    /// RFC 7636 §4.1: 43 to 128 unreserved characters.
    private static func isVerifier(_ text: String) -> Bool {
        (43...128).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { scalar in
                switch scalar {
                case "A"..."Z", "a"..."z", "0"..."9", "-", ".", "_", "~": true
                default: false
                }
            }
    }

    private mutating func refresh(
        _ token: String, clientID: String, policy: TokenPolicy, at now: SandboxTime
    ) -> Result<IssuedTokens, OAuthRefusal> {
        let hash = Self.hash(token)
        guard var record = refreshTokens[hash], var grant = grants[record.grantID], grant.clientID == clientID else {
            return .failure(.invalidGrant)
        }
        let isSpent =
            switch (policy.refreshMode, record.usedAt) {
            case (_, nil), (.reusable, _): false
            case (.singleUse, _): true
            case (.singleUseWithGrace(let seconds), let usedAt?): usedAt + seconds <= now
            }
        guard !isSpent, !isTooOld(record, grant, policy, at: now) else {
            grant.refusedRefreshCount += 1
            grants[record.grantID] = grant
            if isSpent && policy.supersededTokenRevokesGrant { revokeGrant(record.grantID) }
            return .failure(.invalidGrant)
        }
        record.usedAt = record.usedAt ?? now
        refreshTokens[hash] = record
        grant.generation += 1
        grant.refreshCount += 1
        grants[record.grantID] = grant
        if policy.oldAccessTokenDiesAtRefresh {
            accessTokens = accessTokens.filter { $0.value.grantID != record.grantID }
        }
        forgetOldestUsed(of: record.grantID)
        return .success(issue(record.grantID, generation: grant.generation, policy: policy, at: now))
    }

    private mutating func issue(
        _ grantID: String, generation: Int, policy: TokenPolicy, at now: SandboxTime
    ) -> IssuedTokens {
        let grant = grants[grantID]!
        let accessToken = SecretToken().reveal()
        let refreshToken = SecretToken().reveal()
        accessTokens[Self.hash(accessToken)] = AccessToken(
            clientID: grant.clientID, grantID: grantID, generation: generation,
            expiresAt: now + policy.accessTokenSeconds)
        refreshTokens[Self.hash(refreshToken)] = RefreshToken(
            grantID: grantID, generation: generation, issuedAt: now)
        return IssuedTokens(
            accessToken: accessToken, expiresIn: policy.accessTokenSeconds, refreshToken: refreshToken,
            scopes: grant.scopes)
    }

    private func isTooOld(_ token: RefreshToken, _ grant: Grant, _ policy: TokenPolicy, at now: SandboxTime) -> Bool {
        let start = policy.refreshAgeCountsFromConsent ? grant.consentAt : token.issuedAt
        return start + policy.refreshTokenSeconds <= now
    }

    // MARK: Revoke, introspect

    /// POST /oauth/revoke (FACTS §1.7). A refresh token takes its grant along; an unknown token is no error.
    package mutating func revoke(_ token: String) {
        let hash = Self.hash(token)
        if let record = refreshTokens[hash] {
            revokeGrant(record.grantID)
        } else {
            accessTokens[hash] = nil
        }
    }

    // MARK: Keeping it small

    private mutating func forgetExpired(policy: TokenPolicy, at now: SandboxTime) {
        accessTokens = accessTokens.filter { now < $0.value.expiresAt }
        codes = codes.filter { now < $0.value.expiresAt }
        // A grant whose every refresh token is too old stays until a month later, so that the control API can show it.
        let gone = now + -(policy.refreshTokenSeconds + 30 * 86400)
        refreshTokens = refreshTokens.filter { gone < $0.value.issuedAt }
        let referenced = Set(refreshTokens.values.map(\.grantID))
        grants = grants.filter { referenced.contains($0.key) }
    }

    private mutating func forgetOldestUsed(of grantID: String) {
        let used = refreshTokens.filter { $0.value.grantID == grantID && $0.value.usedAt != nil }
        guard used.count > Self.maximumUsedTokens else { return }
        for (hash, _) in used.sorted(by: { $0.value.generation < $1.value.generation })
            .prefix(used.count - Self.maximumUsedTokens)
        {
            refreshTokens[hash] = nil
        }
    }
}
