import HTTP
import HTTPClient
import Kick
import Net
import Sandbox
import Telemetry
import Testing

@Suite("Sandbox and the gateway's own Kick calls", .timeLimit(.minutes(1)))
struct KickOperationsTests {
    fileprivate struct Stage: Sendable {
        let api: KickAPI
        let bench: Bench
        /// nova's, with every scope.
        let token: Secret<String>
        let appToken: Secret<String>
        let deadline = Deadline.after(.seconds(30))

        init(_ bench: Bench) async throws {
            let servers = KickServers(id: bench.base, api: bench.base)
            api = KickAPI(exchange: KickTransport.exchange(over: bench.client, servers: servers))
            self.bench = bench
            let scopes = KickScope.all.map(\.rawValue).joined(separator: " ")
            token = Secret(try await bench.login(["scope": scopes]).access)
            appToken = Secret(try await bench.appToken())
        }
    }

    private static func with(_ body: @escaping @Sendable (Stage) async throws -> Void) async throws {
        try await Bench.with { try await body(try await Stage($0)) }
    }

    @Test("Categories by page, by search, by id; an unknown one is not found")
    func categories() async throws {
        try await Self.with { stage in
            let (api, token, deadline) = (stage.api, stage.appToken, stage.deadline)
            let first = try await api.categories(CategorySelection(limit: 20), token: token, deadline: deadline)
            #expect(first.elements.count == 20)
            let cursor = try #require(first.nextCursor)
            let second = try await api.categories(
                CategorySelection(limit: 20, cursor: cursor), token: token, deadline: deadline)
            #expect(Set(first.elements.map(\.id)).isDisjoint(with: second.elements.map(\.id)))
            #expect(second.nextCursor == nil)
            let found = try await api.categories(
                CategorySelection(names: ["dota 2", "chess"]), token: token, deadline: deadline)
            #expect(found.elements.map(\.name) == ["Dota 2", "Chess"])
            let searched = try await api.categories(search: CategorySearch("rus"), token: token, deadline: deadline)
            #expect(searched.elements.map(\.name) == ["Rust"])
            #expect(
                try await api.category(id: 2, token: token, deadline: deadline).tags == ["FPS", "Shooter", "Survival"])
            let error = await #expect(throws: KickError.self) {
                _ = try await api.category(id: 999_999, token: token, deadline: deadline)
            }
            #expect(error?.status == 404)
        }
    }

    @Test("A message is sent and deleted, somebody is banned and let in again")
    func chat() async throws {
        try await Self.with { stage in
            let (api, token, deadline) = (stage.api, stage.token, stage.deadline)
            let sent = try await api.sendChatMessage(
                OutgoingChatMessage("hello", as: .user(broadcasterUserID: 1002)), token: token, deadline: deadline)
            #expect(sent.isSent)
            let own = try await api.sendChatMessage(
                OutgoingChatMessage("hello", as: .bot, replyTo: sent.messageID), token: token, deadline: deadline)
            let id = try KickID(try #require(own.messageID), named: "message")
            try await api.deleteChatMessage(id, token: token, deadline: deadline)
            let error = await #expect(throws: KickError.self) {
                try await api.deleteChatMessage(id, token: token, deadline: deadline)
            }
            #expect(error?.status == 404)
            let ban = try Ban(broadcasterUserID: 1001, userID: 500_003, durationMinutes: 5, reason: "spam")
            try await api.ban(ban, token: token, deadline: deadline)
            #expect(try await stage.bans() == 1)
            try await api.unban(userID: 500_003, broadcasterUserID: 1001, token: token, deadline: deadline)
            #expect(try await stage.bans() == 0)
        }
    }

    @Test("A reward is made, changed, redeemed, decided on and deleted")
    func rewards() async throws {
        try await Self.with { stage in
            let (api, token, deadline) = (stage.api, stage.token, stage.deadline)
            let made = try await api.createReward(
                NewReward(title: "New", cost: 5, backgroundColor: "#ABCDEF"), token: token, deadline: deadline)
            let id = try KickID(made.id, named: "reward")
            let changed = try await api.updateReward(
                id, RewardChange(description: "now with text"), token: token, deadline: deadline)
            #expect(changed.description == "now with text" && changed.title == "New")
            #expect(try await api.rewards(token: token, deadline: deadline).contains { $0.id == made.id })
            try await stage.bench.control("/sandbox/redemptions", ["reward_id": .string(made.id), "count": 2])
            let waiting = try await api.redemptions(
                RedemptionSelection(rewardID: made.id), token: token, deadline: deadline
            ).elements
            #expect(waiting.map(\.status) == ["pending", "pending"])
            #expect(waiting.allSatisfy { $0.reward.canManage && $0.userID != nil })
            let batch = try RedemptionBatch(ids: waiting.map(\.id) + ["01KERB68MZZ04551D6X5TNRFYV"])
            let failed = try await api.acceptRedemptions(batch, token: token, deadline: deadline)
            #expect(failed.map(\.reason) == ["NOT_FOUND"])
            let again = try await api.rejectRedemptions(
                RedemptionBatch(ids: waiting.map(\.id)), token: token, deadline: deadline)
            #expect(again.map(\.reason) == ["NOT_PENDING", "NOT_PENDING"])
            try await api.deleteReward(id, token: token, deadline: deadline)
            let gone = try await api.redemptions(
                RedemptionSelection(ids: [waiting[0].id]), token: token, deadline: deadline)
            #expect(gone.elements.first?.reward.isDeleted == true)
        }
    }

    @Test("Leaderboard, Drops, ads and introspection")
    func others() async throws {
        try await Self.with { stage in
            let (api, token, deadline) = (stage.api, stage.token, stage.deadline)
            let board = try await api.kicksLeaderboard(LeaderboardSelection(), token: token, deadline: deadline)
            #expect(!board.week.isEmpty && board.lifetime.first?.rank == 1)
            try await stage.bench.control("/sandbox/drops/claims", ["count": 3])
            let first = try await api.dropsClaims(
                DropsClaimSelection(limit: 4), token: stage.appToken, deadline: deadline)
            let cursor = try #require(first.nextCursor)
            let second = try await api.dropsClaims(
                DropsClaimSelection(limit: 4, cursor: cursor), token: stage.appToken, deadline: deadline)
            #expect(first.elements.count == 4 && second.elements.count == 1 && second.nextCursor == nil)
            let update = try DropsClaimsUpdate([.init(claimID: first.elements[0].claimID, externalStatus: "done")])
            try await api.updateDropsClaims(update, token: stage.appToken, deadline: deadline)
            let done = try await api.dropsClaims(
                DropsClaimSelection(externalStatus: "done"), token: stage.appToken, deadline: deadline)
            #expect(done.elements.map(\.claimID) == [first.elements[0].claimID])

            try await api.enrollInAds(token: token, deadline: deadline)
            let offline = await #expect(throws: KickError.self) {
                _ = try await api.startAdBreak(AdBreak(durationSeconds: 30), token: token, deadline: deadline)
            }
            #expect(offline?.status == 400)
            try await stage.bench.control("/sandbox/channels", ["broadcaster_user_id": 1001, "is_live": true])
            let started = try await api.startAdBreak(AdBreak(durationSeconds: 30), token: token, deadline: deadline)
            #expect(started.remainingAdBreaks == 2)
            #expect(try await api.adStatus(token: token, deadline: deadline).adBreaks.map(\.id) == [started.id])
            #expect(try await api.introspectV1(token, deadline: deadline).tokenType == "user")
        }
    }

    @Test("What a channel without a category looks like reads as none", arguments: ["zero", "null", "empty"])
    func noCategory(style: String) async throws {
        try await Self.with { stage in
            try await stage.bench.put("/sandbox/api/policy", ["unset_category": .string(style)])
            try await stage.bench.control("/sandbox/channels", ["broadcaster_user_id": 1001, "category_id": 0])
            let channel = try await stage.api.ownChannel(token: stage.token, deadline: stage.deadline)
            #expect(channel.category == nil)
        }
    }
}

extension KickOperationsTests.Stage {
    fileprivate func bans() async throws -> Int? {
        try await bench.send(.get, "/sandbox/channels/1001").json["bans"]?.arrayValue?.count
    }
}
