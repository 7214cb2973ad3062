package import Model
import Net
package import Store
import Synchronization

/// The Kick applications of this deployment, remembered for a few seconds: every webhook asks for one.
package final class AppDirectory: Sendable {
    private struct Remembered {
        var apps: [AppID: TenantStore.SecretApp] = [:]
        var until = Deadline(nanoseconds: 0)
        /// Whether somebody looks while others take what is remembered.
        var isLooking = false
    }

    private let store: TenantStore
    private let lifetime: Duration
    private let remembered = Mutex(Remembered())

    package init(store: TenantStore, lifetime: Duration = .seconds(10)) {
        self.store = store
        self.lifetime = lifetime
    }

    /// All apps, without their secrets.
    package func list() async throws -> [App] {
        try await store.apps().map(\.app)
    }

    /// The ids of all apps whose secrets open.
    package func ids() async throws -> [AppID] {
        Array(try await known().keys)
    }

    /// The app, or with nil the default one; nil when there is none. One that another replica made a moment ago may be
    /// missing for some seconds: a stranger who asks for apps that do not exist must not reach the database each time.
    package func app(_ id: AppID?) async throws -> TenantStore.SecretApp? {
        Self.find(id, in: try await known())
    }

    /// The app that a webhook is for: as ``app(_:)``, but what is remembered serves while it is looked up anew. A webhook
    /// waits for the database once, where waiting is bounded, and not here besides.
    package func app(deliveredTo id: AppID?) async throws -> TenantStore.SecretApp? {
        guard let loop = Loop.current else { return try await app(id) }
        let now = Deadline.now()
        let (known, mustLook) = remembered.withLock { remembered in
            let known = Self.find(id, in: remembered.apps)
            let mustLook = known != nil && remembered.until <= now && !remembered.isLooking
            if mustLook { remembered.isLooking = true }
            return (known, mustLook)
        }
        guard let known else { return try await app(id) }
        if mustLook {
            loop.spawn { [self] in
                _ = try? await self.known()
                remembered.withLock { $0.isLooking = false }
            }
        }
        return known
    }

    private func known() async throws -> [AppID: TenantStore.SecretApp] {
        let now = Deadline.now()
        if let apps = remembered.withLock({ $0.until > now ? $0.apps : nil }) { return apps }
        let apps = Dictionary(uniqueKeysWithValues: try await store.apps().map { ($0.app.id, $0) })
        remembered.withLock { $0 = Remembered(apps: apps, until: now + lifetime) }
        return apps
    }

    /// Forgets what is remembered: an app has changed.
    package func forget() {
        remembered.withLock { $0 = Remembered() }
    }

    private static func find(_ id: AppID?, in apps: [AppID: TenantStore.SecretApp]) -> TenantStore.SecretApp? {
        guard let id else { return apps.values.first { $0.app.isDefault } }
        return apps[id]
    }
}
