import HTTP
import Testing

@testable import Sandbox

@Suite("Sandbox: leaderboard, Drops, ads")
struct DropsAndAdsStateTests {
    var state = Samples.state()

    private static let unauthorized = #"{"data":null,"message":"Unauthorized"}"#
    private func query(_ text: String) -> QueryItems { QueryItems(parsing: text)! }

    // MARK: Leaderboard

    @Test("The largest first, by week, month and in all; the token's own channel")
    mutating func leaderboard() throws {
        let now = Samples.now
        for (user, amount, days) in [(500_001, 50, 1), (500_002, 80, 10), (500_001, 40, 50), (500_003, 50, 2)] {
            _ = state.give(amount, by: user, to: 1001, message: "", at: now + -days * 86400)
        }
        let bearer = try state.bearer(scope: "kicks:read")
        let data = try #require(state.leaderboardAnswer([:], for: bearer, at: now).body?["data"])
        func row(_ name: String) -> [[Int?]] {
            (data[name]?.arrayValue ?? []).map {
                [$0["rank"]?.integerValue, $0["user_id"]?.integerValue, $0["gifted_amount"]?.integerValue]
            }
        }
        #expect(row("lifetime") == [[1, 500_001, 90], [2, 500_002, 80], [3, 500_003, 50]])
        #expect(row("month") == [[1, 500_002, 80], [2, 500_001, 50], [3, 500_003, 50]])
        #expect(row("week") == [[1, 500_001, 50], [2, 500_003, 50]])
        #expect(data["lifetime"]?.arrayValue?.first?["username"] == "amber_fox")
        let one = state.leaderboardAnswer(query("top=1"), for: bearer, at: now).body?["data"]?["lifetime"]
        #expect(one?.arrayValue?.count == 1)
        for wrong in ["top=0", "top=101", "top=x"] {
            #expect(state.leaderboardAnswer(query(wrong), for: bearer, at: now).status == 400)
        }
        let (poor, app) = (try state.bearer(), try state.appBearer())
        #expect(state.leaderboardAnswer([:], for: poor, at: now).status == 403)
        #expect(state.leaderboardAnswer([:], for: app, at: now).status == 403)
    }

    // MARK: Drops

    private mutating func claim(_ count: Int = 1, _ changes: JSON = [:]) throws -> [String] {
        let order = try ClaimOrder(changes, standard: "client")
        return (1...count).compactMap { _ in state.claim(order, at: Samples.now)?.id }
    }

    private func listed(_ answer: APIAnswer) -> [String] {
        (answer.body?["data"]?["claims"]?.arrayValue ?? []).compactMap { $0["claim_id"]?.stringValue }
    }

    @Test("A claim, its filters, and pages whose cursor stands inside data")
    mutating func claims() throws {
        let ids = try claim(25)
        let special = try claim(1, ["user_id": 9, "campaign_id": "c", "reward_id": "r", "external_id": "e"])[0]
        let app = try state.appBearer()
        #expect(
            state.claimsAnswer(query("claim_id=\(special)"), for: app).body?.text
                == #"{"data":{"claims":[{"claim_id":"\#(special)","user_id":9,"campaign_id":"c","reward_id":"r","#
                + #""external_id":"e","external_status":"initiated","created_at":"2026-09-30T12:00:00Z","#
                + #""updated_at":"2026-09-30T12:00:00Z"}],"cursor":""},"message":"OK"}"#)
        for filter in ["user_id=9", "campaign_id=c"] {
            #expect(listed(state.claimsAnswer(query(filter), for: app)) == [special])
        }
        #expect(listed(state.claimsAnswer(query("external_status=done"), for: app)).isEmpty)
        var (cursor, seen) = ("", [String]())
        repeat {
            let answer = state.claimsAnswer(query("cursor=\(cursor)"), for: app)
            seen += listed(answer)
            cursor = try #require(answer.body?["data"]?["cursor"]?.stringValue)
        } while !cursor.isEmpty && seen.count < 100
        #expect(seen == ids + [special])
    }

    @Test("The status of up to a hundred claims is changed; others' are passed over")
    mutating func patchClaims() throws {
        let id = try claim()[0]
        let foreign = try claim(1, ["client_id": "other"])[0]
        let app = try state.appBearer()
        let item: JSON = ["claim_id": .string(id), "external_status": "done"]
        let other: JSON = ["claim_id": .string(foreign), "external_status": "done"]
        #expect(state.patchClaims(["claims": [item, other]], for: app, at: Samples.now + 5).status == 204)
        let claim = state.claimsAnswer([:], for: app).body?["data"]?["claims"]?.arrayValue?.first
        #expect(claim?["external_status"] == "done")
        #expect(claim?["updated_at"] == "2026-09-30T12:00:05Z")
        #expect(state.content.claims[foreign]?.externalStatus == "initiated")
        for wrong: JSON in [
            [:], ["claims": []], ["claims": .array(Array(repeating: item, count: 101))],
            ["claims": [["claim_id": "a"]]],
            ["claims": [["claim_id": .string(id), "external_status": "x", "user_id": 1]]],
        ] {
            let refused = state.patchClaims(wrong, for: app, at: Samples.now)
            #expect(refused.body?.text == #"{"data":null,"message":"Invalid request"}"#)
        }
        for wrong in ["limit=0", "limit=1001", "user_id=x"] {
            #expect(state.claimsAnswer(query(wrong), for: app).status == 400)
        }
    }

    @Test("Drops are for app tokens of an organization alone")
    mutating func dropsRights() throws {
        let user = try state.bearer()
        #expect(state.claimsAnswer([:], for: user).body?.text == Self.unauthorized)
        var app = Samples.app
        app.hasOrganization = false
        state.register(app)
        let bearer = try state.appBearer()
        let answers = [
            state.claimsAnswer([:], for: bearer), state.patchClaims(["claims": []], for: bearer, at: Samples.now),
        ]
        for answer in answers { #expect(answer.status == 401 && answer.body?.text == Self.unauthorized) }
    }

    // MARK: Ads

    private static let id = "828f83bb-e391-4c78-9e91-af35a172840e"
    private static let wish: JSON = ["id": .string(id), "break_duration_seconds": 30]

    private mutating func change(_ order: JSON, at now: SandboxTime = Samples.now) throws {
        guard case .object(let members) = order else { return }
        let order = JSON.object([.init(name: "broadcaster_user_id", value: 1001)] + members)
        #expect(state.apply(try ChannelOrder(order), at: now))
    }

    @Test("From a channel that never streamed to one whose breaks are used up")
    mutating func adsLife() throws {
        let bearer = try state.bearer(scope: "ads:read ads:write")
        var now = Samples.now
        func code(_ answer: APIAnswer) -> String { "\(answer.status) \(answer.body?["data"]?.stringValue ?? "")" }
        #expect(code(state.enrollInAds(for: bearer)) == "400 CHANNEL_NEVER_STREAMED")
        #expect(code(state.startAdBreak(Self.wish, for: bearer, at: now)) == "400 CHANNEL_IS_NOT_LIVE")
        try change(["is_live": true])
        #expect(code(state.enrollInAds(for: bearer)) == "400 CHANNEL_IS_LIVE")
        #expect(code(state.startAdBreak(Self.wish, for: bearer, at: now)) == "400 CHANNEL_NOT_OPTED_IN")
        try change(["is_live": false])
        #expect(state.enrollInAds(for: bearer).body?.text == #"{"data":{},"message":"OK"}"#)
        try change(["is_live": true, "ads_blocked": true])
        #expect(code(state.startAdBreak(Self.wish, for: bearer, at: now)) == "400 ADS_BLOCKED")
        try change(["ads_blocked": false, "auto_ads_active": true])
        #expect(code(state.startAdBreak(Self.wish, for: bearer, at: now)) == "400 AUTO_ADS_ACTIVE")
        try change(["auto_ads_active": false])
        for remaining in [2, 1, 0] {
            #expect(
                state.startAdBreak(Self.wish, for: bearer, at: now).body?.text
                    == #"{"data":{"id":"\#(Self.id)","remaining_ad_breaks":\#(remaining)},"message":"Accepted"}"#)
            #expect(code(state.startAdBreak(Self.wish, for: bearer, at: now + 29)) == "409 AD_BREAK_ACTIVE")
            now = now + 30
        }
        #expect(code(state.startAdBreak(Self.wish, for: bearer, at: now)) == "429 MAX_AD_BREAKS_REACHED")
        let status = try #require(state.adBreakStatusAnswer(for: bearer, at: now).body?["data"])
        #expect(status["ad_breaks"]?.arrayValue?.count == 3)
        #expect(
            status["ad_breaks"]?.arrayValue?.first?.text
                == #"{"id":"\#(Self.id)","status":"inserted","break_duration_seconds":30,"#
                + #""created_at":"2026-09-30T12:00:00Z","source":"public_api"}"#)
        #expect(status["limits"]?.text == #"{"max":3,"period_seconds":3600}"#)
        #expect(status["opted_in"] == true && status["remaining_ad_breaks"] == 0)
        // The first one no longer counts.
        var policy = APIPolicy()
        policy.adBreakStatus = 202
        let late = state.startAdBreak(Self.wish, for: bearer, policy: policy, at: Samples.now + 3600)
        #expect(late.status == 202)
    }

    @Test("Bounds and scopes of ads")
    mutating func adsBounds() throws {
        let bearer = try state.bearer(scope: "ads:write")
        for wrong: JSON in [
            [:], ["id": "x", "break_duration_seconds": 30], ["id": .string(Self.id), "break_duration_seconds": 6],
            ["id": .string(Self.id), "break_duration_seconds": 301], ["break_duration_seconds": 30],
            ["id": .string(Self.id), "break_duration_seconds": .null],
        ] {
            #expect(state.startAdBreak(wrong, for: bearer, at: Samples.now).status == 400)
        }
        #expect(state.adBreakStatusAnswer(for: bearer, at: Samples.now).status == 200)
        let reader = try state.bearer(scope: "ads:read")
        #expect(state.adBreakStatusAnswer(for: reader, at: Samples.now).status == 200)
        let (poor, app) = (try state.bearer(), try state.appBearer())
        #expect(state.adBreakStatusAnswer(for: poor, at: Samples.now).status == 403)
        for bearer in [poor, app, reader] {
            #expect(state.startAdBreak(Self.wish, for: bearer, at: Samples.now).status == 403)
            #expect(state.enrollInAds(for: bearer).status == 403)
        }
    }
}
