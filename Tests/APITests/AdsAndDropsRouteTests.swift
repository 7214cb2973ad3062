import Crypto
import Foundation
import HTTP
import HTTPServer
import Kick
import Model
import Telemetry
import TestKit
import Testing

@testable import API

@Suite("Routes of ads, Drops, the leaderboard and introspection", .timeLimit(.minutes(1)))
struct AdsAndDropsRouteTests {
    private static let path = "/v1/broadcasters/1001"

    @Test("ads: how the channel stands, a break, enrolling")
    func ads() async throws {
        let kick = MadeUpKick([
            .adBreakStatus: (
                200,
                """
                {"data":{"opted_in":true,"ads_blocked":false,"remaining_ad_breaks":2,"ad_breaks":[{"id":"b1",
                "status":"inserted","break_duration_seconds":30,"created_at":"2026-08-20T10:00:00Z",
                "source":"public_api"}],"limits":{"max":3,"period_seconds":3600}}}
                """
            ), .startAdBreak: (202, #"{"data":{"remaining_ad_breaks":1}}"#), .enrollInAds: (200, #"{"data":{}}"#),
        ])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let key = try await stage.makeKey([.adsRead, .adsWrite])
            let status = try await stage.call("GET", Self.path + "/ads", key: key)
            #expect(
                status.text == """
                    {"ad_breaks":[{"created_at":"2026-08-20T10:00:00Z","duration_seconds":30,"id":"b1",\
                    "source":"public_api","status":"inserted"}],"ads_blocked":false,"auto_ads_active":null,\
                    "limits":{"max":3,"period_seconds":3600},"opted_in":true,"remaining_ad_breaks":2}
                    """)
            let id = "0d6c7f0e-6e35-4b8e-9a70-6a6b1d0c7a11"
            let begun = try await stage.call(
                "POST", Self.path + "/ads/breaks", key: key, body: #"{"duration_seconds":30,"id":"\#(id)"}"#)
            #expect(begun.status == .created && begun.text == #"{"id":"\#(id)","remaining_ad_breaks":1}"#)
            let enrolled = try await stage.call("POST", Self.path + "/ads/enrollment", key: key)
            #expect(enrolled.status == .noContent)
        }
        let bodies = kick.requests.map { String(decoding: $0.bodyBytes, as: UTF8.self) }
        #expect(
            bodies == [
                "", #"{"break_duration_seconds":30,"id":"0d6c7f0e-6e35-4b8e-9a70-6a6b1d0c7a11"}"#, "",
            ])
    }

    @Test(
        "Kick's own code stands in the problem",
        arguments: [(400, "ADS_BLOCKED", 422), (429, "MAX_AD_BREAKS_REACHED", 409)])
    func codes(status: Int, code: String, answer: Int) async throws {
        let kick = MadeUpKick([.startAdBreak: (status, #"{"data":"\#(code)","message":"no"}"#)])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let response = try await stage.call(
                "POST", Self.path + "/ads/breaks", key: try await stage.makeKey(), body: #"{"duration_seconds":7}"#)
            #expect(Int(response.status.code) == answer)
            let words = try response.json()["kick"] as? [String: Any]
            #expect(words?["status"] as? Int == status && words?["message"] as? String == code)
        }
    }

    @Test("the leaderboard, with nulls for who is not known")
    func leaderboard() async throws {
        let kick = MadeUpKick([
            .kicksLeaderboard: (
                200,
                #"{"data":{"lifetime":[{"rank":1,"user_id":0,"username":"","gifted_amount":5}],"month":null}}"#
            )
        ])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let key = try await stage.makeKey([.kicksRead])
            let response = try await stage.call("GET", Self.path + "/kicks/leaderboard?top=100", key: key)
            #expect(
                response.text == """
                    {"lifetime":[{"gifted_amount":5,"rank":1,"user_id":null,"username":null}],"month":[],"week":[]}
                    """)
        }
        #expect(kick.requests.map { $0.query.encoded } == ["top=100"])
    }

    @Test("Drops: claims of the tenant's app, and new words for them")
    func drops() async throws {
        let kick = MadeUpKick([
            .dropsClaims: (
                200,
                """
                {"data":{"claims":[{"claim_id":"c1","user_id":9,"campaign_id":"k","reward_id":"r","external_id":"",
                "external_status":"initiated","created_at":"2026-05-01T10:00:00Z",
                "updated_at":"0001-01-01T00:00:00Z"}],"cursor":"c1"}}
                """
            ), .updateDropsClaims: (204, ""),
        ])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let key = try await stage.makeKey([.dropsRead, .dropsWrite])
            let list = try await stage.call(
                "GET", "/v1/drops/claims?campaign=k&user=9&external_status=initiated&limit=1000", key: key)
            #expect(
                list.text == """
                    {"data":[{"campaign_id":"k","claim_id":"c1","created_at":"2026-05-01T10:00:00Z",\
                    "external_id":null,"external_status":"initiated","reward_id":"r","updated_at":null,"user_id":9}],\
                    "next_cursor":"c1"}
                    """)
            #expect(list.fields[.cacheControl] == "no-store")
            let body = #"{"claims":[{"claim_id":"c1","external_status":"done"}]}"#
            let update = try await stage.call("PATCH", "/v1/drops/claims", key: key, body: body)
            #expect(update.status == .noContent)
        }
        #expect(
            kick.requests.first?.query.encoded == "campaign_id=k&user_id=9&external_status=initiated&limit=1000")
        #expect(kick.requests.allSatisfy { $0.bearer?.reveal() == "app-1" })
    }

    @Test("what Kick says of a token")
    func introspection() async throws {
        let kick = MadeUpKick([
            .introspect: (
                200,
                """
                {"data":{"active":true,"client_id":"client","token_type":"user","scope":"user:read channel:read",
                "exp":1771046347}}
                """
            )
        ])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let login = try await stage.makeLogin()
            let key = try await stage.makeKey([.loginsRead])
            let response = try await stage.call("GET", "/v1/logins/\(login.id.text)/introspection", key: key)
            #expect(
                response.text == """
                    {"active":true,"client_id":"client","expires_at":"2026-02-14T05:19:07Z",\
                    "scopes":["user:read","channel:read"],"token_type":"user"}
                    """)
            #expect(response.fields[.cacheControl] == "no-store")
            #expect(try await stage.call("GET", "/v1/logins/login_x/introspection", key: key).status == .notFound)
        }
    }

    @Test("the key that Kick signs with, asked for once")
    func publicKey() async throws {
        let pem = BuiltInKey.pem
        let kick = MadeUpKick([
            .publicKey: (200, #"{"data":{"public_key":"\#(pem.replacing("\n", with: "\\n"))"}}"#)
        ])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let key = try await stage.makeKey([.channelsRead])
            for _ in 1...2 {
                let response = try await stage.call("GET", "/v1/public-key", key: key)
                let found = try #require(try response.json()["public_key"] as? String)
                #expect(try PublicKey(pem: found).fingerprint == PublicKey(pem: pem).fingerprint)
            }
        }
        #expect(kick.requests.count == 1)
    }

    @Test(
        "what Kick would refuse is refused here, under the caller's name for it",
        arguments: [
            ("POST", "/v1/broadcasters/1001/ads/breaks", #"{"duration_seconds":6}"#, "duration_seconds: must be 7 to"),
            (
                "POST", "/v1/broadcasters/1001/ads/breaks", #"{"duration_seconds":301}"#,
                "duration_seconds: must be 7 to"
            ),
            ("POST", "/v1/broadcasters/1001/ads/breaks", #"{"duration_seconds":7,"id":"x"}"#, "id: must be a UUID"),
            ("POST", "/v1/broadcasters/1001/ads/enrollment", #"{"a":1}"#, "a: is not known"),
            ("GET", "/v1/broadcasters/1001/kicks/leaderboard?top=101", "", "top: must be a whole number from 1 to 100"),
            ("GET", "/v1/drops/claims?limit=0", "", "limit: must be a whole number from 1 to 1000"),
            ("GET", "/v1/drops/claims?claim=..", "", "claim: is not an id of Kick's"),
            ("GET", "/v1/drops/claims?claim_id=c", "", "claim_id: is no parameter"),
            ("PATCH", "/v1/drops/claims", #"{"claims":[]}"#, "claims: must be 1 to 100 entries, is 0"),
            (
                "PATCH", "/v1/drops/claims", #"{"claims":[{"claim_id":"c","external_status":" "}]}"#,
                "claims.0.external_status: must not be empty or blank"
            ),
            (
                "PATCH", "/v1/drops/claims", #"{"claims":[{"claim_id":"c","external_status":"s","user_id":9}]}"#,
                "claims.0.user_id: is not known"
            ),
            ("PATCH", "/v1/drops/claims", #"{"claims":[{"claim_id":"c"}]}"#, "claims.0.external_status: is missing"),
        ])
    func bounds(method: String, target: String, body: String, detail: String) async throws {
        let kick = MadeUpKick([:])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let response = try await stage.call(method, target, key: try await stage.makeKey(), body: body)
            #expect(response.status == .badRequest)
            let problem = try response.json()
            #expect((problem["detail"] as? String)?.hasPrefix(detail) == true, "\(response.text)")
        }
        #expect(kick.requests.isEmpty)
    }
}
