import Foundation
import HTTP
import Kick
import Model
import TestKit
import Testing

@testable import Gateway

@Suite("Rewards and redemptions at Kick", .timeLimit(.minutes(1)))
struct RewardCallTests {
    @Test("a reward is made, changed and ended, and each change is seen at once")
    func life() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(5001)
            #expect(try await stage.read(.rewards(of: 5001)).text == "[]")
            let made = try await stage.write(.createReward(try NewReward(title: "Water", cost: 100), for: 5001))
            #expect(made.title == "Water" && made.backgroundColor == "#00e701" && made.isEnabled)
            #expect(try await stage.read(.rewards(of: 5001)).text?.contains("Water") == true)
            let id = try KickID(made.id, named: "reward")
            let change = try RewardChange(title: "Tea", description: "hot", isPaused: true)
            let changed = try await stage.write(.updateReward(id, change, of: 5001))
            #expect(changed.title == "Tea" && changed.cost == 100 && changed.isPaused)
            #expect(try await stage.read(.rewards(of: 5001)).text?.contains("Tea") == true)
            try await stage.write(.deleteReward(id, of: 5001))
            #expect(try await stage.read(.rewards(of: 5001)).text == "[]")
            let asked = stage.count(.rewards)
            #expect(try await stage.read(.rewards(of: 5001)).isKept)
            #expect(stage.count(.rewards) == asked, "nothing has changed since")
            let error = await #expect(throws: GatewayError.self) {
                try await stage.write(.updateReward(id, change, of: 5001))
            }
            #expect(error?.code == .notFound && error?.kick?.status == 404)
        }
    }

    @Test("what another app made is not ours to change, and a channel has no sixteenth reward")
    func refusals() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(5001)
            // Made in Kick's dashboard, by no app.
            let theirs = try await stage.kick.call(
                .post, "/sandbox/rewards", ["broadcaster_user_id": 5001, "title": "Theirs", "cost": 1])
            let id = try KickID(try #require(theirs["id"] as? String), named: "reward")
            let foreign = await #expect(throws: GatewayError.self) {
                try await stage.write(.updateReward(id, try RewardChange(cost: 2), of: 5001))
            }
            #expect(foreign?.code == .kickForbidden && foreign?.kick?.status == 403)
            for number in 2...15 {
                _ = try await stage.write(.createReward(try NewReward(title: "R\(number)", cost: 1), for: 5001))
            }
            let full = await #expect(throws: GatewayError.self) {
                try await stage.write(.createReward(try NewReward(title: "R16", cost: 1), for: 5001))
            }
            #expect(full?.code == .kickRejected && full?.kick?.status == 400)
            #expect(full?.kick?.message == "maximum number of rewards reached")
        }
    }

    @Test("each redemption tells for itself what became of it, in the order asked", arguments: [true, false])
    func decisions(accepts: Bool) async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(5001)
            let reward = try await stage.write(.createReward(try NewReward(title: "Water", cost: 1), for: 5001))
            let theirs = try await stage.kick.call(
                .post, "/sandbox/rewards", ["broadcaster_user_id": 5001, "title": "Theirs", "cost": 1])
            let ours = try await redeem(reward.id, count: 3, in: stage)
            let foreign = try await redeem(try #require(theirs["id"] as? String), count: 1, in: stage)
            _ = try await stage.write(.acceptRedemptions(try RedemptionBatch(ids: [ours[0]]), of: 5001))
            #expect(
                try await stage.read(.redemptions(try RedemptionSelection(), of: 5001)).text?.contains(ours[1]) == true)

            let batch = try RedemptionBatch(ids: ["nothing", ours[2], ours[0], foreign[0], ours[1]])
            let outcomes = try await stage.write(
                accepts ? .acceptRedemptions(batch, of: 5001) : .rejectRedemptions(batch, of: 5001))
            #expect(
                outcomes == [
                    RedemptionOutcome(id: "nothing", failure: "NOT_FOUND"),
                    RedemptionOutcome(id: ours[2], failure: nil),
                    RedemptionOutcome(id: ours[0], failure: "NOT_PENDING"),
                    RedemptionOutcome(id: foreign[0], failure: "NOT_OWNED"),
                    RedemptionOutcome(id: ours[1], failure: nil),
                ])
            let pending = try await stage.read(.redemptions(try RedemptionSelection(), of: 5001)).text
            #expect(pending?.contains(ours[1]) == false && pending?.contains(foreign[0]) == true)
            let status = accepts ? "accepted" : "rejected"
            let done = try await stage.read(.redemptions(try RedemptionSelection(status: status), of: 5001)).text
            #expect(done?.contains(ours[1]) == true && done?.contains(ours[2]) == true)
            #expect(stage.count(accepts ? .acceptRedemptions : .rejectRedemptions) == (accepts ? 2 : 1))
        }
    }

    @Test("redemptions come in pages, or by their ids, and no two questions share an answer")
    func pages() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(5001)
            try await stage.kick.call(.put, "/sandbox/api/policy", ["redemption_page_size": 2])
            let reward = try await stage.write(.createReward(try NewReward(title: "Water", cost: 1), for: 5001))
            let ids = try await redeem(reward.id, count: 3, in: stage)
            var found: [String] = []
            var cursor: String?
            repeat {
                let selection = try RedemptionSelection(rewardID: reward.id, cursor: cursor)
                let seen = Box<KickPage<KickRedemption>?>(nil)
                _ = try await stage.upstream.read(.redemptions(selection, of: 5001), for: stage.caller) { page in
                    seen.update { $0 = page }
                    return []
                }
                let page = try #require(seen.value)
                found += page.elements.map(\.id)
                cursor = page.nextCursor
            } while cursor != nil
            #expect(found == ids)
            let one = try await stage.read(.redemptions(try RedemptionSelection(ids: [ids[1]]), of: 5001)).text
            #expect(one?.contains(ids[1]) == true && one?.contains(ids[0]) == false)
        }
    }

    @Test("writing includes reading; without either there is no call")
    func scopes() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(5001, scopes: [.channelRewardsWrite])
            _ = try await stage.read(.rewards(of: 5001))
            _ = try await stage.makeLogin(5002, scopes: [.channelRewardsRead])
            _ = try await stage.read(.rewards(of: 5002))
            _ = try await stage.makeLogin(5003, scopes: [.userRead])
            let before = stage.calls.value
            let read = await #expect(throws: GatewayError.self) { try await stage.read(.rewards(of: 5003)) }
            #expect(read?.code == .missingScope && read?.consent?.scopes == ["channel:rewards:read"])
            let batch = try RedemptionBatch(ids: ["a"])
            let write = await #expect(throws: GatewayError.self) {
                try await stage.write(.acceptRedemptions(batch, of: 5002))
            }
            #expect(write?.code == .missingScope && write?.consent?.scopes == ["channel:rewards:write"])
            #expect(stage.calls.value == before)
        }
    }

    /// Ids of new redemptions, oldest first.
    private func redeem(_ reward: String, count: Int, in stage: UpstreamStage) async throws -> [String] {
        let answer = try await stage.kick.call(.post, "/sandbox/redemptions", ["reward_id": reward, "count": count])
        let redemptions = try #require(answer["redemptions"] as? [[String: Any]])
        return redemptions.compactMap { $0["id"] as? String }.sorted()
    }
}
