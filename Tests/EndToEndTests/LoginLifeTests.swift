import Foundation
import HTTP
import HTTPClient
import Net
import TestKit
import Testing

/// A browser as far as logins see one: it follows no redirect by itself and keeps its cookies.
private struct Browser {
    let deployment: Deployment
    /// In the order in which they were set, as browsers send them.
    private(set) var cookies: [(name: String, value: String)] = []

    init(_ deployment: Deployment) {
        self.deployment = deployment
    }

    mutating func get(_ target: String) async throws -> OutboundResponse {
        var fields: Fields = [:]
        if !cookies.isEmpty {
            let line = cookies.map { "\($0.name)=\($0.value)" }.joined(separator: "; ")
            fields.set(.cookie, FieldValue(replacingInvalidIn: line))
        }
        guard let answer = try await deployment.send(.get, target, fields: fields) else {
            throw Deployment.Failure("\(target): no answer")
        }
        for line in answer.fields.values(of: .setCookie) {
            let pair = line.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            cookies.removeAll { $0.name == pair[0] }
            if !line.contains("Max-Age=0") { cookies.append((String(pair[0]), String(pair[1]))) }
        }
        return answer
    }

    /// Opens a link and decides at Kick; the way back, not yet taken.
    mutating func decide(_ decision: String = "allow", as user: Int64, link: String) async throws -> String {
        let begun = try await get(HTTPURL(link)?.target ?? "")
        let consent = HTTPURL(begun.fields[.location] ?? "")
        var form = QueryItems(parsing: consent?.query) ?? [:]
        form.append("user_id", String(user))
        form.append("decision", decision)
        let answer = try await deployment.send(
            .post, "/oauth/authorize", fields: [.contentType: FormURLEncoded.contentType],
            body: FormURLEncoded.encode(form), base: deployment.sandboxURL)
        guard let back = HTTPURL(answer?.fields[.location] ?? "") else {
            throw Deployment.Failure(
                "\(begun.status), and the consent does not lead back: \(String(describing: answer))")
        }
        return back.target
    }
}

extension TestTenant {
    fileprivate func link(_ body: [String: Any] = [:]) async throws -> String {
        try await deployment.json(.post, "/v1/connect-links", key: key, body: body)["url"] as? String ?? ""
    }

    fileprivate func login(_ id: String) async throws -> [String: Any] {
        try await deployment.json(.get, "/v1/logins/\(id)", key: key)
    }

    /// The gateway's own events of the log: type and payload.
    fileprivate func announced() async throws -> [(type: String, payload: [String: Any])] {
        try await log().compactMap { event in
            guard let type = event["type"] as? String, type.hasPrefix("gateway.login.") else { return nil }
            return (type.replacing("gateway.login.", with: ""), event["payload"] as? [String: Any] ?? [:])
        }
    }

    fileprivate func grants(of user: Int) async throws -> [[String: Any]] {
        let state = try await deployment.json(.get, "/sandbox/state", base: deployment.sandboxURL)
        let users = state["users"] as? [[String: Any]] ?? []
        return users.first { $0["id"] as? Int == user }?["grants"] as? [[String: Any]] ?? []
    }

    fileprivate func subscriptionsAtKick() async throws -> Int {
        let state = try await deployment.json(.get, "/sandbox/state", base: deployment.sandboxURL)
        return (state["subscriptions"] as? [[String: Any]] ?? []).count
    }
}

@Suite("Life of a login, end to end", .serialized, .timeLimit(.minutes(3)))
struct LoginLifeTests {
    @Test("two tabs do not undo each other; no cookie, another browser's cookie, and a state again are refused")
    func trips() async throws {
        try await Deployment.run { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            var browser = Browser(deployment)
            let first = try await browser.decide(as: 1001, link: try await tenant.link())
            let second = try await browser.decide(as: 1001, link: try await tenant.link())
            #expect(browser.cookies.count == 2)
            #expect(Set(browser.cookies.map(\.name)).count == 2)

            var bare = Browser(deployment)
            let alone = try await browser.decide(as: 1001, link: try await tenant.link())
            #expect(try await bare.get(alone).status == .forbidden)

            // Another browser has a cookie too, of its own trip; it gets nothing for this one.
            var other = Browser(deployment)
            let foreign = try await other.decide(as: 1001, link: try await tenant.link())
            let stolen = try await browser.decide(as: 1001, link: try await tenant.link())
            #expect(try await other.get(stolen).status == .forbidden)
            #expect(try await tenant.logins().isEmpty)

            #expect(try await browser.get(first).status == .ok)
            #expect(try await browser.get(first).status == .forbidden)
            #expect(try await browser.get(second).status == .ok)
            #expect(try await other.get(foreign).status == .ok)
            #expect(try await tenant.logins().count == 1)

            // A refusal is a page, spends its trip, and leaves the link usable.
            let link = try await tenant.link()
            let refusal = try await browser.decide("deny", as: 1001, link: link)
            #expect(try await browser.get(refusal).status == .forbidden)
            let yes = try await browser.decide(as: 1001, link: link)
            #expect(try await browser.get(yes).status == .ok)
        }
    }

    @Test("a browser keeps eight trips at the most, the newest ones")
    func manyTrips() async throws {
        try await Deployment.run { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            var browser = Browser(deployment)
            let link = try await tenant.link()
            var ways: [String] = []
            for _ in 0..<10 { ways.append(try await browser.decide(as: 1001, link: link)) }
            #expect(browser.cookies.count == 8)
            #expect(try await browser.get(ways[1]).status == .forbidden)
            #expect(try await browser.get(ways[2]).status == .ok)
        }
    }

    @Test(
        "import, disconnect, reconnect under the same id, silent removal at Kick: each shows, and the log tells of it")
    func life() async throws {
        var options = Deployment.Options()
        options.accessTokenSeconds = 5
        options.refreshMode = "single_use"
        try await Deployment.run(options) { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            let reader = StreamClient(tenant)
            await until { reader.connections.value == 1 }
            func sandbox(_ path: String, _ body: [String: Any]) async throws -> [String: Any] {
                try await deployment.json(.post, path, body: body, base: deployment.sandboxURL)
            }

            // Import: proven by a refresh, so the pair that was sent is used up.
            let granted = try await sandbox(
                "/sandbox/grants", ["users": [1001], "scopes": ["user:read", "channel:read", "events:subscribe"]])
            let pair = try #require((granted["data"] as? [[String: Any]])?.first)
            let login = try await deployment.json(
                .post, "/v1/logins", key: tenant.key,
                body: ["access_token": pair["access_token"] ?? "", "refresh_token": pair["refresh_token"] ?? ""])
            let id = try #require(login["id"] as? String)
            #expect(login["username"] as? String == "nova" && login["health"] as? String == "ok")
            let features = login["features"] as? [[String: Any]] ?? []
            let chat = try #require(features.first { $0["feature"] as? String == "chat.send" })
            #expect(chat["works"] as? Bool == false && chat["missing_scopes"] as? [String] == ["chat:write"])
            #expect((login["last_refresh"] as? [String: Any])?["outcome"] as? String == "renewed")
            #expect(try await tenant.grants(of: 1001).first?["refreshes"] as? Int ?? 0 >= 1)
            try await tenant.untilSubscribed()

            // Forced refresh.
            let generation = try await tenant.login(id)["generation"] as? Int ?? 0
            let renewed = try await deployment.json(.post, "/v1/logins/\(id)/refresh", key: tenant.key)
            #expect(renewed["generation"] as? Int ?? 0 > generation)

            // Disconnect.
            let ended = try await deployment.send(.delete, "/v1/logins/\(id)", key: tenant.key)
            #expect(ended?.status == .ok, "\(String(decoding: ended?.body ?? [], as: UTF8.self))")
            #expect(try await tenant.grants(of: 1001).isEmpty)
            try await until { try await tenant.subscriptionsAtKick() == 0 }
            let again = try await deployment.json(.delete, "/v1/logins/\(id)", key: tenant.key)
            #expect(again["revoked_at_kick"] as? Bool == true && again["is_done"] as? Bool == true)
            let gone = try await tenant.login(id)
            #expect(gone["health"] as? String == "disconnected" && gone["refresh_token_issued_at"] is NSNull)
            #expect(gone["access_expires_at"] is NSNull && gone["next_refresh_at"] is NSNull)
            let check = try await deployment.send(.post, "/v1/logins/\(id)/check", key: tenant.key)
            #expect(check?.status == .failedDependency)
            let late = try await tenant.trigger([
                "type": "channel.followed", "broadcaster_user_id": 1001, "force": true,
            ])
            #expect(late.first?["delivered"] as? Bool == true)
            #expect(try await tenant.events().isEmpty, "an ended login gets no events")

            // Reconnect: the same id, by a link for it alone.
            var browser = Browser(deployment)
            let back = try await browser.decide(as: 1001, link: try await tenant.link(["login_id": id]))
            #expect(try await browser.get(back).status == .ok)
            #expect(try await tenant.logins().map { $0["id"] as? String } == [id])
            #expect(try await tenant.login(id)["health"] as? String == "ok")
            try await tenant.untilSubscribed()

            // Removed at Kick: nobody says so; the next refresh finds out.
            _ = try await sandbox("/sandbox/disconnect", ["user_id": 1001])
            await until { reader.announcements.value.last?.event == "gateway.login.reconnect_required" }
            let dead = try await tenant.login(id)
            #expect(dead["health"] as? String == "reconnect_required")
            #expect((dead["health_text"] as? String)?.contains("removed at Kick") == true)
            let working = (dead["features"] as? [[String: Any]] ?? []).filter { $0["works"] as? Bool == true }
            #expect(working.map { $0["feature"] as? String } == ["events"])
            let delivery = try await tenant.trigger(["type": "channel.followed", "broadcaster_user_id": 1001])
            #expect(delivery.first?["delivered"] as? Bool == true)
            #expect(try await tenant.events().count == 1, "events go on")
            let refresh = try await deployment.send(.post, "/v1/logins/\(id)/refresh", key: tenant.key)
            #expect(refresh?.status == .failedDependency)

            let mended = try await browser.decide(as: 1001, link: try await tenant.link(["login_id": id]))
            #expect(try await browser.get(mended).status == .ok)
            await until { reader.announcements.value.last?.event == "gateway.login.recovered" }
            let told = try await tenant.announced()
            #expect(
                told.map(\.type) == ["connected", "disconnected", "connected", "reconnect_required", "recovered"])
            #expect(told.allSatisfy { $0.payload["login_id"] as? String == id })
            #expect(reader.announcements.value.map(\.event) == told.map { "gateway.login." + $0.type })
            await reader.stop()
        }
    }

    @Test("P8 a genuine delivery under a type of the gateway's own is refused: Kick does not sign the type")
    func forgedType() async throws {
        var options = Deployment.Options()
        options.environment = ["GATEWAY_WEBHOOK_MAX_AGE": "36500d", "GATEWAY_EVENT_RETENTION": "36500d"]
        try await Deployment.run(options) { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            try await tenant.connect(1001)
            let directory = URL(fileURLWithPath: Checkout.root + "/Tests/KickTests/Fixtures/signed")
            let body = try Data(contentsOf: directory.appendingPathComponent("livestream.status.updated.body.json"))
            let headers = try JSONSerialization.jsonObject(
                with: Data(contentsOf: directory.appendingPathComponent("livestream.status.updated.headers.json")))
            for (type, status) in [("livestream.status.updated", 200), ("gateway.login.disconnected", 401)] {
                var fields: Fields = [.contentType: "application/json"]
                for (name, value) in headers as? [String: String] ?? [:] {
                    let isType = name.lowercased() == "kick-event-type"
                    fields.set(try #require(FieldName(name)), FieldValue(isType ? type : value))
                }
                let answer = try await deployment.send(.post, "/webhooks/kick", fields: fields, body: Array(body))
                #expect(answer.map { Int($0.status.code) } == status)
            }
            #expect(try await tenant.announced().map(\.type) == ["connected"])
        }
    }
}
