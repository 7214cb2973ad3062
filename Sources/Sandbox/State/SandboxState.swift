/// Everything the sandbox knows, as a value: no IO, no clock. Time comes in as a parameter; tokens and codes are stored
/// as hashes only.
package struct SandboxState: Codable, Sendable {
    package internal(set) var apps: [String: RegisteredApp] = [:]
    package internal(set) var users: [Int: SandboxUser] = [:]
    var subscriptionTable = SubscriptionTable()
    /// What lives in the channels.
    var content = SandboxContent()
    /// The RSA key that signs webhooks, as a PKCS#8 PEM.
    package internal(set) var signingKeyPEM: String

    var codes: [SecretHash: AuthorizationCode] = [:]
    var refreshTokens: [SecretHash: RefreshToken] = [:]
    var accessTokens: [SecretHash: AccessToken] = [:]
    /// By their id.
    var grants: [String: Grant] = [:]
    /// Deleted lately, for a list that is not up to date.
    var deletedSubscriptions: [(subscription: EventSubscription, at: SandboxTime)] = []
    /// Deleted, and yet delivering.
    var undeadSubscriptions: [EventSubscription] = []
    /// How many codes and tokens there may be before the next look for those that are over.
    var sweepCount = 0

    package init(signingKeyPEM: String, apps: [RegisteredApp] = [], users: [SandboxUser] = []) {
        self.signingKeyPEM = signingKeyPEM
        for app in apps { self.apps[app.clientID] = app }
        for user in users { self.users[user.id] = user }
    }

    private enum CodingKeys: String, CodingKey {
        case apps, users, content, signingKeyPEM, codes, refreshTokens, accessTokens, grants
        case subscriptionTable = "subscriptions"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        apps = try container.decode([String: RegisteredApp].self, forKey: .apps)
        users = try container.decode([Int: SandboxUser].self, forKey: .users)
        subscriptionTable = try container.decode(SubscriptionTable.self, forKey: .subscriptionTable)
        content = try container.decodeIfPresent(SandboxContent.self, forKey: .content) ?? SandboxContent()
        signingKeyPEM = try container.decode(String.self, forKey: .signingKeyPEM)
        codes = try container.decode([SecretHash: AuthorizationCode].self, forKey: .codes)
        refreshTokens = try container.decode([SecretHash: RefreshToken].self, forKey: .refreshTokens)
        accessTokens = try container.decode([SecretHash: AccessToken].self, forKey: .accessTokens)
        grants = try container.decode([String: Grant].self, forKey: .grants)
        listTokens()
    }

    // MARK: The dashboard

    /// Creates an app or changes one. Without a webhook URL its subscriptions end, as at Kick (FACTS §3.3 no. 4), or are
    /// only listed, as before.
    package mutating func register(_ app: RegisteredApp, keepsSubscriptions: Bool = false) {
        apps[app.clientID] = app
        if app.webhookURL == nil, !keepsSubscriptions {
            subscriptionTable.removeAll { $0.clientID == app.clientID }
            undeadSubscriptions.removeAll { $0.clientID == app.clientID }
        }
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
        guard let record = accessTokens[SecretHash(of: token)], now < record.expiresAt else { return nil }
        guard let grantID = record.grantID else {
            return Bearer(clientID: record.clientID, userID: nil, scopes: [], expiresAt: record.expiresAt)
        }
        guard let grant = grants[grantID] else { return nil }
        return Bearer(
            clientID: record.clientID, userID: grant.userID, scopes: grant.scopes, expiresAt: record.expiresAt)
    }
}
