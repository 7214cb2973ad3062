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
        /// Tells this trip from others of the same browser; no secret.
        package let trip: String
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
    /// - Parameters:
    ///   - login: a login that is to be connected again: no other account may come back. Nil takes any.
    ///   - scopes: Kick's scopes to ask for; nil asks for what the login was asked for, or ``defaultScopes``. `user:read`
    ///     is always asked for: without it nobody could tell whose tokens came back.
    package func createLink(
        scopes: [String]?, login: LoginID?, lifetime: Duration, in tenant: TenantID
    ) async throws -> (id: ConnectLinkID, url: HTTPURL, scopes: [String], expiresAt: Timestamp) {
        let names = try Self.scopesToAsk(try await scopesBefore(login, else: scopes, in: tenant))
        let token = SecretToken(prefix: "")
        let id = ConnectLinkID(unchecked: ConnectLinkID.prefix + ULID.make().description)
        let expiresAt = Timestamp.now() + lifetime
        try await store.createLink(
            id, tokenHash: token.hash, scopes: names, expiresAt: expiresAt, login: login, in: tenant)
        let url = publicURL.appending(path: "/auth/kick", query: ["link": token.reveal()])
        return (id, url, names, expiresAt)
    }

    private func scopesBefore(
        _ login: LoginID?, else scopes: [String]?, in tenant: TenantID
    ) async throws -> [String]? {
        guard let login else { return scopes }
        guard let known = try await logins.login(login, in: tenant) else {
            throw GatewayError(.invalid, "there is no such login", field: "login_id")
        }
        return scopes ?? known.askedScopes
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
        return Departure(
            authorizeURL: url, trip: Self.trip(of: state.reveal()), browserToken: browser,
            lifetime: Self.tripLifetime)
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
            // Kick may leave scopes out without a word: those that the app's settings do not tick (FACTS §1.3).
            let granted = Self.granted(tokens.scopes, asked: attempt.scopes)
            guard granted.contains(KickScope.userRead.rawValue) else { throw Self.unnamed }
            let account = try await kick.account(
                token: tokens.accessToken, scopes: granted, deadline: deadline)
            let pair = TokenPair(
                access: tokens.accessToken, refresh: refreshToken, lifetime: tokens.lifetime, scopes: granted)
            return try await logins.connect(
                LoginID(unchecked: LoginID.prefix + ULID.make().description), account: account, tokens: pair,
                asked: attempt.scopes, app: attempt.app,
                refreshAfter: policy.refreshAfter(lifetime: pair.lifetime), link: attempt.link, in: attempt.tenant,
                tell: LoginEvents.connecting)
        } catch let error as KickError {
            Self.report.warning(
                "a login failed at Kick", ["tenant": .text(attempt.tenant), "error": .string("\(error)")])
            throw GatewayError(.upstream, "Kick did not complete the login: \(error)")
        }
    }

    /// What Kick says that it granted. Without a word of Kick's it is what was asked for (RFC 6749 §5.1).
    private static func granted(_ scopes: [KickScope]?, asked: [String]) -> [String] {
        guard let scopes, !scopes.isEmpty else { return asked }
        return scopes.map(\.rawValue)
    }

    /// Nobody could tell whose tokens these are.
    private static let unnamed = GatewayError(
        .forbidden,
        """
        Kick did not grant user:read, so it cannot be known whose account this is. Whoever runs this service has to tick \
        that scope in the Kick app's settings; then open the link again.
        """)

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

    /// What a trip is called outside: in the name of the browser's cookie.
    package static func trip(of state: String) -> String {
        Hex.encode(Array(SHA256.hash("trip " + state).prefix(8)))
    }
}

extension KickAccess {
    /// Whose token this is.
    ///
    /// - Parameter scopes: as granted; without `channel:read` the channel's slug is not asked for.
    func account(
        token: Secret<String>, scopes: [String], deadline: Deadline
    ) async throws(KickError) -> LoginStore.Account {
        let user = try await api.ownUser(token: token, deadline: deadline)
        var slug: String?
        if scopes.contains(KickScope.channelRead.rawValue) {
            slug = try await api.ownChannel(token: token, deadline: deadline).slug
        }
        return LoginStore.Account(
            kickUserID: user.userID, username: user.name ?? slug ?? String(user.userID), slug: slug)
    }
}
