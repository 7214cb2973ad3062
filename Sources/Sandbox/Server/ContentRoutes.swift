import Crypto
import HTTP
import HTTPServer
import Kick

/// /sandbox/…: what lives in the channels, made to happen from outside; and what the API does on its odd days.
struct ContentRoutes: Sendable {
    let core: SandboxCore

    func add(to router: inout Router<Handler>) {
        router.add(.get, "/sandbox/calls") { _ in .json(core.calls.json) }
        router.addControl(.delete, "/sandbox/calls") { _ in
            core.calls.reset()
            return Response(status: .noContent)
        }
        router.add(.get, "/sandbox/api/policy") { _ in .json(core.apiPolicy.json) }
        router.addControl(.put, "/sandbox/api/policy") { .json(try changePolicy($0).json) }
        router.add(.get, "/sandbox/channels/{id}") { try channel($0) }
        router.addControl(.post, "/sandbox/channels") { try changeChannel($0) }
        router.addControl(.post, "/sandbox/rewards") { try addReward($0) }
        router.addControl(.post, "/sandbox/redemptions") { try redeem($0) }
        router.addControl(.post, "/sandbox/kicks") { try give($0) }
        router.addControl(.post, "/sandbox/drops/claims") { try await claim($0) }
    }

    private func changePolicy(_ json: JSON?) throws -> APIPolicy {
        try core.changeAPI { service throws in
            // Read and applied as a whole, so nothing of a wrong order is kept.
            var policy = service.policy
            try policy.apply(json)
            service.policy = policy
            return policy
        }
    }

    // MARK: Channels

    private func channel(_ request: Request) throws -> Response {
        let id = try request.parameters.require("id", as: Int.self)
        return core.keeper.read { state in
            state.channelStateJSON(of: id, at: .now()).map { .json($0) }
                ?? .controlError("there is no user \(id)", status: .notFound)
        }
    }

    /// Only what is named changes; no event is published.
    private func changeChannel(_ json: JSON?) throws -> Response {
        let order = try ChannelOrder(json)
        return try core.keeper.change { state in
            guard state.apply(order, at: .now()), let json = state.channelStateJSON(of: order.broadcasterID, at: .now())
            else { return .controlError("there is no user \(order.broadcasterID)", status: .notFound) }
            return .json(json)
        }
    }

    // MARK: Rewards

    /// A reward of another app, or of the broadcaster's own making.
    private func addReward(_ json: JSON?) throws -> Response {
        let order = try OrderReader(
            json,
            known: ["broadcaster_user_id", "client_id"] + SandboxReward.members.filter { $0 != "is_paused" })
        guard let json, let broadcasterID = try order.number("broadcaster_user_id", in: 1...Int.max) else {
            return .controlError("broadcaster_user_id: expected a user id")
        }
        let clientID = try order.text("client_id")
        let answer = try core.keeper.change { state in
            state.users[broadcasterID] == nil ? nil : state.addReward(json, of: broadcasterID, clientID: clientID)
        }
        guard let answer else { return .controlError("there is no user \(broadcasterID)", status: .notFound) }
        guard answer.status == 200, let reward = answer.body?["data"] else {
            return .controlError("no reward as Kick takes it: \(answer.body?.text ?? "")")
        }
        return .json(reward)
    }

    private func redeem(_ json: JSON?) throws -> Response {
        let order = try OrderReader(
            json, known: ["reward_id", "broadcaster_user_id", "user_id", "user_input", "status", "count"])
        let count = try order.number("count", in: 1...1000) ?? 1
        let userID = try order.number("user_id", in: 1...Int.max) ?? Viewer.all[1].id
        let input = try order.text("user_input") ?? ""
        let status = try order.choice("status", of: SandboxRedemption.Status.self)
        let asked = try order.text("reward_id")
        let broadcasterID = try order.number("broadcaster_user_id", in: 1...Int.max)
        let events: [SandboxEvent] = try core.keeper.change { state in
            let rewardID = asked ?? broadcasterID.flatMap { state.rewards(of: $0).first?.id } ?? ""
            return (1...count).compactMap { _ in
                state.redeem(rewardID, userID: userID, userInput: input, status: status, at: .now())
                    .flatMap { state.redemptionEvent($0.id) }
            }
        }
        guard events.count == count else {
            return .controlError(
                "reward_id, or broadcaster_user_id for its first reward: expected a reward that is enabled and not "
                    + "paused", status: .conflict)
        }
        for event in events { core.publish(event) }
        return .json(["redemptions": .array(events.map(\.body))])
    }

    private func give(_ json: JSON?) throws -> Response {
        let order = try OrderReader(
            json, known: ["broadcaster_user_id", "user_id", "amount", "message", "seconds_ago"])
        guard let broadcasterID = try order.number("broadcaster_user_id", in: 1...Int.max),
            let amount = try order.number("amount", in: 1...1_000_000_000)
        else { return .controlError("expected broadcaster_user_id and amount") }
        let userID = try order.number("user_id", in: 1...Int.max) ?? Viewer.all[1].id
        let message = try order.text("message") ?? ""
        let age = try order.number("seconds_ago", in: 0...31_536_000) ?? 0
        let event = try core.keeper.change { state in
            state.give(amount, by: userID, to: broadcasterID, message: message, at: SandboxTime.now() + -age)
        }
        guard let event else { return .controlError("there is no user \(broadcasterID)", status: .notFound) }
        core.publish(event)
        return .json(event.body)
    }

    // MARK: Drops

    /// A viewer claims a Drop, and waits while Kick asks the app (FACTS §4.7).
    private func claim(_ json: JSON?) async throws -> Response {
        let order = try ClaimOrder(json, standard: core.configuration.app.clientID)
        let url = core.keeper.read { $0.apps[order.clientID]?.dropsWebhookURL }.flatMap { HTTPURL($0) }
        if order.delivers, url == nil {
            return .controlError("the app has no drops_webhook_url", status: .conflict)
        }
        let claims = try core.keeper.change { state in
            (1...order.count).compactMap { _ in state.claim(order, at: .now()) }
        }
        guard claims.count == order.count else { return .controlError("there are too many claims", status: .conflict) }
        var deliveries: [JSON] = []
        if order.delivers, let url {
            for claim in claims {
                let webhook = SignedWebhook(claim: claim.webhookBody.bytes, at: .now(), key: core.signingKey)
                let job = WebhookSender.Job(webhook: webhook, url: url, broadcasterID: claim.userID)
                deliveries.append(await core.sender.deliver(job, attempts: 1).json)
            }
        }
        return .json(["claims": .array(claims.map(\.json)), "deliveries": .array(deliveries)])
    }
}
