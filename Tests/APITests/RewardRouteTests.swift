import Foundation
import HTTP
import HTTPServer
import Kick
import Model
import Net
import Postgres
import TestKit
import Testing

@testable import API

@Suite("Routes of rewards and redemptions", .timeLimit(.minutes(1)))
struct RewardRouteTests {
    private static let path = "/v1/broadcasters/1001"
    private static let reward = """
        {"id":"r1","title":"Water","description":"","cost":100,"background_color":"#00e701","is_enabled":true,
        "is_paused":false,"is_user_input_required":true,"should_redemptions_skip_request_queue":true}
        """
    private static let view = """
        {"background_color":"#00e701","cost":100,"description":null,"id":"r1","is_enabled":true,"is_paused":false,\
        "is_user_input_required":true,"skips_request_queue":true,"title":"Water"}
        """

    @Test("rewards: listed, made, changed, ended")
    func rewards() async throws {
        let kick = MadeUpKick([
            .rewards: (200, #"{"data":[\#(Self.reward)]}"#), .createReward: (200, #"{"data":\#(Self.reward)}"#),
            .updateReward: (200, #"{"data":\#(Self.reward)}"#), .deleteReward: (204, ""),
        ])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let key = try await stage.makeKey([.rewardsRead, .rewardsWrite])
            let list = try await stage.call("GET", Self.path + "/rewards", key: key)
            #expect(list.status == .ok && list.text == #"{"data":[\#(Self.view)]}"#)
            #expect(list.fields.contains(.eTag) && list.fields[.cacheControl] == "private, no-cache")
            let made = try await stage.call(
                "POST", Self.path + "/rewards", key: key,
                body: ##"{"title":"Water","cost":100,"background_color":"#00E701","skips_request_queue":true}"##)
            #expect(made.status == .created && made.text == Self.view)
            let changed = try await stage.call(
                "PATCH", Self.path + "/rewards/r1", key: key, body: #"{"is_paused":true,"description":""}"#)
            #expect(changed.status == .ok && changed.text == Self.view)
            let ended = try await stage.call("DELETE", Self.path + "/rewards/r1", key: key)
            #expect(ended.status == .noContent && ended.text.isEmpty)
        }
        #expect(kick.requests.map { $0.method.rawValue } == ["GET", "POST", "PATCH", "DELETE"])
        #expect(kick.requests.dropFirst(2).allSatisfy { $0.path == "/public/v1/channels/rewards/r1" })
        let bodies = kick.requests.map { String(decoding: $0.bodyBytes, as: UTF8.self) }
        #expect(
            bodies == [
                "",
                ##"{"background_color":"#00E701","cost":100,"should_redemptions_skip_request_queue":true,"##
                    + #""title":"Water"}"#,
                #"{"description":"","is_paused":true}"#, "",
            ])
    }

    @Test(
        "what Kick would refuse is refused here, under the caller's name for it",
        arguments: [
            ("POST", "/rewards", #"{"title":"x"}"#, "cost: is missing"),
            ("POST", "/rewards", #"{"title":"x","cost":0}"#, "cost: must be at least 1, is 0"),
            ("POST", "/rewards", #"{"title":" ","cost":1}"#, "title: must not be empty or blank"),
            ("POST", "/rewards", #"{"title":"x","cost":1,"is_paused":true}"#, "is_paused: is not known"),
            ("POST", "/rewards", #"{"title":"x","cost":1,"background_color":"green"}"#, "background_color: must be"),
            ("PATCH", "/rewards/r1", "{}", "body: must have at least one member"),
            ("PATCH", "/rewards/r1", #"{"should_redemptions_skip_request_queue":true}"#, "should_"),
            ("PATCH", "/rewards/..%2Fx", #"{"cost":1}"#, "reward: is not an id of Kick's"),
            ("DELETE", "/rewards/r1?a=b", "", "a: is no parameter"),
            ("POST", "/rewards?a=b", #"{"title":"x","cost":1}"#, "a: is no parameter"),
            ("PATCH", "/rewards/r1?a=b", #"{"cost":1}"#, "a: is no parameter"),
            ("PATCH", "/rewards/r1", #"{"cost":1.5}"#, "cost: must be a whole number"),
            ("POST", "/redemptions/accept?ids=a", #"{"ids":["a"]}"#, "ids: is no parameter"),
            ("POST", "/redemptions/reject?ids=a", #"{"ids":["a"]}"#, "ids: is no parameter"),
            ("GET", "/redemptions?status=done", "", "status: must be pending, accepted or rejected"),
            ("GET", "/redemptions?ids=a,b&reward=r1", "", "ids: must not stand beside"),
            ("GET", "/redemptions?ids=a,,b", "", "ids: must be 1 to 64 characters, is 0"),
            ("GET", "/redemptions?id=a", "", "id: is no parameter"),
            ("POST", "/redemptions/accept", #"{"ids":[]}"#, "ids: must be 1 to 25 entries, is 0"),
            ("POST", "/redemptions/accept", #"{"ids":["a","a"]}"#, "ids: must name each entry once"),
            ("POST", "/redemptions/reject", #"{"ids":"a"}"#, "ids: must be a list"),
        ])
    func bounds(method: String, path: String, body: String, detail: String) async throws {
        let kick = MadeUpKick([:])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let key = try await stage.makeKey()
            let response = try await stage.call(method, Self.path + path, key: key, body: body)
            #expect(response.status == .badRequest)
            let problem = try response.json()
            #expect(problem["code"] as? String == "invalid")
            #expect((problem["detail"] as? String)?.hasPrefix(detail) == true, "\(response.text)")
        }
        #expect(kick.requests.isEmpty)
    }

    @Test("redemptions, and what became of those that were accepted or rejected")
    func redemptions() async throws {
        let failures = #"{"data":[{"id":"b","reason":"NOT_PENDING"}],"message":"OK"}"#
        let kick = MadeUpKick([
            .redemptions: (
                200,
                """
                {"data":[{"reward":{"id":"r1","title":"Water","can_manage":true},"redemptions":[{"id":"a",
                "status":"pending","redeemed_at":"2025-12-19T06:26:36Z","user_input":"","redeemer":{"user_id":9}}]}],
                "pagination":{"next_cursor":"bmV4dA=="}}
                """
            ), .acceptRedemptions: (200, failures), .rejectRedemptions: (200, failures),
        ])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let key = try await stage.makeKey()
            let list = try await stage.call("GET", Self.path + "/redemptions?reward=r1&cursor=Y3Vy", key: key)
            #expect(
                list.text == """
                    {"data":[{"id":"a","redeemed_at":"2025-12-19T06:26:36Z","reward":{"can_manage":true,"cost":null,\
                    "description":null,"id":"r1","is_deleted":false,"title":"Water"},"status":"pending","user_id":9,\
                    "user_input":null}],"next_cursor":"bmV4dA=="}
                    """)
            for (verb, outcome) in [("accept", "accepted"), ("reject", "rejected")] {
                let decided = try await stage.call(
                    "POST", Self.path + "/redemptions/\(verb)", key: key, body: #"{"ids":["b","a"]}"#)
                #expect(decided.status == .ok)
                #expect(
                    decided.text == """
                        {"data":[{"id":"b","outcome":"failed","reason":"NOT_PENDING"},\
                        {"id":"a","outcome":"\(outcome)","reason":null}]}
                        """)
            }
        }
        #expect(kick.requests.first?.query.encoded == "reward_id=r1&cursor=Y3Vy")
    }

    @Test("a key without the scope, a broadcaster without a login and a login without the scope get nowhere")
    func refusals() async throws {
        let kick = MadeUpKick([:])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let login = try await stage.makeLogin(scopes: [.userRead])
            let reader = try await stage.makeKey([.rewardsRead])
            let write = try await stage.call("DELETE", Self.path + "/rewards/r1", key: reader)
            #expect(write.status == .forbidden)
            #expect(try write.json()["code"] as? String == "forbidden")
            let nobody = try await stage.call("GET", "/v1/broadcasters/9/rewards", key: reader)
            #expect(nobody.status == .notFound)
            #expect(try nobody.json()["code"] as? String == "not_found")
            let lacking = try await stage.call(
                "POST", Self.path + "/redemptions/accept", key: try await stage.makeKey(), body: #"{"ids":["a"]}"#)
            let problem = try lacking.json()
            #expect(lacking.status == .forbidden && problem["code"] as? String == "missing_scope")
            #expect(problem["missing_scopes"] as? [String] == ["channel:rewards:write"])
            #expect(problem["login_id"] as? String == login.id.text)
            #expect((problem["connect_url"] as? String)?.hasPrefix("http://gateway.test/auth/kick?link=") == true)
        }
        #expect(kick.requests.isEmpty)
    }
}
