/// One customer of this deployment.
package struct Tenant: Sendable {
    package let id: TenantID
    package let name: String
    /// The Kick application that its logins go through.
    package let appID: AppID
    package let createdAt: Timestamp

    package init(id: TenantID, name: String, appID: AppID, createdAt: Timestamp) {
        self.id = id
        self.name = name
        self.appID = appID
        self.createdAt = createdAt
    }
}

/// An API key as its owner may see it: never the secret, which exists only at creation.
package struct APIKey: Sendable {
    package let id: KeyID
    package let tenantID: TenantID
    package let name: String
    /// The first characters of the secret, to tell keys apart.
    package let hint: String
    package let scopes: [KeyScope]
    package let createdAt: Timestamp
    package let expiresAt: Timestamp?
    package let revokedAt: Timestamp?

    package init(
        id: KeyID, tenantID: TenantID, name: String, hint: String, scopes: [KeyScope], createdAt: Timestamp,
        expiresAt: Timestamp?, revokedAt: Timestamp?
    ) {
        self.id = id
        self.tenantID = tenantID
        self.name = name
        self.hint = hint
        self.scopes = scopes
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
    }

    /// Whether the key opens doors at `time`.
    package func isUsable(at time: Timestamp) -> Bool {
        guard revokedAt == nil else { return false }
        guard let expiresAt else { return true }
        return time < expiresAt
    }
}

/// One Kick developer application, without its secret.
package struct App: Sendable {
    package let id: AppID
    package let name: String
    /// Kick's client id. Public.
    package let clientID: String
    /// Whether tenants that name no app get this one.
    package let isDefault: Bool
    /// Whether Kick has verified it: it may have ten times as many chat subscriptions then (FACTS §3.2).
    package let isVerified: Bool
    package let createdAt: Timestamp

    package init(
        id: AppID, name: String, clientID: String, isDefault: Bool, isVerified: Bool, createdAt: Timestamp
    ) {
        self.id = id
        self.name = name
        self.clientID = clientID
        self.isDefault = isDefault
        self.isVerified = isVerified
        self.createdAt = createdAt
    }
}
