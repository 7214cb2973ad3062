import Foundation
import HTTP
import Kick
import Model
import Net
import Telemetry
import Testing

@Suite("Leaderboard, ads, Drops and introspection", .timeLimit(.minutes(1)))
struct AdsAndDropsTests {
    private static let token = Secret("acc-SECRET-1")

    @Test("The leaderboard")
    func leaderboard() async throws {
        let stub = KickStub(
            200,
            """
            {"data":{"lifetime":[{"rank":1,"user_id":123,"username":"john","gifted_amount":100},
            {"rank":2,"user_id":0,"username":"","gifted_amount":5}],"month":null},"message":"OK"}
            """)
        let api = KickAPI(exchange: stub.exchange)
        let board = try await api.kicksLeaderboard(LeaderboardSelection(top: 100), token: Self.token, deadline: .never)
        #expect(board.lifetime.map(\.rank) == [1, 2])
        #expect(board.lifetime.map(\.userID) == [123, nil])
        #expect(board.lifetime.map(\.username) == ["john", nil])
        #expect(board.lifetime.map(\.giftedAmount) == [100, 5])
        #expect(board.month.isEmpty && board.week.isEmpty)
        _ = try await api.kicksLeaderboard(LeaderboardSelection(), token: Self.token, deadline: .never)
        #expect(
            stub.requests.map(KickAPITests.target) == [
                "GET https://api.kick.com/public/v1/kicks/leaderboard?top=100",
                "GET https://api.kick.com/public/v1/kicks/leaderboard",
            ])
        _ = try LeaderboardSelection(top: 1)
        #expect(refusal { _ = try LeaderboardSelection(top: 0) } == "top must be 1 to 100, is 0")
        #expect(refusal { _ = try LeaderboardSelection(top: 101) } == "top must be 1 to 100, is 101")
    }

    // MARK: Ads

    @Test("An ad break begins, with our id or the caller's", arguments: [200, 202])
    func startAdBreak(status: Int) async throws {
        let id = "0d6c7f0e-6e35-4b8e-9a70-6a6b1d0c7a11"
        let stub = KickStub(status, #"{"data":{"id":"\#(id)","remaining_ad_breaks":2},"message":"Accepted"}"#)
        let receipt = try await KickAPI(exchange: stub.exchange).startAdBreak(
            AdBreak(durationSeconds: 30, id: id), token: Self.token, deadline: .never)
        #expect(receipt.id == id)
        #expect(receipt.remainingAdBreaks == 2)
        #expect(stub.requests.map(KickAPITests.target) == ["POST https://api.kick.com/public/v1/ads/ad-break"])
        #expect(stub.requests[0].json == #"{"break_duration_seconds":30,"id":"\#(id)"}"#)
    }

    @Test("It has begun, whatever the success looks like", arguments: ["", #"{"data":{}}"#, #"{"data":null}"#])
    func bareSuccess(body: String) async throws {
        let adBreak = try AdBreak(durationSeconds: 7)
        #expect(UUID(uuidString: adBreak.id) != nil)
        #expect(try AdBreak(durationSeconds: 7).id != adBreak.id)
        let receipt = try await KickAPI(exchange: KickStub(202, body).exchange).startAdBreak(
            adBreak, token: Self.token, deadline: .never)
        #expect(receipt == AdBreakReceipt(id: adBreak.id, remainingAdBreaks: nil))
    }

    @Test(
        "Kick's codes stay what they are",
        arguments: [
            (400, "CHANNEL_IS_NOT_LIVE", .badRequest), (400, "AUTO_ADS_ACTIVE", .badRequest),
            (409, "AD_BREAK_ACTIVE", .conflict), (429, "MAX_AD_BREAKS_REACHED", .conflict),
            (429, "slow down", .rateLimited), (404, "CHANNEL_NOT_FOUND", .notFound),
        ] as [(Int, String, KickError.Kind)])
    func codes(status: Int, code: String, kind: KickError.Kind) async throws {
        let stub = KickStub(status, #"{"data":"\#(code)","message":"Bad request"}"#)
        let error = try await #require(throws: KickError.self) {
            try await KickAPI(exchange: stub.exchange).startAdBreak(
                AdBreak(durationSeconds: 300), token: Self.token, deadline: .never)
        }
        #expect(error.kind == kind)
        #expect(error.status == status)
        #expect(error.message == code)
        #expect(error.isTransient == (kind == .rateLimited))
    }

    @Test("Ad breaks: bounds, at their edges")
    func adBounds() throws {
        for seconds in [7, 300] { _ = try AdBreak(durationSeconds: seconds) }
        for seconds in [6, 301] {
            #expect(
                refusal { _ = try AdBreak(durationSeconds: seconds) }
                    == "duration_seconds must be 7 to 300, is \(seconds)")
        }
        #expect(refusal { _ = try AdBreak(durationSeconds: 7, id: "x") } == "id must be a UUID")
    }

    @Test("How a channel stands with ads, and opting in")
    func adStatus() async throws {
        let stub = KickStub(
            200,
            """
            {"data":{"opted_in":true,"ads_blocked":false,"remaining_ad_breaks":2,"ad_breaks":[{"id":"b1",
            "status":"inserted","break_duration_seconds":30,"created_at":"2026-08-20T10:00:00Z",
            "source":"public_api"},{"id":"b2","created_at":"0001-01-01T00:00:00Z"}],
            "limits":{"max":3,"period_seconds":3600}},"message":"OK"}
            """)
        let api = KickAPI(exchange: stub.exchange)
        let status = try await api.adStatus(token: Self.token, deadline: .never)
        #expect(status.isOptedIn && !status.areAdsBlocked)
        #expect(status.areAutoAdsActive == nil)
        #expect(status.remainingAdBreaks == 2)
        #expect(status.adBreaks.map(\.id) == ["b1", "b2"])
        #expect(status.adBreaks[0].durationSeconds == 30)
        #expect(status.adBreaks[1].createdAt == nil)
        #expect(status.limits?.max == 3)
        #expect(status.limits?.periodSeconds == 3600)
        try await api.enrollInAds(token: Self.token, deadline: .never)
        #expect(
            stub.requests.map(KickAPITests.target) == [
                "GET https://api.kick.com/public/v1/ads/ad-break-status",
                "POST https://api.kick.com/public/v1/ads/enroll",
            ])
        #expect(stub.requests[1].bodyBytes.isEmpty)
        let bare = #"{"data":{"opted_in":false,"auto_ads_active":true,"ad_breaks":null,"limits":{}}}"#
        let other = try await KickAPI(exchange: KickStub(200, bare).exchange).adStatus(
            token: Self.token, deadline: .never)
        #expect(other.areAutoAdsActive == true && other.limits == nil && other.adBreaks.isEmpty)
    }

    // MARK: Drops

    @Test("Claims are listed, with a cursor of their own")
    func claims() async throws {
        let stub = KickStub(
            200,
            """
            {"data":{"claims":[{"claim_id":"c1","user_id":9,"campaign_id":"k","reward_id":"r","external_id":"",
            "external_status":"initiated","created_at":"2026-05-01T10:00:00Z","updated_at":"0001-01-01T00:00:00Z"}],
            "cursor":"c1"},"message":"OK"}
            """)
        let api = KickAPI(exchange: stub.exchange)
        let page = try await api.dropsClaims(
            DropsClaimSelection(
                campaignID: "k", userID: 9, claimID: "c1", externalStatus: "my word", limit: 1000, cursor: "c0"),
            token: Self.token, deadline: .never)
        #expect(page.nextCursor == "c1")
        #expect(page.elements.map(\.claimID) == ["c1"])
        #expect(page.elements[0].externalID == nil)
        #expect(page.elements[0].externalStatus == "initiated")
        #expect(page.elements[0].updatedAt == nil)
        #expect(
            stub.requests.map(KickAPITests.target) == [
                "GET https://api.kick.com/public/v1/drops/claims?campaign_id=k&user_id=9&claim_id=c1"
                    + "&external_status=my%20word&limit=1000&cursor=c0"
            ])
        for body in [#"{"data":{"claims":[],"cursor":""}}"#, #"{"data":{}}"#, #"{"data":null}"#] {
            let empty = try await KickAPI(exchange: KickStub(200, body).exchange).dropsClaims(
                DropsClaimSelection(), token: Self.token, deadline: .never)
            #expect(empty == KickPage(elements: [], nextCursor: nil))
        }
    }

    @Test("Claims are given new words")
    func updateClaims() async throws {
        let stub = KickStub(204, "")
        try await KickAPI(exchange: stub.exchange).updateDropsClaims(
            DropsClaimsUpdate([.init(claimID: "c1", externalStatus: "done")]), token: Self.token, deadline: .never)
        #expect(stub.requests.map(KickAPITests.target) == ["PATCH https://api.kick.com/public/v1/drops/claims"])
        #expect(stub.requests[0].json == #"{"claims":[{"claim_id":"c1","external_status":"done"}]}"#)
    }

    @Test("Drops: bounds, at their edges")
    func dropsBounds() throws {
        let claims = (1...100).map { DropsClaimsUpdate.Claim(claimID: "c\($0)", externalStatus: "s") }
        _ = try DropsClaimsUpdate(claims)
        #expect(refusal { _ = try DropsClaimsUpdate([]) } == "claims must be 1 to 100 entries, is 0")
        #expect(
            refusal { _ = try DropsClaimsUpdate(claims + [.init(claimID: "x", externalStatus: "s")]) }
                == "claims must be 1 to 100 entries, is 101")
        #expect(
            refusal { _ = try DropsClaimsUpdate([claims[0], claims[0]]) }
                == "claims must name each entry once, has 1 too many")
        for status in ["", " ", String(repeating: "s", count: 101), "a\u{7}"] {
            let update = [claims[0], .init(claimID: "x", externalStatus: status)]
            #expect(
                refusal { _ = try DropsClaimsUpdate(update) }?.hasPrefix("claims.1.external_status must ") == true)
        }
        #expect(
            refusal { _ = try DropsClaimsUpdate([.init(claimID: "a b", externalStatus: "s")]) }
                == "claims.0.claim_id is not an id of Kick's")
        _ = try DropsClaimSelection(userID: 1, limit: 1)
        #expect(refusal { _ = try DropsClaimSelection(limit: 1001) } == "limit must be 1 to 1000, is 1001")
        #expect(refusal { _ = try DropsClaimSelection(limit: 0) } == "limit must be 1 to 1000, is 0")
        #expect(refusal { _ = try DropsClaimSelection(userID: 0) } == "user must be at least 1, is 0")
        #expect(refusal { _ = try DropsClaimSelection(campaignID: "") } == "campaign must be 1 to 64 characters, is 0")
        #expect(refusal { _ = try DropsClaimSelection(claimID: "..") } == "claim is not an id of Kick's")
        #expect(refusal { _ = try DropsClaimSelection(cursor: "a b") } == "cursor is not an id of Kick's")
        #expect(
            refusal { _ = try DropsClaimSelection(externalStatus: "") }
                == "external_status must be 1 to 100 characters, is 0")
    }

    // MARK: Introspection

    @Test("A token is introspected with itself, at either server")
    func introspect() async throws {
        let stub = KickStub(
            200,
            """
            {"data":{"active":true,"client_id":"01","token_type":"user","scope":"user:read channel:read",
            "exp":1771046347},"message":"OK"}
            """)
        let api = KickAPI(exchange: stub.exchange)
        let facts = try await api.introspect(Self.token, deadline: .never)
        #expect(facts.isActive)
        #expect(facts.scopes == [.userRead, .channelRead])
        #expect(try await api.introspectV1(Self.token, deadline: .never) == facts)
        #expect(
            stub.requests.map(KickAPITests.target) == [
                "POST https://id.kick.com/oauth/token/introspect",
                "POST https://api.kick.com/public/v1/token/introspect",
            ])
        #expect(stub.requests.allSatisfy { $0.fields[.authorization] == "Bearer acc-SECRET-1" })
    }
}
