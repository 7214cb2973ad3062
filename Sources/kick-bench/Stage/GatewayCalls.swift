import FoundationEssentials
import HTTP
import HTTPClient
import Kick
import Net
import ProcessKit

/// What an operator, a tenant and a broadcaster do before there is anything to measure: through the real routes.
struct GatewayCalls: Sendable {
    let client: OutboundClient
    /// `http://127.0.0.1:port` of the gateway.
    let gateway: String
    /// The same of the stand-in for Kick.
    let kick: String
    let adminKey: String

    private static let patience = Duration.seconds(30)

    /// A new tenant's API key with all scopes.
    func makeTenant(named name: String) async throws -> String {
        struct Tenant: Decodable {
            let id: String
        }
        struct Key: Decodable {
            let secret: String
        }
        let tenant: Tenant = try await call(.post, "/admin/v1/tenants", key: adminKey, body: ["name": name])
        let key: Key = try await call(
            .post, "/admin/v1/tenants/\(tenant.id)/keys", key: adminKey, body: ["name": "bench"])
        return key.secret
    }

    /// Opens a connect link as a browser would, says yes at Kick's consent page, and comes back.
    func connect(broadcaster: Int, key: String) async throws {
        struct Link: Decodable {
            let url: String
        }
        let link: Link = try await call(
            .post, "/v1/connect-links", key: key, body: ["scopes": KickScope.all.map(\.rawValue)])
        let begun = try await get(gateway + target(of: link.url), cookie: nil)
        guard let consent = begun.fields[.location].flatMap({ HTTPURL($0) }),
            let cookie = begun.fields[.setCookie]?.prefix(while: { $0 != ";" }),
            var form = QueryItems(parsing: consent.query)
        else { throw ProcessError("the connect link did not lead to Kick: \(begun.status)") }
        form.append("user_id", String(broadcaster))
        form.append("decision", "allow")
        var request = try OutboundRequest(.post, url(kick + "/oauth/authorize"))
        request.fields.set(.contentType, FormURLEncoded.contentType)
        request.body = FormURLEncoded.encode(form)
        let answer = try await client.send(request, deadline: .after(Self.patience))
        guard let back = answer.fields[.location] else { throw ProcessError("no way back from Kick: \(answer.status)") }
        let done = try await get(gateway + target(of: back), cookie: String(cookie))
        guard done.status == .ok else { throw ProcessError("the login was not completed: \(done.status)") }
    }

    /// How many of the tenant's subscriptions there are, and how many Kick has confirmed.
    func subscriptions(key: String) async throws -> (all: Int, active: Int) {
        struct List: Decodable {
            struct Item: Decodable {
                let state: String
            }
            let data: [Item]
        }
        let list: List = try await call(.get, "/v1/subscriptions", key: key)
        return (list.data.count, list.data.count { $0.state == "active" })
    }

    // MARK: The stand-in for Kick

    /// Has Kick take so long for every answer below a path.
    func delayKick(_ milliseconds: Int, below path: String) async throws {
        var request = try OutboundRequest(.post, url(kick + "/sandbox/faults"))
        request.fields.set(.contentType, "application/json")
        let order = #"{"target":"api","count":1000000,"path_prefix":"\#(path)","delay_ms":\#(milliseconds)}"#
        request.body = Array(order.utf8)
        let answer = try await client.send(request, deadline: .after(Self.patience))
        guard answer.status.isSuccess else { throw ProcessError("the stand-in for Kick cannot be slow") }
    }

    /// How often Kick was asked something, by operation.
    func kickCalls() async throws -> [String: Int] {
        let answer = try await get(kick + "/sandbox/calls", cookie: nil)
        return try JSONDecoder().decode([String: Int].self, from: Data(answer.body))
    }

    // MARK: -

    private func call<Answer: Decodable>(
        _ method: HTTP.Method, _ path: String, key: String, body: (some Encodable)? = [String: String]?.none
    ) async throws -> Answer {
        var request = try OutboundRequest(method, url(gateway + path))
        request.fields.set(.authorization, FieldValue("Bearer \(key)"))
        if let body {
            request.fields.set(.contentType, "application/json")
            request.body = Array(try JSONEncoder().encode(body))
        }
        let answer = try await client.send(request, deadline: .after(Self.patience))
        guard answer.status.isSuccess else {
            throw ProcessError("\(method) \(path): \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
        }
        return try JSONDecoder().decode(Answer.self, from: Data(answer.body))
    }

    private func get(_ text: String, cookie: String?) async throws -> OutboundResponse {
        var request = try OutboundRequest(.get, url(text))
        if let cookie { request.fields.set(.cookie, FieldValue(cookie)) }
        return try await client.send(request, deadline: .after(Self.patience))
    }

    private func url(_ text: String) throws -> HTTPURL {
        guard let url = HTTPURL(text) else { throw ProcessError("\(text) is no URL") }
        return url
    }

    /// Path and query: links bear the gateway's public name, which leads nowhere here.
    private func target(of text: String) throws -> String { try url(text).target }
}
