import Foundation
import HTTP
import HTTPClient
import Kick
import Net
import TestKit

/// A tenant of a deployment, with an API key.
struct TestTenant: Sendable {
    let deployment: Deployment
    let id: String
    let key: String

    static func make(on deployment: Deployment, name: String = "tenant") async throws -> TestTenant {
        let tenant = try await deployment.json(
            .post, "/admin/v1/tenants", key: deployment.adminKey, body: ["name": name])
        let id = tenant["id"] as? String ?? ""
        let key = try await deployment.json(
            .post, "/admin/v1/tenants/\(id)/keys", key: deployment.adminKey, body: ["name": "test"])
        let secret = key["secret"] as? String ?? ""
        deployment.secrets.update { $0.append(secret) }
        return TestTenant(deployment: deployment, id: id, key: secret)
    }

    /// Logs a sandbox user in, step by step as a browser would: link, consent page, its form, the way back.
    ///
    /// - Parameter scopes: Kick's scopes to ask for; nil: the usual ones.
    func connect(_ userID: Int64, scopes: [KickScope]? = nil) async throws {
        let link = try await deployment.json(
            .post, "/v1/connect-links", key: key, body: scopes.map { ["scopes": $0.map(\.rawValue)] } ?? [:])
        let target = HTTPURL(link["url"] as? String ?? "")?.target ?? ""
        deployment.secrets.update { $0.append(String(target.split(separator: "=").last ?? "")) }
        guard let begun = try await deployment.send(.get, target), begun.status == .seeOther,
            let consent = HTTPURL(begun.fields[.location] ?? ""),
            let cookie = begun.fields[.setCookie]?.prefix(while: { $0 != ";" })
        else { throw Deployment.Failure("the connect link does not lead to Kick") }
        deployment.secrets.update { $0.append(String(cookie.split(separator: "=").last ?? "")) }
        guard let page = try await deployment.send(.get, consent.target, base: deployment.sandboxURL),
            page.status == .ok, String(decoding: page.body, as: UTF8.self).contains("<form method=\"post\"")
        else { throw Deployment.Failure("there is no consent page") }
        var form = QueryItems(parsing: consent.query) ?? [:]
        form.append("user_id", String(userID))
        form.append("decision", "allow")
        let allowed = try await deployment.send(
            .post, "/oauth/authorize", fields: [.contentType: FormURLEncoded.contentType],
            body: FormURLEncoded.encode(form), base: deployment.sandboxURL)
        guard let back = HTTPURL(allowed?.fields[.location] ?? "") else {
            throw Deployment.Failure("the consent does not lead back")
        }
        let fields: Fields = [.cookie: FieldValue(replacingInvalidIn: String(cookie))]
        guard let done = try await deployment.send(.get, back.target, fields: fields), done.status == .ok else {
            throw Deployment.Failure("the login was not completed")
        }
        // The same way back does not work twice.
        let again = try await deployment.send(.get, back.target, fields: fields)
        guard again?.status == .forbidden else { throw Deployment.Failure("a state works twice") }
    }

    func logins() async throws -> [[String: Any]] {
        try await deployment.json(.get, "/v1/logins", key: key)["data"] as? [[String: Any]] ?? []
    }

    /// Waits until Kick delivers all ten types for so many logins.
    func untilSubscribed(logins: Int = 1) async throws {
        try await until {
            let list = try await deployment.json(.get, "/v1/subscriptions", key: key)["data"] as? [[String: Any]]
            return list?.filter { $0["state"] as? String == "active" }.count == 10 * logins
        }
    }

    /// Makes events happen; what came of each delivery.
    func trigger(_ order: [String: Any]) async throws -> [[String: Any]] {
        let answer = try await deployment.json(.post, "/sandbox/trigger", body: order, base: deployment.sandboxURL)
        return answer["deliveries"] as? [[String: Any]] ?? []
    }

    /// Kick's events of the log.
    func events() async throws -> [[String: Any]] {
        try await log().filter { ($0["type"] as? String)?.hasPrefix("gateway.") == false }
    }

    /// The whole log, page by page, raw.
    func log() async throws -> [[String: Any]] {
        var events: [[String: Any]] = []
        var cursor = ""
        while true {
            let page = try await deployment.json(.get, "/v1/events?limit=500&after=\(cursor)", key: key)
            events += page["data"] as? [[String: Any]] ?? []
            cursor = page["next_cursor"] as? String ?? ""
            if page["has_more"] as? Bool != true { return events }
        }
    }
}

/// A client of the stream that comes back with its last id whenever the connection ends, as a browser does.
final class StreamClient: Sendable {
    struct Message: Sendable {
        let id: String
        let event: String
        let data: String
    }

    /// Kick's events.
    let messages = Box<[Message]>([])
    /// What the gateway said itself; after a new connection some of it again.
    let announcements = Box<[Message]>([])
    let connections = Box(0)
    private let task = Box<Task<Void, Never>?>(nil)

    init(_ tenant: TestTenant) {
        let running = tenant.deployment.loops.loops[1].spawn { [self] in
            while !Task.isCancelled {
                try? await follow(tenant)
                try? await Net.sleep(for: .milliseconds(20))
            }
        }
        task.update { $0 = running }
    }

    func stop() async {
        task.value?.cancel()
        await task.value?.value
    }

    private func follow(_ tenant: TestTenant) async throws {
        guard let url = HTTPURL(tenant.deployment.gatewayURL + "/v1/events/stream") else { return }
        var request = OutboundRequest(.get, url)
        request.fields.set(.authorization, FieldValue("Bearer \(tenant.key)"))
        if let last = messages.value.last?.id { request.fields.set(.lastEventID, FieldValue(last)) }
        try await tenant.deployment.client.withStream(request, deadlineForHead: .after(.seconds(10))) { head, chunks in
            guard head.status == .ok else { return }
            connections.update { $0 += 1 }
            var decoder = ServerSentEventDecoder()
            while let chunk = try await chunks.next(deadline: .after(.seconds(60))) {
                for case .event(let event) in try decoder.feed(chunk) {
                    let message = Message(id: event.id ?? "", event: event.event ?? "", data: event.text)
                    let isOwn = message.event.hasPrefix("gateway.")
                    (isOwn ? announcements : messages).update { $0.append(message) }
                }
            }
        }
    }
}
