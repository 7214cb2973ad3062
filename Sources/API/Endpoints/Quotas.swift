import Gateway
import HTTP
import HTTPServer
import Model
import Store

/// `/admin/v1/apps/{app}/quotas`: how many subscriptions Kick allows an app, and how many it has.
enum Quotas {
    private struct View: Encodable {
        let type: String
        let limit: Int64
        let used: Int64
        let wanted: Int64
        let percent: Int64
        let blockedUntil: Nullable<Timestamp>
        let daysLeft: Nullable<Double>
        let countedAt: Timestamp

        init(_ use: SubscriptionQuotas.Use) {
            type = use.quota.type
            limit = use.limit
            used = use.quota.used
            wanted = use.quota.wanted
            percent = max(use.quota.used, use.quota.wanted) * 100 / use.limit
            blockedUntil = Nullable(use.quota.blockedUntil)
            daysLeft = Nullable(use.daysLeft)
            countedAt = use.quota.countedAt
        }
    }

    static func list(_ context: RequestContext) async throws -> Response {
        let app = try context.request.parameters.require("app", as: AppID.self)
        return try JSONBody.encode(DataList(data: try await context.services.quotas.uses(of: app).map(View.init)))
    }
}
