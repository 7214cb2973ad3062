import HTTP
import HTTPServer
import Model
import TestKit
import Testing

@testable import API

/// How an API key is told, and how long it opens doors.
@Suite("API keys", .timeLimit(.minutes(1)))
struct AuthenticationTests {
    @Test("a key is told as a Bearer token, once")
    func bearer() async throws {
        try await HandlerStage.run { stage in
            let key = try await stage.makeKey([.loginsRead])
            for good in ["Bearer \(key)", "bearer \(key)", "BEARER \(key)"] {
                #expect(try await stage.call("GET", "/v1/logins", fields: ["Authorization: \(good)"]).status == .ok)
            }
            let wrong = [
                "", key, "Bearer", "Bearer\(key)", "Bearer\t\(key)", "Basic \(key)", "Bearer  \(key)",
                "Bearer \(key) \(key)", "Bearer \(key.dropLast())", "Bearer \(String(repeating: "a", count: 513))",
            ]
            for value in wrong {
                let response = try await stage.call("GET", "/v1/logins", fields: ["Authorization: \(value)"])
                #expect(response.status == .unauthorized, "\(value.prefix(20))")
            }
            let twice = ["Authorization: Bearer \(key)", "Authorization: Bearer \(key)"]
            #expect(try await stage.call("GET", "/v1/logins", fields: twice).status == .unauthorized)
        }
    }

    @Test("P15 a key that is remembered opens nothing once it is revoked")
    func revoked() async throws {
        try await HandlerStage.run { stage in
            let (id, secret) = try await makeKey(on: stage)
            #expect(try await stage.call("GET", "/v1/logins", key: secret).status == .ok)
            _ = try await stage.call("DELETE", "/admin/v1/keys/\(id)", key: HandlerStage.adminKey)
            #expect(try await stage.call("GET", "/v1/logins", key: secret).status == .unauthorized)
        }
    }

    /// It is remembered for longer than it has to live.
    @Test("P15 a key that is remembered opens nothing once its time is over")
    func expired() async throws {
        try await HandlerStage.run { stage in
            let end = Timestamp.now() + .milliseconds(500)
            let (_, secret) = try await makeKey(on: stage, #","expires_at":"\#(end)""#)
            while true {
                let isOver = Timestamp.now() >= end
                let status = try await stage.call("GET", "/v1/logins", key: secret).status
                if isOver {
                    #expect(status == .unauthorized)
                    return
                }
            }
        }
    }

    private func makeKey(on stage: HandlerStage, _ members: String = "") async throws -> (id: String, secret: String) {
        let made = try await stage.call(
            "POST", "/admin/v1/tenants/\(stage.tenant.id)/keys", key: HandlerStage.adminKey,
            fields: ["Content-Type: application/json"],
            body: #"{"name":"a","scopes":["logins:read"]\#(members)}"#
        ).json()
        return (try #require(made["id"] as? String), try #require(made["secret"] as? String))
    }
}
