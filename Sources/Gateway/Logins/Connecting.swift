package import Crypto
package import HTTP
package import Kick
package import Model
import Net
package import Store
import Telemetry

/// From a connect link to a login: the link is opened in a browser, which goes to Kick and comes back with a code.
package struct Connecting: Sendable {
    /// What the browser needs to go to Kick.
    package struct Departure: Sendable {
        package let authorizeURL: HTTPURL
        /// To be kept in a cookie: only the browser that has it may come back (login CSRF, RFC 9700 §2.1).
        package let browserToken: SecretToken
        /// How long the trip may take.
        package let lifetime: Duration
    }

    /// Scopes that are asked for when the link names none: enough to know the account and to get its events.
    package static let defaultScopes: [KickScope] = [.userRead, .channelRead, .eventsSubscribe]
    private static let tripLifetime = Duration.seconds(600)
    /// For the calls of one callback together.
    private static let callbackTimeout = Duration.seconds(20)

    private let store: ConnectStore
    private let logins: LoginStore
    private let kick: KickAccess
    private let policy: RefreshPolicy
    private let publicURL: HTTPURL
    private static let report = Log("connect")

    package init(
        store: ConnectStore, logins: LoginStore, kick: KickAccess, policy: RefreshPolicy = RefreshPolicy(),
        publicURL: HTTPURL
    ) {
        self.store = store
        self.logins = logins
        self.kick = kick
        self.policy = policy
        self.publicURL = publicURL
    }

    // MARK: Links

    /// Makes a link that a broadcaster can open until `lifetime` is over.
    ///
    /// - Parameter scopes: Kick's scopes to ask for; nil asks for ``defaultScopes``. `user:read` is always asked for:
    ///   without it nobody could tell whose tokens came back.
    package func createLink(
        scopes: [String]?, lifetime: Duration, in tenant: TenantID
    ) async throws -> (id: ConnectLinkID, url: HTTPURL, scopes: [String], expiresAt: Timestamp) {
        let names = try Self.scopesToAsk(scopes)
        let token = SecretToken(prefix: "")
        let id = ConnectLinkID(unchecked: ConnectLinkID.prefix + ULID.make().description)
        let expiresAt = Timestamp.now() + lifetime
        try await store.createLink(id, tokenHash: token.hash, scopes: names, expiresAt: expiresAt, in: tenant)
        let url = publicURL.appending(path: "/auth/kick", query: ["link": token.reveal()])
        return (id, url, names, expiresAt)
    }

    /// Not in the function above: with it in there, Swift 6.3.1 crashes when it optimises (coroutine splitting).
    private static func scopesToAsk(_ scopes: [String]?) throws(GatewayError) -> [String] {
        let asked = scopes?.map(KickScope.init(rawValue:)) ?? defaultScopes
        if let unknown = asked.first(where: { !$0.isKnown }) {
            throw GatewayError(.invalid, "Kick has no scope '\(unknown)'", field: "scopes")
        }
        let names = asked.map(\.rawValue)
        return asked.contains(.userRead) ? names : [KickScope.userRead.rawValue] + names
    }

    /// A browser opens a link. Looking does not use it up: chat programs fetch links to preview them.
    ///
    /// Throws `notFound` for a link that is unknown, expired or used.
    package func begin(linkToken: String) async throws -> Departure {
        guard let link = try await store.link(tokenHash: SecretToken.hash(of: linkToken)), !link.isUsed,
            link.expiresAt > .now()
        else { throw GatewayError(.notFound, "This link is not valid any more. Ask for a new one.") }
        let state = SecretToken(prefix: "")
        let browser = SecretToken(prefix: "")
        let pkce = PKCE()
        try await store.begin(
            stateHash: state.hash,
            attempt: ConnectStore.Attempt(link: link, browserHash: browser.hash, verifier: pkce.verifier),
            expiresAt: .now() + Self.tripLifetime)
        let url = AuthorizationURL.make(
            servers: kick.servers, clientID: try await kick.oauth(for: link.app).clientID, redirectURI: redirectURI,
            scopes: link.scopes.map(KickScope.init(rawValue:)), state: state.reveal(), pkce: pkce)
        return Departure(authorizeURL: url, browserToken: browser, lifetime: Self.tripLifetime)
    }

    /// The browser comes back with a code: gets the tokens, learns whose they are, and stores them, sealed.
    ///
    /// Throws `forbidden` for a state that is unknown, used, expired or another browser's, and `upstream` when Kick does
    /// not play its part.
    package func complete(state: String, code: String, browserToken: String?) async throws -> Login {
        let attempt = try await take(state: state, browserToken: browserToken)
        let deadline = Deadline.after(Self.callbackTimeout)
        let oauth = try await kick.oauth(for: attempt.app).client
        do {
            let tokens = try await oauth.tokens(
                forCode: Secret(code), pkce: PKCE(verifier: attempt.verifier), redirectURI: redirectURI,
                deadline: deadline)
            guard let refreshToken = tokens.refreshToken else {
                throw GatewayError(.upstream, "Kick sent no refresh token")
            }
            let account = try await account(tokens, deadline: deadline)
            let pair = TokenPair(
                access: tokens.accessToken, refresh: refreshToken, lifetime: tokens.lifetime,
                scopes: tokens.scopes?.map(\.rawValue) ?? attempt.scopes)
            return try await logins.connect(
                LoginID(unchecked: LoginID.prefix + ULID.make().description), account: account, tokens: pair,
                app: attempt.app, refreshAfter: policy.refreshAfter(lifetime: pair.lifetime), link: attempt.link,
                in: attempt.tenant)
        } catch let error as KickError {
            Self.report.warning(
                "a login failed at Kick", ["tenant": .text(attempt.tenant), "error": .string("\(error)")])
            throw GatewayError(.upstream, "Kick did not complete the login: \(error)")
        }
    }

    /// The browser comes back with a refusal. The state is used up all the same.
    package func refuse(state: String, browserToken: String?) async throws {
        _ = try await take(state: state, browserToken: browserToken)
    }

    /// Where Kick sends browsers back to; registered in the app's settings.
    package var redirectURI: HTTPURL { publicURL.appending(path: "/auth/kick/callback", query: [:]) }

    private func take(state: String, browserToken: String?) async throws -> ConnectStore.Attempt {
        let attempt = try await store.take(stateHash: SecretToken.hash(of: state))
        guard let attempt, let browserToken,
            constantTimeEqual(SecretToken.hash(of: browserToken), attempt.browserHash)
        else {
            throw GatewayError(
                .forbidden, "This login was not begun in this browser, or took too long. Open the link again.")
        }
        return attempt
    }

    private func account(_ tokens: TokenSet, deadline: Deadline) async throws -> LoginStore.Account {
        let user = try await kick.api.ownUser(token: tokens.accessToken, deadline: deadline)
        let mayReadChannel = tokens.scopes?.contains(.channelRead) ?? true
        let channel =
            mayReadChannel ? try await kick.api.ownChannel(token: tokens.accessToken, deadline: deadline) : nil
        return LoginStore.Account(
            kickUserID: user.userID, username: user.name ?? channel?.slug ?? String(user.userID), slug: channel?.slug)
    }
}
