/// Whether a login's tokens work.
package enum LoginState: String, Sendable, Codable, CaseIterable {
    case connected
    /// Kick has refused every token that we hold: the broadcaster must log in again.
    case reconnectRequired = "reconnect_required"
    /// Ended on purpose; the tokens are erased.
    case disconnected
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
    /// Kick's scopes as granted.
    package let scopes: [String]
    package let connectedAt: Timestamp
    package let accessExpiresAt: Timestamp?
    package let refreshedAt: Timestamp?
    package let refreshDueAt: Timestamp?
    /// Refreshes since the login was made; each stored pair of tokens has its own number.
    package let generation: Int64
    /// Refresh attempts that failed in a row.
    package let refreshFailures: Int64
    package let lastError: String?

    package init(
        id: LoginID, tenantID: TenantID, appID: AppID, kickUserID: Int64, username: String, slug: String?,
        state: LoginState, scopes: [String], connectedAt: Timestamp, accessExpiresAt: Timestamp?,
        refreshedAt: Timestamp?, refreshDueAt: Timestamp?, generation: Int64, refreshFailures: Int64,
        lastError: String?
    ) {
        self.id = id
        self.tenantID = tenantID
        self.appID = appID
        self.kickUserID = kickUserID
        self.username = username
        self.slug = slug
        self.state = state
        self.scopes = scopes
        self.connectedAt = connectedAt
        self.accessExpiresAt = accessExpiresAt
        self.refreshedAt = refreshedAt
        self.refreshDueAt = refreshDueAt
        self.generation = generation
        self.refreshFailures = refreshFailures
        self.lastError = lastError
    }
}
