import FoundationEssentials
import HTTP
import HTTPClient
import Kick
import Net

/// The demo tenant of `kick-gateway dev`, made as any tenant is: through the admin routes, with connect links that
/// browsers open (here a few calls that do what the browser would).
struct Demo {
    /// The sandbox's two users.
    static let broadcasters: [(id: Int, name: String)] = [(1001, "nova"), (1002, "pixel")]
    private static let tenantName = "demo"

    let gateway: JSONClient
    let adminKey: String
    let sandbox: String

    private struct Identified: Decodable {
        let id: String
        let name: String
    }

    private struct List<Item: Decodable>: Decodable {
        let data: [Item]
    }

    private struct LoginItem: Decodable {
        let kickUserId: Int
        let state: String
    }

    /// Makes what is missing and returns the tenant's API key: the known one while it works, else a new one.
    func prepare(knownKey: String?) async throws -> String {
        let tenants: List<Identified> = try await gateway.call(.get, "/admin/v1/tenants", key: adminKey)
        let known = tenants.data.first { $0.name == Self.tenantName }?.id
        let tenant: String
        if let known { tenant = known } else { tenant = try await createTenant() }
        let key = try await workingKey(knownKey, tenant: tenant)
        let logins: List<LoginItem> = try await gateway.call(.get, "/v1/logins", key: key)
        let connected = Set(logins.data.filter { $0.state == "connected" }.map(\.kickUserId))
        for broadcaster in Self.broadcasters where !connected.contains(broadcaster.id) {
            try await connect(broadcaster.id, key: key)
        }
        return key
    }

    private func createTenant() async throws -> String {
        let tenant: Identified = try await gateway.call(
            .post, "/admin/v1/tenants", key: adminKey, body: ["name": Self.tenantName])
        return tenant.id
    }

    private func workingKey(_ known: String?, tenant: String) async throws -> String {
        if let known, let _: List<LoginItem> = try? await gateway.call(.get, "/v1/logins", key: known) { return known }
        struct Key: Decodable {
            let secret: String
        }
        let key: Key = try await gateway.call(
            .post, "/admin/v1/tenants/\(tenant)/keys", key: adminKey, body: ["name": "demo"])
        return key.secret
    }

    /// Opens a connect link as a browser would, clicks Allow at the sandbox, and comes back.
    private func connect(_ userID: Int, key: String) async throws {
        struct Link: Decodable {
            let url: String
        }
        // Everything, so that whoever looks around finds nothing closed.
        let link: Link = try await gateway.call(
            .post, "/v1/connect-links", key: key, body: ["scopes": KickScope.all.map(\.rawValue)])
        guard let path = HTTPURL(link.url) else { throw DevError("the gateway made a link that is no URL") }
        let begun = try await get(gateway.base + path.target, cookie: nil)
        guard let consent = begun.fields[.location].flatMap({ HTTPURL($0) }),
            let cookie = begun.fields[.setCookie]?.prefix(while: { $0 != ";" })
        else { throw DevError("the connect link did not lead to Kick: \(begun.status)") }
        guard let code = try await allow(consent, userID: userID) else {
            throw DevError("the sandbox's consent page did not lead back")
        }
        let done = try await get(gateway.base + code.target, cookie: String(cookie))
        guard done.status == .ok else { throw DevError("the login was not completed: \(done.status)") }
    }

    /// Sends the consent form; where it leads.
    private func allow(_ consent: HTTPURL, userID: Int) async throws -> HTTPURL? {
        guard var form = QueryItems(parsing: consent.query), let url = HTTPURL(sandbox + "/oauth/authorize") else {
            return nil
        }
        form.append("user_id", String(userID))
        form.append("decision", "allow")
        var request = OutboundRequest(.post, url)
        request.fields.set(.contentType, FormURLEncoded.contentType)
        request.body = FormURLEncoded.encode(form)
        let answer = try await gateway.client.send(request, deadline: .after(.seconds(20)))
        return answer.fields[.location].flatMap { HTTPURL($0) }
    }

    private func get(_ url: String, cookie: String?) async throws -> OutboundResponse {
        guard let url = HTTPURL(url) else { throw DevError("\(url) is no URL") }
        var request = OutboundRequest(.get, url)
        if let cookie { request.fields.set(.cookie, FieldValue(cookie)) }
        return try await gateway.client.send(request, deadline: .after(.seconds(30)))
    }
}
