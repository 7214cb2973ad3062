import Crypto
package import HTTP
import Kick

extension SandboxState {
    /// In all channels. The oldest that are dealt with make room.
    private static let maximumRedemptions = 10_000

    // MARK: List

    /// GET /public/v1/channels/rewards/redemptions (FACTS §2.4): oldest first, those of one reward together.
    package func redemptionsAnswer(
        _ query: QueryItems, for bearer: Bearer, policy: APIPolicy = APIPolicy()
    ) -> APIAnswer {
        guard let userID = rewardReader(bearer) else { return .forbidden }
        let ids = query.values(of: "id")
        let hasFilters = ["reward_id", "status", "cursor"].contains { query[$0] != nil }
        guard ids.isEmpty || !hasFilters && !ids.contains(""),
            let status = SandboxRedemption.Status(rawValue: query["status"] ?? "pending"),
            let after = Self.redemptionsStart(in: query)
        else { return .invalidRequest }
        let found = content.redemptions.values
            .filter { redemption in
                guard redemption.broadcasterID == userID else { return false }
                guard ids.isEmpty else { return ids.contains(redemption.id) }
                return redemption.status == status && redemption.id > after
                    && (query["reward_id"] ?? redemption.rewardID) == redemption.rewardID
            }
            .sorted { $0.id < $1.id }
        let page = found.prefix(ids.isEmpty ? policy.redemptionPageSize : found.count)
        let next = page.count < found.count ? page.last?.id : nil
        return .page(grouped(page, for: bearer), nextCursor: next.map { Base64.encode(Array($0.utf8)) } ?? "")
    }

    private func grouped(_ redemptions: some Sequence<SandboxRedemption>, for bearer: Bearer) -> [JSON] {
        var groups: [(reward: SandboxReward, redemptions: [JSON])] = []
        for redemption in redemptions {
            guard let reward = content.rewards[redemption.rewardID] else { continue }
            if let index = groups.firstIndex(where: { $0.reward.id == reward.id }) {
                groups[index].redemptions.append(redemption.json)
            } else {
                groups.append((reward, [redemption.json]))
            }
        }
        return groups.map { group in
            [
                "redemptions": .array(group.redemptions),
                "reward": group.reward.jsonOfRedemptions(for: bearer.clientID),
            ]
        }
    }

    /// The id after which a page begins, "" at the beginning; nil when the cursor is none of ours.
    private static func redemptionsStart(in query: QueryItems) -> String? {
        guard let cursor = query["cursor"], !cursor.isEmpty else { return "" }
        guard let bytes = Base64.decode(cursor) else { return nil }
        return ULID(String(decoding: bytes, as: UTF8.self))?.description
    }

    // MARK: Accept, reject

    /// POST …/redemptions/accept and …/reject (FACTS §2.4): only what failed is told.
    package mutating func decideRedemptions(
        _ body: JSON?, accepts: Bool, for bearer: Bearer, service: inout APIService
    ) -> APIOutcome {
        guard let userID = rewardWriter(bearer) else { return APIOutcome(.forbidden) }
        guard let ids = body?["ids"]?.arrayValue?.map(\.stringValue), (1...25).contains(ids.count),
            Set(ids).count == ids.count, !ids.contains(nil)
        else { return APIOutcome(.invalidRequest) }
        var failures: [JSON] = []
        var events: [SandboxEvent] = []
        for id in ids.compactMap(\.self) {
            if let reason = refusal(of: id, in: userID, for: bearer, service: &service) {
                failures.append(["id": .string(id), "reason": .string(reason)])
            } else {
                content.redemptions[id]?.status = accepts ? .accepted : .rejected
                events += [redemptionEvent(id)].compactMap(\.self)
            }
        }
        return APIOutcome(.ok(.array(failures)), events)
    }

    private func refusal(
        of id: String, in broadcasterID: Int, for bearer: Bearer, service: inout APIService
    ) -> String? {
        guard let redemption = content.redemptions[id], redemption.broadcasterID == broadcasterID else {
            return "NOT_FOUND"
        }
        guard content.rewards[redemption.rewardID]?.clientID == bearer.clientID else { return "NOT_OWNED" }
        guard redemption.status == .pending else { return "NOT_PENDING" }
        guard service.policy.unknownRedemptions == 0 else {
            service.policy.unknownRedemptions -= 1
            return "UNKNOWN"
        }
        return nil
    }

    // MARK: Redeem

    /// A viewer spends points. Nil when the reward is not there or cannot be had now, or too many wait.
    ///
    /// - Parameter status: nil: as the reward's queue has it.
    mutating func redeem(
        _ rewardID: String, userID: Int, userInput: String, status: SandboxRedemption.Status? = nil, at now: SandboxTime
    ) -> SandboxRedemption? {
        guard let reward = content.rewards[rewardID], !reward.isDeleted, reward.isEnabled, !reward.isPaused else {
            return nil
        }
        if content.redemptions.count >= Self.maximumRedemptions {
            let done = content.redemptions.values.filter { $0.status != .pending }.sorted { $0.id < $1.id }
            guard !done.isEmpty else { return nil }
            for redemption in done.prefix(Self.maximumRedemptions / 10) { content.redemptions[redemption.id] = nil }
        }
        let redemption = SandboxRedemption(
            id: ULID.make().description, rewardID: rewardID, broadcasterID: reward.broadcasterID, userID: userID,
            userInput: userInput, redeemedAt: now, status: status ?? (reward.skipsRequestQueue ? .accepted : .pending))
        content.redemptions[redemption.id] = redemption
        return redemption
    }

    /// Whether a viewer could redeem something now.
    func hasRedeemable(_ broadcasterID: Int) -> Bool { !redeemable(broadcasterID).isEmpty }

    private func redeemable(_ broadcasterID: Int) -> [SandboxReward] {
        rewards(of: broadcasterID).filter { $0.isEnabled && !$0.isPaused }
    }

    /// Lets one come to that status: the one that waits longest, or else a new one.
    mutating func happen(
        _ status: SandboxRedemption.Status, in broadcasterID: Int, at now: SandboxTime
    ) -> SandboxEvent? {
        if status != .pending,
            let waiting = content.redemptions.values
                .filter({ $0.broadcasterID == broadcasterID && $0.status == .pending }).min(by: { $0.id < $1.id })
        {
            content.redemptions[waiting.id]?.status = status
            return redemptionEvent(waiting.id)
        }
        guard let reward = redeemable(broadcasterID).randomElement(), let viewer = Viewer.all.randomElement() else {
            return nil
        }
        let input = reward.isUserInputRequired ? ChatLines.plain.randomElement() ?? "" : ""
        return redeem(reward.id, userID: viewer.id, userInput: input, status: status, at: now)
            .flatMap { redemptionEvent($0.id) }
    }

    /// As subscribers are told of it.
    func redemptionEvent(_ id: String) -> SandboxEvent? {
        guard let redemption = content.redemptions[id], let reward = content.rewards[redemption.rewardID],
            let broadcaster = users[redemption.broadcasterID]
        else { return nil }
        return SandboxEvent(
            type: .channelRewardRedemptionUpdated, broadcasterID: broadcaster.id,
            body: [
                "id": .string(id), "user_input": .string(redemption.userInput),
                "status": .string(redemption.status.rawValue),
                "redeemed_at": .string(redemption.redeemedAt.textWithMilliseconds),
                "reward": [
                    "id": .string(reward.id), "title": .string(reward.title), "cost": .integer(reward.cost),
                    "description": .string(reward.description),
                ],
                "redeemer": person(redemption.userID).bareUser, "broadcaster": broadcaster.bareEventUser,
            ])
    }
}
