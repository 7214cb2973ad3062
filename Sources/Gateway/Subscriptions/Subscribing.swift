import Kick
package import Model
package import Store

/// What tenants want of their broadcasters.
package struct Subscribing: Sendable {
    /// What a tenant wants of a broadcaster, and how it stands.
    package struct Status: Sendable {
        package let broadcasterUserID: Int64
        package let wish: SubscriptionWish
        /// Every type that is wanted.
        package let subscriptions: [EventSubscription]
    }

    /// Every type that Kick is known to send, in the catalogue's order: what a tenant gets that wishes for nothing else.
    package static let allTypes = EventCatalog.entries.map(\.type.rawValue)

    private let store: SubscriptionStore

    package init(store: SubscriptionStore) {
        self.store = store
    }

    package func subscriptions(
        of broadcasterUserID: Int64? = nil, in tenant: TenantID
    ) async throws -> [EventSubscription] {
        try await store.subscriptions(of: broadcasterUserID, allTypes: Self.allTypes, in: tenant)
    }

    /// Throws `notFound` when the tenant has no login of the broadcaster (P14).
    package func status(of broadcasterUserID: Int64, in tenant: TenantID) async throws -> Status {
        guard let wish = try await store.wish(for: broadcasterUserID, in: tenant) else { throw Self.unknown }
        return try await status(of: broadcasterUserID, wish, in: tenant)
    }

    /// Changes what the tenant wants: these types, none, or, with nil, all that there are and will be. Kick is made to agree in
    /// the background; other tenants' wishes for the same broadcaster stay what they are.
    ///
    /// Throws `notFound`, `invalid` for types that Kick is not known to send.
    package func setWish(
        _ types: [String]?, for broadcasterUserID: Int64, in tenant: TenantID
    ) async throws -> Status {
        for type in types ?? [] where !Self.allTypes.contains(type) {
            throw GatewayError(
                .invalid,
                "'\(type.prefix(100))' is no event type of Kick's: there are \(Self.allTypes.joined(separator: ", "))",
                field: "types")
        }
        let wanted = types.map { types in Self.allTypes.filter(types.contains) }
        guard let wish = try await store.setWish(wanted, for: broadcasterUserID, in: tenant) else { throw Self.unknown }
        return try await status(of: broadcasterUserID, wish, in: tenant)
    }

    private func status(
        of broadcasterUserID: Int64, _ wish: SubscriptionWish, in tenant: TenantID
    ) async throws -> Status {
        Status(
            broadcasterUserID: broadcasterUserID, wish: wish,
            subscriptions: try await subscriptions(of: broadcasterUserID, in: tenant))
    }

    static let unknown = GatewayError(.notFound, "there is no login of this broadcaster")
}
