package import Model
package import Store

/// How much of Kick's quotas the apps have used, for whoever runs the gateway.
package struct SubscriptionQuotas: Sendable {
    /// One event type of an app.
    package struct Use: Sendable {
        package let quota: SubscriptionQuota
        package let limit: Int64
        /// When the limit is reached if things go on as in the last two weeks; nil when they do not grow.
        package let daysLeft: Double?
    }

    private let store: SubscriptionStore
    private let apps: AppDirectory

    package init(store: SubscriptionStore, apps: AppDirectory) {
        self.store = store
        self.apps = apps
    }

    /// By type. Empty until the first census. Throws `notFound`.
    package func uses(of id: AppID) async throws -> [Use] {
        guard let app = try await apps.app(id)?.app else { throw GatewayError(.notFound, "there is no such app") }
        return try await store.quotas(of: id).map { quota in
            let limit = SubscriptionCensus.limit(of: quota.type, isVerified: app.isVerified)
            return Use(quota: quota, limit: limit, daysLeft: quota.daysLeft(of: limit))
        }
    }
}
