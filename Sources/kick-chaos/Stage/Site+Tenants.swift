import HTTP
import Model
import Net
import ProcessKit
import Sandbox

/// Tenants with one broadcaster each, for runs that are about events.
struct EventTenants: Sendable {
    let ids: [TenantID]
    /// An API key of each.
    let keys: [String]
    /// Kick's number of each one's broadcaster.
    let broadcasters: [Int64]
}

extension Site {
    private static let firstBroadcaster = 2_000_000
    private static let day = 86_400

    /// Makes tenants and their keys through a gateway, and their logins in the database. The logins rest: nothing is
    /// refreshed and nothing subscribed while the run lasts.
    func makeTenants(_ count: Int, through place: SocketAddress) async throws -> EventTenants {
        let calls = HTTPCaller(client: workshop.client, base: "http://\(place)", key: adminKey)
        let consents = try await kick.makeConsents(
            count, firstUserID: Self.firstBroadcaster, tokenSeconds: 2 * Self.day)
        let made = try await eachOf(consents) { [self] consent -> (TenantID, String, Int64) in
            let tenant = try await calls.json(.post, "/admin/v1/tenants", ["name": .string("tenant \(consent.userID)")])
            guard let text = tenant["id"]?.stringValue, let id = TenantID(text) else {
                throw ProcessError("a tenant was not made: \(tenant.text)")
            }
            let key = try await calls.json(.post, "/admin/v1/tenants/\(id)/keys", ["name": "chaos"])
            guard let secret = key["secret"]?.stringValue else { throw ProcessError("there is no API key") }
            _ = try await connect(consent, in: id, tokenSeconds: 2 * Self.day, refreshAfter: .seconds(Self.day))
            return (id, secret, Int64(consent.userID))
        }.sorted { $0.2 < $1.2 }
        try await forgetWishes()
        return EventTenants(ids: made.map(\.0), keys: made.map(\.1), broadcasters: made.map(\.2))
    }
}
