/// Whether a login's tokens work.
package enum LoginState: String, Sendable, Codable, CaseIterable {
    case connected
    /// Kick has refused every token that we hold: the broadcaster must log in again.
    case reconnectRequired = "reconnect_required"
    /// Ended on purpose. Its tokens are used no more; they are erased as soon as Kick has revoked them.
    case disconnected
}

/// How the last attempt to refresh ended.
package enum RefreshResult: String, Sendable, Codable, CaseIterable {
    case renewed
    /// Without a result; it is tried again.
    case postponed
    /// Kick refused every token that is held.
    case refused
    /// The process that made the attempt died in it.
    case interrupted
}

/// The grant of one Kick account, without its tokens.
package struct Login: Sendable {
    package let id: LoginID
    package let tenantID: TenantID
    package let appID: AppID
    package let kickUserID: Int64
    package let username: String
    package let slug: String?
    package let state: LoginState
    /// Kick's scopes as asked for at the last consent.
    package let askedScopes: [String]
    /// Kick's scopes as granted.
    package let scopes: [String]
    /// Of the last consent or import.
    package let connectedAt: Timestamp
    package let accessExpiresAt: Timestamp?
    /// When Kick issued the refresh token that is held; nil when none is.
    package let refreshIssuedAt: Timestamp?
    package let refreshDueAt: Timestamp?
    /// Number of the pair of tokens: every stored pair raises it.
    package let generation: Int64
    /// Refresh attempts that failed in a row.
    package let refreshFailures: Int64
    /// Whether the tenant's log says that refreshing fails.
    package let isFailingAnnounced: Bool
    package let lastRefreshResult: RefreshResult?
    package let lastRefreshAt: Timestamp?
    package let lastError: String?
    package let teardown: Teardown

    /// How far the end of a login has come.
    package struct Teardown: Sendable {
        package let disconnectedAt: Timestamp?
        /// Whether the tokens are still stored, sealed.
        package let holdsTokens: Bool
        /// When it is tried again to end the login at Kick; nil when nothing is left to do.
        package let dueAt: Timestamp?
        /// Attempts that failed; not 0 when nothing is due any more means that it was given up.
        package let failures: Int64

        package init(disconnectedAt: Timestamp?, holdsTokens: Bool, dueAt: Timestamp?, failures: Int64) {
            self.disconnectedAt = disconnectedAt
            self.holdsTokens = holdsTokens
            self.dueAt = dueAt
            self.failures = failures
        }

        package var isPending: Bool { dueAt != nil }
        /// Nobody will try again, and Kick never confirmed.
        package var wasGivenUp: Bool { disconnectedAt != nil && dueAt == nil && failures > 0 }
        /// Kick has revoked the tokens.
        package var isRevoked: Bool { disconnectedAt != nil && !holdsTokens && !wasGivenUp }
    }

    package init(
        id: LoginID, tenantID: TenantID, appID: AppID, kickUserID: Int64, username: String, slug: String?,
        state: LoginState, askedScopes: [String], scopes: [String], connectedAt: Timestamp,
        accessExpiresAt: Timestamp?, refreshIssuedAt: Timestamp?, refreshDueAt: Timestamp?, generation: Int64,
        refreshFailures: Int64, isFailingAnnounced: Bool, lastRefreshResult: RefreshResult?,
        lastRefreshAt: Timestamp?, lastError: String?, teardown: Teardown
    ) {
        self.id = id
        self.tenantID = tenantID
        self.appID = appID
        self.kickUserID = kickUserID
        self.username = username
        self.slug = slug
        self.state = state
        self.askedScopes = askedScopes
        self.scopes = scopes
        self.connectedAt = connectedAt
        self.accessExpiresAt = accessExpiresAt
        self.refreshIssuedAt = refreshIssuedAt
        self.refreshDueAt = refreshDueAt
        self.generation = generation
        self.refreshFailures = refreshFailures
        self.isFailingAnnounced = isFailingAnnounced
        self.lastRefreshResult = lastRefreshResult
        self.lastRefreshAt = lastRefreshAt
        self.lastError = lastError
        self.teardown = teardown
    }

    /// What was asked for and not granted, in the order in which it was asked for.
    package var missingScopes: [String] { askedScopes.filter { !scopes.contains($0) } }
}
