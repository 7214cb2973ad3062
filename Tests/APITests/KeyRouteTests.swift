import HTTP
import HTTPServer
import Model
import TestKit
import Testing

@testable import API

/// What every route of an API key does, whatever it is for.
@Suite("Routes of API keys", .timeLimit(.minutes(1)))
struct KeyRouteTests {
    // MARK: Rates

    @Test("every answer says how many requests the key has left; beyond them it is 429, for this key alone")
    func rates() async throws {
        try await HandlerStage.run(keyRate: 3) { stage in
            let key = try await stage.makeKey([.loginsRead])
            let good = try await stage.call("GET", "/v1/logins", key: key)
            #expect(good.status == .ok)
            #expect(good.fields[.rateLimitPolicy] == #""default";q=3;w=10"#)
            #expect(good.fields[.rateLimit] == #""default";r=2;t=10"#)
            let problem = try await stage.call("GET", "/v1/logins/nonsense", key: key)
            #expect(problem.status == .notFound && problem.fields[.rateLimit] == #""default";r=1;t=10"#)
            let forbidden = try await stage.call("POST", "/v1/connect-links", key: key, body: "{}")
            #expect(forbidden.status == .forbidden && forbidden.fields[.rateLimit] == #""default";r=0;t=10"#)

            let refused = try await stage.call("GET", "/v1/logins", key: key)
            #expect(refused.status == .tooManyRequests)
            #expect(try refused.json()["code"] as? String == "rate_limited")
            #expect(refused.fields[.retryAfter] == "10")
            #expect(refused.fields[.rateLimit] == #""default";r=0;t=10"#)
            #expect(refused.fields.values(of: .rateLimitPolicy).count == 1)

            let other = try await stage.call("GET", "/v1/logins", key: try await stage.makeKey())
            #expect(other.status == .ok && other.fields[.rateLimit] == #""default";r=2;t=10"#)
        }
    }

    @Test("who is not known, and who needs no key, is told nothing of rates; neither is anybody when they are off")
    func ratesOfNobody() async throws {
        try await HandlerStage.run(keyRate: 3) { stage in
            for (target, key) in [("/v1/logins", "kgw_wrong"), ("/v1/logins", nil), ("/health/live", nil)] {
                let response = try await stage.call("GET", target, key: key)
                #expect(!response.fields.contains(.rateLimit) && !response.fields.contains(.rateLimitPolicy))
            }
        }
        try await HandlerStage.run { stage in
            let response = try await stage.call("GET", "/v1/logins", key: try await stage.makeKey())
            #expect(response.status == .ok && !response.fields.contains(.rateLimit))
        }
    }

    @Test("a stream is one request")
    func streams() async throws {
        try await HandlerStage.run(keyRate: 2) { stage in
            let response = try await stage.call("GET", "/v1/events/stream", key: try await stage.makeKey())
            guard case .eventStream = response.body else {
                Issue.record("no stream: \(response.status)")
                return
            }
            #expect(response.fields[.rateLimit] == #""default";r=1;t=10"#)
        }
    }

    // MARK: Idempotency-Key

    @Test("a write that is sent again makes nothing new, and is counted like any other request")
    func idempotency() async throws {
        try await HandlerStage.run(keyRate: 10) { stage in
            let key = try await stage.makeKey()
            func create(_ name: String, body: String = "{}", key: String) async throws -> Response {
                try await stage.call(
                    "POST", "/v1/connect-links", key: key, fields: ["Idempotency-Key: \(name)"], body: body)
            }
            let first = try await create("a", key: key)
            let again = try await create("\"a\"", key: key)
            #expect(first.status == .created && again.status == .created)
            #expect(again.text == first.text && again.fields[IdempotentRoute.replayed] == "true")
            #expect(first.fields[.rateLimit] == #""default";r=9;t=10"#)
            #expect(again.fields.values(of: .rateLimit) == [#""default";r=8;t=10"#])
            #expect(again.fields[.cacheControl] == "no-store")
            // Another key of the same tenant, the same request.
            #expect(try await create("a", key: try await stage.makeKey()).text == first.text)
            #expect(try await create("a", key: try await stage.makeKey([.loginsRead])).status == .forbidden)
            #expect(try await create("b", key: key).text != first.text)

            let reused = try await create("a", body: #"{"expires_in_seconds":60}"#, key: key)
            #expect(reused.status == .unprocessableContent)
            #expect(try reused.json()["code"] as? String == "idempotency_key_reused")
            let bad = try await create("a b", key: key)
            #expect(bad.status == .badRequest && bad.text.contains("Idempotency-Key"))
            #expect(bad.fields[.rateLimit] != nil)

            let dump = try await stage.fixture.testDatabase.psql(
                "SELECT status, encode(answer_sealed, 'escape') FROM idempotency_records")
            let url = try #require(first.json()["url"] as? String)
            let token = try #require(url.split(separator: "=").last)
            #expect(dump.contains("201") && !dump.contains(token) && !dump.contains(url))
        }
    }

    @Test("P14 another tenant's request under the same key shows nothing of the first one's")
    func tenants() async throws {
        try await HandlerStage.run { stage in
            let other = try await stage.fixture.makeTenant("other")
            var texts: Set<String> = []
            for key in [try await stage.makeKey(), try await stage.makeKey(of: other)] {
                let response = try await stage.call(
                    "POST", "/v1/connect-links", key: key, fields: ["Idempotency-Key: a"], body: "{}")
                #expect(response.status == .created && !response.fields.contains(IdempotentRoute.replayed))
                texts.insert(response.text)
            }
            #expect(texts.count == 2)
        }
    }
}
