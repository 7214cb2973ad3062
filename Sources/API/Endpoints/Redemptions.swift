import Gateway
import HTTP
import HTTPServer
import Kick
import Model

/// `/v1/broadcasters/{broadcaster}/redemptions`.
enum Redemptions {
    struct View: Encodable {
        struct Reward: Encodable {
            let id: String
            let title: String
            let description: Nullable<String>
            let cost: Nullable<Int>
            let canManage: Bool
            let isDeleted: Bool
        }

        let id: String
        let status: String
        let redeemedAt: Nullable<Timestamp>
        let userInput: Nullable<String>
        let userID: Nullable<Int64>
        let reward: Reward

        init(_ redemption: KickRedemption) {
            id = redemption.id
            status = redemption.status
            redeemedAt = Nullable(redemption.redeemedAt)
            userInput = Nullable(redemption.userInput)
            userID = Nullable(redemption.userID)
            let reward = redemption.reward
            self.reward = Reward(
                id: reward.id, title: reward.title, description: Nullable(reward.description),
                cost: Nullable(reward.cost), canManage: reward.canManage, isDeleted: reward.isDeleted)
        }
    }

    static func list(_ context: RequestContext) async throws -> Response {
        let parameters = try Parameters(context.request, lists: ["ids"], singles: ["reward", "status", "cursor"])
        let selection = try RedemptionSelection(
            rewardID: parameters.text("reward"), status: parameters["status"],
            ids: parameters.list("ids") ?? [], cursor: parameters.text("cursor"))
        return try await context.answer(.redemptions(selection, of: try context.kickID("broadcaster"))) {
            PageView($0, View.init)
        }
    }

    static func accept(_ context: RequestContext) async throws -> Response {
        let broadcaster = try context.kickID("broadcaster")
        let outcomes = try await context.order(.acceptRedemptions(try await batch(context), of: broadcaster))
        return try answer(outcomes, done: "accepted")
    }

    static func reject(_ context: RequestContext) async throws -> Response {
        let broadcaster = try context.kickID("broadcaster")
        let outcomes = try await context.order(.rejectRedemptions(try await batch(context), of: broadcaster))
        return try answer(outcomes, done: "rejected")
    }

    private static func batch(_ context: RequestContext) async throws -> RedemptionBatch {
        struct Body: Decodable {
            let ids: [String]
        }
        try context.refuseParameters()
        let body: Body = try await JSONBody.decode(from: context.request)
        return try RedemptionBatch(ids: body.ids)
    }

    /// 200 also when some failed, or all: each tells for itself.
    private static func answer(_ outcomes: [RedemptionOutcome], done: String) throws -> Response {
        struct OutcomeView: Encodable {
            let id: String
            let outcome: String
            let reason: Nullable<String>
        }
        let views = outcomes.map {
            OutcomeView(id: $0.id, outcome: $0.failure == nil ? done : "failed", reason: Nullable($0.failure))
        }
        return try JSONBody.encode(DataList(data: views))
    }
}
