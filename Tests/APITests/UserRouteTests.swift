import HTTP
import HTTPServer
import Kick
import Model
import TestKit
import Testing

@testable import API

@Suite("Routes of users", .timeLimit(.minutes(1)))
struct UserRouteTests {
    private static let nova = """
        {"user_id":1001,"name":"nova","email":"","profile_picture":"https://k.test/n.webp"}
        """
    private static let view = """
        {"email":null,"profile_picture":"https://k.test/n.webp","user_id":1001,"username":"nova"}
        """

    @Test("a user as everybody sees it, and the account behind a login with its e-mail address")
    func shapes() async throws {
        let kick = MadeUpKick([.users: (200, #"{"data":[\#(Self.nova)],"message":"OK"}"#)]) { request in
            request.query.items.isEmpty
                ? (200, #"{"data":[{"user_id":1001,"name":"nova","email":"n@k.test","profile_picture":""}]}"#) : nil
        }
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let key = try await stage.makeKey([.channelsRead])
            #expect(try await stage.call("GET", "/v1/users/1001", key: key).text == Self.view)
            let batch = try await stage.call("GET", "/v1/users?ids=1001,9&ids=1001", key: key)
            #expect(batch.text == #"{"data":[\#(Self.view)],"failed":[],"missing":["9"]}"#)
            let own = try await stage.call("GET", "/v1/broadcasters/1001/user", key: key)
            #expect(
                own.text == #"{"email":"n@k.test","profile_picture":null,"user_id":1001,"username":"nova"}"#)
        }
        #expect(
            kick.calls == [
                "GET /public/v1/users?id=1001", "GET /public/v1/users?id=1001&id=9", "GET /public/v1/users",
            ])
    }

    @Test("the account behind another tenant's login is not there (P14)")
    func otherTenants() async throws {
        let kick = MadeUpKick([.users: (200, #"{"data":[\#(Self.nova)]}"#)])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            _ = try await stage.call("GET", "/v1/broadcasters/1001/user", key: try await stage.makeKey())
            let before = kick.requests.count
            let other = try await stage.makeKey(of: try await stage.fixture.makeTenant("other"))
            for path in ["user", "channel", "stream-key"] {
                let answer = try await stage.call("GET", "/v1/broadcasters/1001/" + path, key: other)
                #expect(answer.status == .notFound)
            }
            #expect(kick.requests.count == before)
        }
    }

    @Test(
        "who is not known is 404; what is no id cannot be known", arguments: ["9", "0", "-1", "%2B1", "+1", "a", "1.0"])
    func unknown(id: String) async throws {
        let kick = MadeUpKick([.users: (200, #"{"data":[]}"#)])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let answer = try await stage.call("GET", "/v1/users/" + id, key: try await stage.makeKey())
            #expect(answer.status == .notFound)
            #expect(try answer.json()["code"] as? String == "not_found")
        }
        #expect(kick.requests.count == (id == "9" ? 1 : 0))
    }

    @Test(
        "what cannot be is refused with its name and Kick is not asked",
        arguments: [
            ("", "ids: is missing"), ("?ids=", "ids: must be ids"), ("?ids=1,x", "ids: must be ids"),
            ("?id=1", "id: is no parameter: there are ids"), ("?ids=1&Ids=2", "Ids: is no parameter"),
            ("?ids=" + (1...101).map(String.init).joined(separator: ","), "ids: must be 1 to 100 entries, is 101"),
            ("/1?ids=1", "ids: is no parameter: there are none"),
        ])
    func bounds(target: String, detail: String) async throws {
        let kick = MadeUpKick()
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let answer = try await stage.call("GET", "/v1/users" + target, key: try await stage.makeKey())
            let problem = try answer.json()
            #expect(answer.status == .badRequest && problem["code"] as? String == "invalid")
            #expect((problem["detail"] as? String)?.hasPrefix(detail) == true, "\(answer.text)")
        }
        #expect(kick.requests.isEmpty)
    }

    @Test(
        "what Kick refuses or fails on has a code of its own, and Kick's words",
        arguments: [
            (401, #"{"message":"Unauthorized"}"#, 502, "kick_failed"),
            (403, #"{"message":"Forbidden"}"#, 403, "kick_forbidden"),
            (403, "<html>", 502, "kick_failed"), (404, #"{"message":"no"}"#, 404, "not_found"),
            (409, #"{"message":"no"}"#, 502, "kick_failed"), (422, #"{"message":"no"}"#, 422, "kick_rejected"),
            (418, "", 502, "kick_failed"),
        ])
    func troubles(status: Int, body: String, answer: Int, code: String) async throws {
        let kick = MadeUpKick([.users: (status, body)])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let response = try await stage.call("GET", "/v1/users/1001", key: try await stage.makeKey())
            let problem = try response.json()
            #expect(Int(response.status.code) == answer && problem["code"] as? String == code)
            let words = problem["kick"] as? [String: Any]
            #expect(words?["status"] as? Int == status)
        }
    }
}
