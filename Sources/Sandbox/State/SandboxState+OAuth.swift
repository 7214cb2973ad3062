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

    var secrets: [String] { [accessToken] + (refreshToken.map { [$0] } ?? []) }
}

extension SandboxState {
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
        sweepIfDue(policy: policy, at: now)
        let code = SecretToken().reveal()
        codes[SecretHash(of: code)] = AuthorizationCode(
            clientID: request.clientID, userID: userID, redirectURI: request.redirectURI, scopes: request.scopes,
            codeChallenge: request.codeChallenge, expiresAt: now + policy.codeSeconds)
        return code
    }

    // MARK: Token

    /// POST /oauth/token with the form's fields (FACTS §1.4).
    package mutating func token(
        parameter: (String) -> String?, policy: TokenPolicy, at now: SandboxTime
    ) -> Result<IssuedTokens, OAuthRefusal> {
        sweepIfDue(policy: policy, at: now)
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
            accessTokens[SecretHash(of: token)] = AccessToken(
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
        guard let record = codes.removeValue(forKey: SecretHash(of: code)), now < record.expiresAt,
            record.clientID == clientID, record.redirectURI == redirectURI, Self.isVerifier(verifier),
            Base64URL.encode(SHA256.hash(verifier)) == record.codeChallenge
        else { return .failure(.invalidGrant) }
        let grant = addGrant(clientID: clientID, userID: record.userID, scopes: record.scopes, at: now)
        return .success(issue(grant, policy: policy, at: now))
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
        // Both are changed where they are: a grant that is copied out would have its lists copied as well.
        guard let slot = refreshTokens.index(forKey: SecretHash(of: token)),
            case let record = refreshTokens.values[slot],
            let grant = grants.index(forKey: record.grantID), grants.values[grant].clientID == clientID
        else { return .failure(.invalidGrant) }
        let isSpent =
            switch (policy.refreshMode, record.usedAt) {
            case (_, nil), (.reusable, _): false
            case (.singleUse, _): true
            case (.singleUseWithGrace(let seconds), let usedAt?): usedAt + seconds <= now
            }
        let isTooOld = isTooOld(record, consentAt: grants.values[grant].consentAt, policy, at: now)
        guard !isSpent, !isTooOld else {
            grants.values[grant].refusedRefreshCount += 1
            if isSpent && policy.supersededTokenRevokesGrant { revokeGrant(record.grantID) }
            return .failure(.invalidGrant)
        }
        refreshTokens.values[slot].usedAt = record.usedAt ?? now
        grants.values[grant].generation += 1
        grants.values[grant].refreshCount += 1
        if policy.oldAccessTokenDiesAtRefresh { forgetAccessTokens(of: grant) }
        return .success(issue(grant, policy: policy, at: now))
    }

    /// What is known of a refresh token; nil when nothing is.
    package func presented(_ refreshToken: String) -> PresentedToken? {
        guard let token = refreshTokens[SecretHash(of: refreshToken)], let grant = grants[token.grantID] else {
            return nil
        }
        return PresentedToken(
            grantID: token.grantID, clientID: grant.clientID, userID: grant.userID, generation: token.generation,
            newestGeneration: grant.generation, issuedAt: token.issuedAt)
    }

    func userID(ofCode code: String) -> Int? { codes[SecretHash(of: code)]?.userID }

    /// Whom a token of any kind belongs to, expired or not; no user for an app token.
    func owner(of token: String) -> (clientID: String, userID: Int?)? {
        if let presented = presented(token) { return (presented.clientID, presented.userID) }
        return accessTokens[SecretHash(of: token)].map { record in
            (record.clientID, record.grantID.flatMap { grants[$0]?.userID })
        }
    }

    /// A pair of the grant's present generation.
    mutating func issue(
        _ index: Dictionary<String, Grant>.Index, policy: TokenPolicy, at now: SandboxTime
    ) -> IssuedTokens {
        let (id, scopes) = (grants.keys[index], grants.values[index].scopes)
        let generation = grants.values[index].generation
        let accessToken = SecretToken().reveal()
        let refreshToken = SecretToken().reveal()
        add(
            AccessToken(
                clientID: grants.values[index].clientID, grantID: id, generation: generation,
                expiresAt: now + policy.accessTokenSeconds),
            SecretHash(of: accessToken), to: index, at: now)
        add(
            RefreshToken(grantID: id, generation: generation, issuedAt: now), SecretHash(of: refreshToken), to: index)
        return IssuedTokens(
            accessToken: accessToken, expiresIn: policy.accessTokenSeconds, refreshToken: refreshToken,
            scopes: scopes)
    }

    private func isTooOld(
        _ token: RefreshToken, consentAt: SandboxTime, _ policy: TokenPolicy, at now: SandboxTime
    ) -> Bool {
        let start = policy.refreshAgeCountsFromConsent ? consentAt : token.issuedAt
        return start + policy.refreshTokenSeconds <= now
    }

    // MARK: Revoke, introspect

    /// POST /oauth/revoke (FACTS §1.7). A refresh token takes its grant along; an unknown token is no error.
    package mutating func revoke(_ token: String) {
        let hash = SecretHash(of: token)
        if let record = refreshTokens[hash] {
            revokeGrant(record.grantID)
        } else {
            accessTokens[hash] = nil
        }
    }
}
