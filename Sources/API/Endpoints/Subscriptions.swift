import Gateway
import HTTP
import HTTPServer
import Model

/// `/v1/subscriptions`: what Kick was asked to deliver, and what became of it.
enum Subscriptions {
    struct View: Encodable {
        let loginID: String
        let broadcasterUserID: Int64
        let type: String
        let state: EventSubscription.State
        let kickSubscriptionID: Nullable<String>
        let lastError: Nullable<String>
        let updatedAt: Timestamp

        init(_ subscription: EventSubscription) {
            loginID = subscription.loginID.text
            broadcasterUserID = subscription.broadcasterUserID
            type = subscription.type
            state = subscription.state
            kickSubscriptionID = Nullable(subscription.kickSubscriptionID)
            lastError = Nullable(subscription.lastError)
            updatedAt = subscription.updatedAt
        }
    }

    static func list(_ context: RequestContext) async throws -> Response {
        let subscriptions = try await context.services.records.subscriptions(in: try context.requireCaller().tenant)
        return try JSONBody.encode(DataList(data: subscriptions.map(View.init)))
    }
}
