import HTTP
import Kick
import Model
import Sandbox
import TestKit
import Testing

@testable import Gateway

@Suite("Ads, Drops, the leaderboard and introspection at Kick", .timeLimit(.minutes(1)))
struct AdsAndDropsCallTests {
    // MARK: Ads

    @Test("a channel is enrolled, a break begins, and how it stands is seen at once")
    func ads() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(5001)
            try await channel(["has_streamed": true, "is_live": false], in: stage)
            #expect(try await stage.read(.adStatus(of: 5001)).text?.contains("isOptedIn: false") == true)
            try await stage.write(.enrollInAds(5001))
            #expect(try await stage.read(.adStatus(of: 5001)).text?.contains("isOptedIn: true") == true)
            let offline = await #expect(throws: GatewayError.self) {
                try await stage.write(.startAdBreak(try AdBreak(durationSeconds: 30), of: 5001))
            }
            #expect(offline?.code == .kickRejected && offline?.kick?.message == "CHANNEL_IS_NOT_LIVE")

            try await channel(["is_live": true], in: stage)
            let adBreak = try AdBreak(durationSeconds: 30)
            let receipt = try await stage.write(.startAdBreak(adBreak, of: 5001))
            #expect(receipt == AdBreakReceipt(id: adBreak.id, remainingAdBreaks: 2))
            let status = try await stage.read(.adStatus(of: 5001)).text
            #expect(status?.contains(adBreak.id) == true && status?.contains("remainingAdBreaks: Optional(2)") == true)
            let running = await #expect(throws: GatewayError.self) {
                try await stage.write(.startAdBreak(try AdBreak(durationSeconds: 30), of: 5001))
            }
            #expect(running?.code == .conflict && running?.kick?.message == "AD_BREAK_ACTIVE")
        }
    }

    @Test("a channel that has had its breaks is a conflict, and slows nobody down")
    func maximum() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(5001)
            stage.answer(429, #"{"data":"MAX_AD_BREAKS_REACHED","message":"Too many"}"#, to: [.startAdBreak])
            for count in 1...2 {
                let error = await #expect(throws: GatewayError.self) {
                    try await stage.write(.startAdBreak(try AdBreak(durationSeconds: 30), of: 5001))
                }
                #expect(error?.code == .conflict && error?.kick?.status == 429)
                #expect(stage.count(.startAdBreak) == count, "it is no rate limit: the next one is asked at once")
            }
        }
    }

    @Test("without the scope there is no call; writing includes reading")
    func adScopes() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(5001, scopes: [.adsRead])
            let error = await #expect(throws: GatewayError.self) { try await stage.write(.enrollInAds(5001)) }
            #expect(error?.code == .missingScope && error?.consent?.scopes == ["ads:write"])
            #expect(stage.calls.value.isEmpty)
            _ = try await stage.makeLogin(5002, scopes: [.adsWrite])
            _ = try await stage.read(.adStatus(of: 5002))
        }
    }

    // MARK: The leaderboard

    @Test("the leaderboard of the login's own channel, as long as asked for")
    func leaderboard() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(5001)
            for (user, amount) in [(2001, 500), (2002, 100)] {
                try await stage.kick.call(
                    .post, "/sandbox/kicks",
                    ["broadcaster_user_id": 5001, "user_id": user, "amount": amount, "seconds_ago": 864_000])
            }
            let whole = try await stage.read(.leaderboard(try LeaderboardSelection(), of: 5001)).text
            #expect(whole?.contains("giftedAmount: 500") == true && whole?.contains("giftedAmount: 100") == true)
            #expect(whole?.contains("week: []") == true)
            let top = try await stage.read(.leaderboard(try LeaderboardSelection(top: 1), of: 5001)).text
            #expect(top?.contains("giftedAmount: 500") == true && top?.contains("giftedAmount: 100") == false)
            _ = try await stage.read(.leaderboard(try LeaderboardSelection(top: 1), of: 5001))
            #expect(stage.count(.kicksLeaderboard) == 2)
            _ = try await stage.makeLogin(5002, scopes: [.userRead])
            let error = await #expect(throws: GatewayError.self) {
                try await stage.read(.leaderboard(try LeaderboardSelection(), of: 5002))
            }
            #expect(error?.code == .missingScope && error?.consent?.scopes == ["kicks:read"])
        }
    }

    // MARK: Drops

    @Test("claims are listed page by page and given new words")
    func drops() async throws {
        try await UpstreamStage.run { stage in
            try await stage.kick.call(
                .post, "/sandbox/drops/claims", ["count": 3, "user_id": 2001, "campaign_id": "k"])
            let first = try await claims(try DropsClaimSelection(campaignID: "k", limit: 2), in: stage)
            #expect(first.elements.count == 2)
            let rest = try await claims(try DropsClaimSelection(campaignID: "k", cursor: first.nextCursor), in: stage)
            #expect(rest.elements.count == 1 && rest.nextCursor == nil)
            #expect((first.elements + rest.elements).allSatisfy { $0.externalStatus == "initiated" })
            let update = try DropsClaimsUpdate([
                .init(claimID: first.elements[1].claimID, externalStatus: "fulfilled")
            ])
            try await stage.write(.updateDropsClaims(update))
            let done = try await claims(try DropsClaimSelection(externalStatus: "fulfilled"), in: stage)
            #expect(done.elements.map(\.claimID) == [first.elements[1].claimID])
            #expect(
                try await claims(try DropsClaimSelection(campaignID: "k", userID: 2002), in: stage).elements.isEmpty)
        }
    }

    @Test("an app of no organization is forbidden Drops, and keeps its token")
    func noOrganization() async throws {
        try await UpstreamStage.run { configuration in
            configuration.app.hasOrganization = false
        } _: { stage in
            for _ in 1...2 {
                let error = await #expect(throws: GatewayError.self) {
                    try await stage.read(.dropsClaims(try DropsClaimSelection()))
                }
                #expect(error?.code == .kickForbidden && error?.kick?.status == 401)
            }
            let update = try DropsClaimsUpdate([.init(claimID: "c", externalStatus: "s")])
            let write = await #expect(throws: GatewayError.self) { try await stage.write(.updateDropsClaims(update)) }
            #expect(write?.code == .kickForbidden)
            #expect(stage.count(.token) == 1)
        }
    }

    // MARK: Introspection

    @Test("what Kick says of a login's token, asked each time, and of nobody else's login (P14)")
    func introspection() async throws {
        try await UpstreamStage.run { stage in
            let login = try await stage.makeLogin(5001)
            for _ in 1...2 {
                let answer = try await stage.read(.introspection(of: login.id))
                #expect(!answer.isKept && answer.text?.contains("isActive: true") == true)
                #expect(answer.text?.contains("user:read") == true)
            }
            #expect(stage.count(.introspect) == 2)
            let other = try await stage.otherCaller()
            let error = await #expect(throws: GatewayError.self) {
                try await stage.read(.introspection(of: login.id), as: other)
            }
            #expect(error?.code == .notFound)
            #expect(stage.count(.introspect) == 2)
        }
    }

    // MARK: Helpers

    private func channel(_ change: [String: Any], in stage: UpstreamStage) async throws {
        var order = change
        order["broadcaster_user_id"] = 5001
        try await stage.kick.call(.post, "/sandbox/channels", order)
    }

    private func claims(
        _ selection: DropsClaimSelection, in stage: UpstreamStage
    ) async throws -> KickPage<KickDropsClaim> {
        let seen = Box<KickPage<KickDropsClaim>?>(nil)
        _ = try await stage.upstream.read(.dropsClaims(selection), for: stage.caller) { page in
            seen.update { $0 = page }
            return []
        }
        return try #require(seen.value)
    }
}
