import Crypto

extension SandboxState {
    /// Per channel, enabled or not.
    package static let maximumRewards = 15

    private static let readScopes = ["channel:rewards:read", "channel:rewards:write"]

    /// The user whose channel a token reaches.
    func rewardReader(_ bearer: Bearer) -> Int? {
        Self.readScopes.contains(where: bearer.has) ? bearer.userID : nil
    }

    func rewardWriter(_ bearer: Bearer) -> Int? { bearer.has("channel:rewards:write") ? bearer.userID : nil }

    /// All that are there, oldest first.
    func rewards(of broadcasterID: Int) -> [SandboxReward] {
        content.rewards.values.filter { $0.broadcasterID == broadcasterID && !$0.isDeleted }.sorted { $0.id < $1.id }
    }

    /// GET /public/v1/channels/rewards (FACTS §2.4): those of other apps too, and the broadcaster's own.
    package func rewardsAnswer(for bearer: Bearer) -> APIAnswer {
        guard let userID = rewardReader(bearer) else { return .forbidden }
        return .ok(.array(rewards(of: userID).map(\.json)))
    }

    /// POST /public/v1/channels/rewards (FACTS §2.4).
    package mutating func createReward(_ body: JSON?, for bearer: Bearer) -> APIAnswer {
        guard let userID = rewardWriter(bearer) else { return .forbidden }
        return addReward(body, of: userID, clientID: bearer.clientID)
    }

    /// - Parameter clientID: nil for the broadcaster's own.
    mutating func addReward(_ body: JSON?, of broadcasterID: Int, clientID: String?) -> APIAnswer {
        var reward = SandboxReward(
            id: ULID.make().description, broadcasterID: broadcasterID, clientID: clientID, title: "", cost: 0)
        guard let body, reward.apply(body), !reward.title.isEmpty, reward.cost > 0 else { return .invalidRequest }
        guard rewards(of: broadcasterID).count < Self.maximumRewards else {
            return .badRequest("maximum number of rewards reached")
        }
        content.rewards[reward.id] = reward
        return .ok(reward.json)
    }

    /// PATCH /public/v1/channels/rewards/{id} (FACTS §2.4).
    package mutating func patchReward(_ id: String, _ body: JSON?, for bearer: Bearer) -> APIAnswer {
        guard let userID = rewardWriter(bearer) else { return .forbidden }
        guard let body, SandboxReward.members.contains(where: { body[$0] != nil }) else { return .invalidRequest }
        guard var reward = content.rewards[id], reward.broadcasterID == userID, !reward.isDeleted else {
            return .notFound
        }
        guard reward.clientID == bearer.clientID else { return .forbidden }
        guard reward.apply(body), reward.pause(body) else { return .invalidRequest }
        content.rewards[id] = reward
        return .ok(reward.json)
    }

    /// DELETE /public/v1/channels/rewards/{id} (FACTS §2.4). Its redemptions stay as they are.
    package mutating func deleteReward(_ id: String, for bearer: Bearer) -> APIAnswer {
        guard let userID = rewardWriter(bearer) else { return .forbidden }
        // 404 is not among the declared answers; what comes instead is not known.
        guard let reward = content.rewards[id], reward.broadcasterID == userID, !reward.isDeleted else {
            return .notFound
        }
        guard reward.clientID == bearer.clientID else { return .forbidden }
        if content.redemptions.values.contains(where: { $0.rewardID == id }) {
            content.rewards[id]?.isDeleted = true
        } else {
            content.rewards[id] = nil
        }
        return .noContent
    }
}
