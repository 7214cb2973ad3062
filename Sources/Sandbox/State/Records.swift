import Kick

/// An application as its owner set it up in Kick's dashboard (FACTS §1.1).
package struct RegisteredApp: Codable, Hashable, Sendable {
    package var clientID: String
    package var clientSecret: String
    /// One must match exactly.
    package var redirectURIs: [String]
    /// Nil when webhooks are switched off.
    package var webhookURL: String?
    /// The ticked scopes: no other is ever granted.
    package var scopes: [String]
    /// A verified app may have 10,000 chat subscriptions instead of 1,000.
    package var isVerified: Bool
    /// Whether a bot was created for it: without one it cannot write as bot (#123).
    package var hasBot = true
    /// Whether it belongs to an organization: others have no Drops (FACTS §2.12).
    package var hasOrganization = true
    /// Where Drops claims go; nil: nowhere.
    package var dropsWebhookURL: String?

    package init(
        clientID: String, clientSecret: String, redirectURIs: [String], webhookURL: String? = nil,
        scopes: [String] = KickScope.all.map(\.rawValue), isVerified: Bool = false
    ) {
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.redirectURIs = redirectURIs
        self.webhookURL = webhookURL
        self.scopes = scopes
        self.isVerified = isVerified
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        clientID = try container.decode(String.self, forKey: .clientID)
        clientSecret = try container.decode(String.self, forKey: .clientSecret)
        redirectURIs = try container.decode([String].self, forKey: .redirectURIs)
        webhookURL = try container.decodeIfPresent(String.self, forKey: .webhookURL)
        scopes = try container.decode([String].self, forKey: .scopes)
        isVerified = try container.decode(Bool.self, forKey: .isVerified)
        // Files of older versions lack these.
        hasBot = try container.decodeIfPresent(Bool.self, forKey: .hasBot) ?? true
        hasOrganization = try container.decodeIfPresent(Bool.self, forKey: .hasOrganization) ?? true
        dropsWebhookURL = try container.decodeIfPresent(String.self, forKey: .dropsWebhookURL)
    }
}

/// A Kick account and its channel.
package struct SandboxUser: Codable, Hashable, Sendable {
    package var id: Int
    package var username: String
    package var slug: String
    package var email: String
    package var profilePicture: String
    package var isVerified: Bool
    package var channel: SandboxChannel

    package init(id: Int, username: String, slug: String? = nil, isVerified: Bool = true) {
        self.id = id
        self.username = username
        self.slug = slug ?? username.lowercased().replacing("_", with: "-")
        email = "\(username.lowercased())@example.com"
        profilePicture = "https://files.example.com/images/user/\(id)/profile.webp"
        self.isVerified = isVerified
        channel = SandboxChannel(title: "\(username) plays something", categoryID: SandboxCategory.all[0].id)
    }
}

/// What GET /public/v1/channels tells beyond the user (FACTS §2.3).
package struct SandboxChannel: Codable, Hashable, Sendable {
    package var title: String
    /// 0: none was ever set.
    package var categoryID: Int
    package var customTags: [String] = []
    package var description = "A channel of the sandbox"
    package var language = "en"
    package var isMature = false
    /// Nil while offline.
    package var liveSince: SandboxTime?
    package var viewerCount = 0
    package var subscriberCount = 42

    init(title: String, categoryID: Int) {
        self.title = title
        self.categoryID = categoryID
    }
}

/// A subscription of one app to one event of one broadcaster (FACTS §3.1).
package struct EventSubscription: Codable, Hashable, Sendable {
    package let id: String
    package let clientID: String
    package let broadcasterID: Int
    package let event: String
    package let version: Int
    package let createdAt: SandboxTime
}

/// An authorization code that waits for its exchange. The code itself is not kept, only its hash.
struct AuthorizationCode: Codable, Sendable {
    let clientID: String
    let userID: Int
    let redirectURI: String
    let scopes: [String]
    let codeChallenge: String
    let expiresAt: SandboxTime
}

/// One consent of a user to an app, and everything that was issued under it.
struct Grant: Codable, Sendable {
    let clientID: String
    let userID: Int
    let scopes: [String]
    let consentAt: SandboxTime
    /// The number of the newest refresh token: 1 for the first.
    var generation = 1
    /// How often a refresh succeeded, and how often one was refused.
    var refreshCount = 0
    var refusedRefreshCount = 0
    // Its tokens, so that nobody has to go through those of all grants. Not in the state file: found again when it is
    // read.
    var refreshTokens = TokenList()
    var accessTokens = TokenList()

    init(clientID: String, userID: Int, scopes: [String], consentAt: SandboxTime) {
        self.clientID = clientID
        self.userID = userID
        self.scopes = scopes
        self.consentAt = consentAt
    }

    private enum CodingKeys: CodingKey {
        case clientID, userID, scopes, consentAt, generation, refreshCount, refusedRefreshCount
    }
}

/// Tokens of one kind of one grant, oldest first. It is tidied when it has doubled, so that a token costs the same
/// however many there are.
struct TokenList: Sendable {
    private(set) var hashes: [SecretHash] = []
    private var tidyCount = 16

    /// Whether it is time to throw out what is over.
    var isDue: Bool { hashes.count >= tidyCount }

    mutating func append(_ hash: SecretHash) { hashes.append(hash) }

    mutating func replace(with kept: [SecretHash]) {
        hashes = kept
        tidyCount = max(16, 2 * kept.count)
    }
}

struct RefreshToken: Codable, Sendable {
    let grantID: String
    let generation: Int
    let issuedAt: SandboxTime
    /// When it was used first; nil while it is unused.
    var usedAt: SandboxTime?
}

/// An access token: of a grant (user token) or of an app alone.
struct AccessToken: Codable, Sendable {
    let clientID: String
    /// Nil for an app token.
    let grantID: String?
    let generation: Int
    let expiresAt: SandboxTime
}
