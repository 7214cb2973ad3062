import Crypto
import Foundation
import HTTP
import HTTPClient
import Net
import Sandbox
import Testing

@Suite("Sandbox over HTTP: OAuth", .timeLimit(.minutes(1)))
struct OAuthOverHTTPTests {
    private static func query(_ changes: [String: String?] = [:]) -> QueryItems {
        var items = QueryItems()
        for (name, value) in Samples.authorize where changes[name] == nil { items.append(name, value) }
        for (name, value) in changes { if let value { items.append(name, value) } }
        return items
    }

    @Test("The consent page shows users and scopes, and carries the parameters on")
    func consentPage() async throws {
        try await Bench.with { bench in
            let page = try await bench.send(.get, "/oauth/authorize", query: Self.query(["state": #"a"<b>&c"#]))
            #expect(page.status == .ok)
            #expect(page.fields[.contentType]?.hasPrefix("text/html") == true)
            for part in ["nova", "pixel", "events:subscribe", "value=\"a&quot;&lt;b&gt;&amp;c\"", "Allow", "Deny"] {
                #expect(page.text.contains(part), "\(part)")
            }
        }
    }

    @Test(
        "A wrong or missing parameter shows a 404 page", arguments: ["state", "scope", "code_challenge", "client_id"])
    func wrongParameter(name: String) async throws {
        try await Bench.with { bench in
            let page = try await bench.send(.get, "/oauth/authorize", query: Self.query([name: nil as String?]))
            #expect(page.status == .notFound)
            #expect(page.fields[.contentType]?.hasPrefix("text/html") == true)
        }
    }

    @Test("The first 127.0.0.1 becomes localhost, unless a parameter before takes the blow", arguments: [false, true])
    func loopbackRedirect(hasSacrifice: Bool) async throws {
        let uri = "http://127.0.0.1:9/cb"
        try await Bench.with {
            $0.app.redirectURIs = [uri]
        } _: { bench in
            var query = QueryItems()
            if hasSacrifice { query.append("redirect", "127.0.0.1") }
            for item in Self.query(["redirect_uri": uri]).items { query.append(item.name, item.value) }
            let page = try await bench.send(.get, "/oauth/authorize", query: query)
            #expect(page.status == (hasSacrifice ? .ok : .notFound))
            #expect(page.text.contains("value=\"\(uri)\"") == hasSacrifice)
        }
    }

    @Test("Allow and deny lead back to the app")
    func decisions() async throws {
        try await Bench.with { bench in
            let allowed = try await bench.allow()
            #expect(allowed.status == .found)
            #expect(allowed.fields[.location]?.hasPrefix("http://localhost:9/cb?code=") == true)
            #expect(allowed.fields[.location]?.hasSuffix("&state=xyz") == true)
            let denied = try await bench.allow(["decision": "deny"])
            #expect(denied.fields[.location] == "http://localhost:9/cb?error=access_denied&state=xyz")
            #expect(try await bench.allow(["user_id": "7"]).status == .notFound)
            #expect(try await bench.allow(["redirect_uri": "http://localhost:9/evil"]).status == .notFound)
        }
    }

    @Test("The whole life of a login")
    func life() async throws {
        try await Bench.with { bench in
            let code = try #require(
                QueryItems(
                    parsing: try await bench.allow().fields[.location]?.split(separator: "?").last.map(String.init)))
            let answer = try await bench.form("/oauth/token", Samples.exchange(code: code["code"]!))
            #expect(answer.status == .ok)
            #expect(answer.fields[.cacheControl] == "no-store")
            guard case .object(let members) = answer.json else {
                Issue.record("\(answer.text)")
                return
            }
            #expect(members.map(\.name) == ["access_token", "token_type", "refresh_token", "expires_in", "scope"])
            #expect(answer.json["token_type"] == "Bearer")
            #expect(answer.json["expires_in"] == 7200)
            let access = try #require(answer.json["access_token"]?.stringValue)
            let refresh = try #require(answer.json["refresh_token"]?.stringValue)

            let facts = try await bench.api(.post, "/oauth/token/introspect", token: access).json["data"]
            #expect(facts?["active"] == true)
            #expect(facts?["token_type"] == "user")
            #expect(facts?["scope"] == "user:read channel:read events:subscribe")

            let renewed = try await bench.form("/oauth/token", Samples.refresh(refresh))
            #expect(renewed.json["refresh_token"] != .string(refresh))
            let state = try await bench.state
            let grant = try #require(state["users"]?.arrayValue?.first?["grants"]?.arrayValue?.first)
            #expect(grant["refreshes"] == 1)
            #expect(grant["generation"] == 2)
            #expect(!state.text.contains(access) && !state.text.contains(refresh))

            let revoked = try await bench.send(
                .post, "/oauth/revoke", query: ["token": refresh, "token_hint_type": "refresh_token"])
            #expect(revoked.status == .ok)
            #expect(revoked.text == "OK")
            let after = try await bench.api(.post, "/oauth/token/introspect", token: access)
            #expect(after.text == #"{"data":{"active":false},"message":"OK"}"#)
            #expect(try await bench.api(.get, "/public/v1/users", token: access).status == .unauthorized)
        }
    }

    @Test("Errors of the token endpoint look as Kick's")
    func errors() async throws {
        try await Bench.with { bench in
            let missing = try await bench.form("/oauth/token", ["grant_type": "refresh_token"])
            #expect(missing.status == .badRequest)
            #expect(missing.text == #"{"error":"Invalid request"}"#)
            let wrong = try await bench.form("/oauth/token", Samples.refresh("nonsense"))
            #expect(wrong.status == .badRequest)
            #expect(wrong.json["error"] == "invalid_grant")
            #expect(wrong.json["error_description"]?.stringValue?.isEmpty == false)
            var stranger = Samples.clientCredentials
            stranger["client_secret"] = "wrong"
            #expect(try await bench.form("/oauth/token", stranger).status == .unauthorized)
            let json = try await bench.send(
                .post, "/oauth/token", fields: [.contentType: "application/json"], body: Array("{}".utf8))
            #expect(json.text == #"{"error":"Invalid request"}"#)
            #expect(try await bench.send(.post, "/oauth/revoke").status == .badRequest)
            #expect(try await bench.send(.post, "/oauth/token/introspect").status == .unauthorized)
            #expect(try await bench.send(.get, "/oauth/elsewhere").status == .notFound)
        }
    }

    @Test("Ordered faults: empty 400, slow answer, lost answer")
    func faults() async throws {
        try await Bench.with { bench in
            let token = try await bench.login().refresh
            try await bench.control("/sandbox/faults", ["target": "token", "status": 400, "retry_after": 7])
            let empty = try await bench.form("/oauth/token", Samples.refresh(token))
            #expect(empty.status == .badRequest)
            #expect(empty.body.isEmpty)
            #expect(empty.fields[.retryAfter] == "7")

            // The work is done, the answer is lost: the token was rotated, and nobody knows the new one.
            try await bench.control("/sandbox/faults", ["target": "token", "close": true, "when": "after"])
            await #expect(throws: ClientError.self) {
                _ = try await bench.form("/oauth/token", Samples.refresh(token))
            }
            let grant = try await bench.state["users"]?.arrayValue?.first?["grants"]?.arrayValue?.first
            #expect(grant?["generation"] == 2)

            try await bench.control("/sandbox/faults", ["target": "token", "delay_ms": 1])
            #expect(try await bench.form("/oauth/token", Samples.refresh(token)).status == .ok)
            #expect(try await bench.state["pending_faults"] == 0)
        }
    }

    @Test("After a restart every token, key and subscription is known")
    func restart() async throws {
        let path = Samples.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await Bench.with {
            $0.statePath = path
            $0.signingKeyPEM = nil
            $0.tokens.refreshMode = .singleUse
        } _: { bench in
            try await bench.subscribe()
            let first = try await bench.login()
            let answer = try await bench.form("/oauth/token", Samples.refresh(first.refresh))
            let refresh = try #require(answer.json["refresh_token"]?.stringValue)
            let access = try #require(answer.json["access_token"]?.stringValue)
            let key = try await bench.publicKey().fingerprint
            try await bench.control("/sandbox/users", ["id": 7, "username": "comet"])

            // A second sandbox on the same file, as after a kill: nothing is written at the stop.
            try await Bench.with {
                $0.statePath = path
                $0.tokens.refreshMode = .singleUse
            } _: { again in
                #expect(try await again.publicKey().fingerprint == key)
                #expect(try await again.api(.get, "/public/v1/users", token: access).status == .ok)
                #expect(try await again.form("/oauth/token", Samples.refresh(first.refresh)).status == .badRequest)
                #expect(try await again.form("/oauth/token", Samples.refresh(refresh)).status == .ok)
                let state = try await again.state
                #expect(state["subscriptions"]?.arrayValue?.count == 10)
                #expect(state["users"]?.arrayValue?.count == 3)
            }
        }
    }
}
