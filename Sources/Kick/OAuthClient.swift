import FoundationEssentials
package import HTTP
package import Model
package import Net
package import Telemetry

/// One Kick developer app's credentials.
package struct AppCredentials: Sendable {
    /// Public.
    package let clientID: String
    package let clientSecret: Secret<String>

    package init(clientID: String, clientSecret: Secret<String>) {
        self.clientID = clientID
        self.clientSecret = clientSecret
    }
}

/// Kick's OAuth server (FACTS §1.3 to §1.8). Keeps nothing; retries nothing.
package struct OAuthClient: Sendable {
    private let credentials: AppCredentials
    private let exchange: KickExchange

    package init(credentials: AppCredentials, exchange: @escaping KickExchange) {
        self.credentials = credentials
        self.exchange = exchange
    }

    /// Trades an authorization code for tokens. A code works once, so nothing may be repeated here.
    ///
    /// Throws `grantRefused` for a code that Kick does not take, and `undecodable` also when no refresh token comes: a
    /// login without one would end within hours.
    package func tokens(
        forCode code: Secret<String>, pkce: PKCE, redirectURI: HTTPURL, deadline: Deadline
    ) async throws(KickError) -> TokenSet {
        let request = tokenRequest(
            [
                "grant_type": "authorization_code", "code": code.reveal(), "redirect_uri": redirectURI.description,
                "code_verifier": pkce.verifier.reveal(),
            ], secrets: [code, pkce.verifier])
        let tokens = try await tokens(request, deadline)
        guard tokens.refreshToken != nil else {
            throw KickError(.undecodable, status: 200, message: "no refresh token came with the access token")
        }
        return tokens
    }

    /// An app access token, which serves subscriptions and public data.
    package func appToken(deadline: Deadline) async throws(KickError) -> TokenSet {
        try await tokens(tokenRequest(["grant_type": "client_credentials"], secrets: []), deadline)
    }

    /// Renews a login's tokens. Never throws: every way it can end is a case that the caller has to look at (P5).
    package func refresh(_ refreshToken: Secret<String>, deadline: Deadline) async -> RefreshOutcome {
        let request = tokenRequest(
            ["grant_type": "refresh_token", "refresh_token": refreshToken.reveal()], secrets: [refreshToken])
        do {
            switch TokenAnswer(try await exchange(request, deadline), to: request) {
            case .tokens(let tokens): return .renewed(tokens)
            case .refused(let refusal): return .refused(refusal)
            case .trouble(let error): return .tryLater(error)
            }
        } catch {
            return .tryLater(error)
        }
    }

    /// What kind of token is handed to `revoke`.
    package enum TokenKind: String, Sendable {
        case accessToken = "access_token"
        case refreshToken = "refresh_token"
    }

    /// Ends a token. Revoking a refresh token ends its access tokens as well.
    ///
    /// Kick takes the token in the query, against its own interest: this URL must not be logged anywhere. The hint goes
    /// under both names that Kick's documents use (FACTS §1.7).
    package func revoke(_ token: Secret<String>, _ kind: TokenKind, deadline: Deadline) async throws(KickError) {
        let request = KickRequest(
            .revoke,
            query: ["token": token.reveal(), "token_type_hint": kind.rawValue, "token_hint_type": kind.rawValue],
            secrets: [token])
        let answer = try await exchange(request, deadline)
        guard (200...299).contains(answer.status) else { throw KickError(answer, to: request) }
    }

    /// What Kick knows about a token. Throws `unauthorized` for one that Kick does not know at all.
    package func introspect(_ token: Secret<String>, deadline: Deadline) async throws(KickError) -> TokenFacts {
        try await KickAPI(exchange: exchange).introspect(token, deadline: deadline)
    }

    private func tokens(_ request: KickRequest, _ deadline: Deadline) async throws(KickError) -> TokenSet {
        switch TokenAnswer(try await exchange(request, deadline), to: request) {
        case .tokens(let tokens): return tokens
        case .refused(let refusal):
            throw KickError(.grantRefused, status: refusal.status, message: refusal.message)
        case .trouble(let error): throw error
        }
    }

    /// Credentials go into the body: HTTP Basic is documented nowhere (FACTS §1.4).
    private func tokenRequest(_ items: QueryItems, secrets: [Secret<String>]) -> KickRequest {
        var form = items
        form.append("client_id", credentials.clientID)
        form.append("client_secret", credentials.clientSecret.reveal())
        return KickRequest(
            .token, body: .form(form), maximumAnswer: 256 * 1024, needsFreshConnection: true,
            secrets: secrets + [credentials.clientSecret])
    }
}

/// What introspection tells (FACTS §1.8).
package struct TokenFacts: Decodable, Equatable, Sendable {
    /// When false, everything else is nil.
    package let isActive: Bool
    package let clientID: String?
    /// `user` or `app`.
    package let tokenType: String?
    package let scopes: [KickScope]?
    package let expiresAt: Timestamp?

    enum CodingKeys: String, CodingKey {
        case isActive = "active"
        case clientID = "client_id"
        case tokenType = "token_type"
        case scopes = "scope"
        case expiresAt = "exp"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        isActive = try container.decode(Bool.self, forKey: .isActive)
        clientID = try container.decodeText(forKey: .clientID)
        tokenType = try container.decodeText(forKey: .tokenType)
        scopes = try container.decodeIfPresent(String.self, forKey: .scopes).map(KickScope.parse)
        expiresAt = try container.decodeIfPresent(Int64.self, forKey: .expiresAt).map { Timestamp(seconds: $0) }
    }
}
