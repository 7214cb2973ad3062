import Gateway
import HTTP
import HTTPServer
import Kick
import Model

/// `/v1/broadcasters/{broadcaster}/rewards`.
enum Rewards {
    struct View: Encodable {
        let id: String
        let title: String
        let description: Nullable<String>
        let cost: Int
        let backgroundColor: Nullable<String>
        let isEnabled: Bool
        let isPaused: Bool
        let isUserInputRequired: Bool
        let skipsRequestQueue: Bool

        init(_ reward: KickReward) {
            id = reward.id
            title = reward.title
            description = Nullable(reward.description)
            cost = reward.cost
            backgroundColor = Nullable(reward.backgroundColor)
            isEnabled = reward.isEnabled
            isPaused = reward.isPaused
            isUserInputRequired = reward.isUserInputRequired
            skipsRequestQueue = reward.skipsRequestQueue
        }
    }

    static func list(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        return try await context.answer(.rewards(of: try context.kickID("broadcaster"))) {
            DataList(data: $0.map(View.init))
        }
    }

    static func create(_ context: RequestContext) async throws -> Response {
        struct Body: Decodable {
            let title: String
            let cost: Int
            let description: String?
            let backgroundColor: String?
            let isEnabled: Bool?
            let isUserInputRequired: Bool?
            let skipsRequestQueue: Bool?
        }
        try context.refuseParameters()
        let broadcaster = try context.kickID("broadcaster")
        let body: Body = try await JSONBody.decode(from: context.request)
        let reward = try NewReward(
            title: body.title, cost: body.cost, description: body.description, backgroundColor: body.backgroundColor,
            isEnabled: body.isEnabled, isUserInputRequired: body.isUserInputRequired,
            skipsRequestQueue: body.skipsRequestQueue)
        let made = try await context.order(.createReward(reward, for: broadcaster))
        return try JSONBody.encode(View(made), status: .created)
    }

    static func update(_ context: RequestContext) async throws -> Response {
        struct Body: Decodable {
            let title: String?
            let cost: Int?
            let description: String?
            let backgroundColor: String?
            let isEnabled: Bool?
            let isPaused: Bool?
            let isUserInputRequired: Bool?
            let skipsRequestQueue: Bool?
        }
        try context.refuseParameters()
        let (broadcaster, id) = (try context.kickID("broadcaster"), try rewardID(context))
        let body: Body = try await JSONBody.decode(from: context.request)
        let change = try RewardChange(
            title: body.title, cost: body.cost, description: body.description, backgroundColor: body.backgroundColor,
            isEnabled: body.isEnabled, isPaused: body.isPaused, isUserInputRequired: body.isUserInputRequired,
            skipsRequestQueue: body.skipsRequestQueue)
        return try JSONBody.encode(View(try await context.order(.updateReward(id, change, of: broadcaster))))
    }

    static func delete(_ context: RequestContext) async throws -> Response {
        let (broadcaster, id) = (try context.kickID("broadcaster"), try rewardID(context))
        try context.refuseParameters()
        try await context.order(.deleteReward(id, of: broadcaster))
        return .noContent
    }

    private static func rewardID(_ context: RequestContext) throws -> KickID {
        try KickID(context.request.parameters["reward"] ?? "", named: "reward")
    }
}
