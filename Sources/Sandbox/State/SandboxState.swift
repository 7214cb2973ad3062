import Crypto

/// Everything the sandbox knows, as a value: no IO, no clock. Time comes in as a parameter; tokens and codes are stored
/// as hashes only.
package struct SandboxState: Codable, Sendable {
    package internal(set) var apps: [String: RegisteredApp] = [:]
    package internal(set) var users: [Int: SandboxUser] = [:]
    package internal(set) var subscriptions: [EventSubscription] = []
    /// The RSA key that signs webhooks, as a PKCS#8 PEM.
    package internal(set) var signingKeyPEM: String

    // By the hash of the secret text; grants by their id.
    var codes: [String: AuthorizationCode] = [:]
    var refreshTokens: [String: RefreshToken] = [:]
    var accessTokens: [String: AccessToken] = [:]
    var grants: [String: Grant] = [:]

    package init(signingKeyPEM: String, apps: [RegisteredApp] = [], users: [SandboxUser] = []) {
        self.signingKeyPEM = signingKeyPEM
        for app in apps { self.apps[app.clientID] = app }
        for user in users { self.users[user.id] = user }
    }

    // MARK: The dashboard

    /// Creates an app or changes one. Without a webhook URL its subscriptions end, as at Kick (FACTS §3.3 no. 4).
    package mutating func register(_ app: RegisteredApp) {
        apps[app.clientID] = app
        if app.webhookURL == nil { subscriptions.removeAll { $0.clientID == app.clientID } }
    }

    /// Creates a user or changes one; what lives in the channel of an existing one stays.
    package mutating func register(_ user: SandboxUser) {
        var user = user
        if let existing = users[user.id] { user.channel = existing.channel }
        users[user.id] = user
    }

    /// The user disconnects the app in Kick's settings: grants and tokens end, subscriptions stay (FACTS §3.3 no. 3).
    ///
    /// - Returns: how many grants ended.
    @discardableResult
    package mutating func disconnect(userID: Int) -> Int {
        let ended = grants.filter { $0.value.userID == userID }.map(\.key)
        for id in ended { revokeGrant(id) }
        return ended.count
    }

    package mutating func replaceSigningKey(pem: String) {
        signingKeyPEM = pem
    }

    // MARK: Who calls

    /// The bearer of a valid access token.
    package struct Bearer: Sendable {
        package let clientID: String
        /// Nil for an app token.
        package let userID: Int?
        package let scopes: [String]
        package let expiresAt: SandboxTime

        package var isApp: Bool { userID == nil }

        /// An app token needs no scopes.
        package func has(_ scope: String) -> Bool { isApp || scopes.contains(scope) }
    }

    /// Who presents `token`; nil when it is unknown, expired or revoked.
    package func bearer(of token: String, at now: SandboxTime) -> Bearer? {
        guard let record = accessTokens[Self.hash(token)], now < record.expiresAt else { return nil }
        guard let grantID = record.grantID else {
            return Bearer(clientID: record.clientID, userID: nil, scopes: [], expiresAt: record.expiresAt)
        }
        guard let grant = grants[grantID] else { return nil }
        return Bearer(
            clientID: record.clientID, userID: grant.userID, scopes: grant.scopes, expiresAt: record.expiresAt)
    }

    /// What secrets are looked up by.
    static func hash(_ secret: String) -> String { Base64URL.encode(SecretToken.hash(of: secret)) }

    mutating func revokeGrant(_ id: String) {
        grants[id] = nil
        refreshTokens = refreshTokens.filter { $0.value.grantID != id }
        accessTokens = accessTokens.filter { $0.value.grantID != id }
    }
}
