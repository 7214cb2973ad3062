import Gateway
import HTTP
import HTTPServer
import Model
import Net
import Store

/// Which events Kick is to deliver, what became of it, and why nothing comes.
enum Subscriptions {
    struct View: Encodable {
        let loginID: String
        let broadcasterUserID: Int64
        let type: String
        let state: SubscriptionState
        let stateSince: Nullable<Timestamp>
        let kickSubscriptionID: Nullable<String>
        let lastError: Nullable<String>
        let lastDeliveryAt: Nullable<Timestamp>
        let usualGapSeconds: Nullable<Int64>

        init(_ subscription: EventSubscription) {
            loginID = subscription.loginID.text
            broadcasterUserID = subscription.broadcasterUserID
            type = subscription.type
            state = subscription.state
            stateSince = Nullable(subscription.stateSince)
            kickSubscriptionID = Nullable(subscription.kickSubscriptionID)
            lastError = Nullable(subscription.lastError)
            lastDeliveryAt = Nullable(subscription.lastDeliveryAt)
            usualGapSeconds = Nullable(subscription.usualGap.map(\.components.seconds))
        }
    }

    private struct WishView: Encodable {
        let broadcasterUserID: Int64
        let loginID: String
        /// Null: all types that there are.
        let types: Nullable<[String]>
        let subscriptions: [View]

        init(_ status: Subscribing.Status) {
            broadcasterUserID = status.broadcasterUserID
            loginID = status.wish.loginID.text
            types = Nullable(status.wish.types)
            subscriptions = status.subscriptions.map(View.init)
        }
    }

    private struct ReportView: Encodable {
        struct Check: Encodable {
            let name: String
            let verdict: SubscriptionCheck.Finding.Verdict
            let detail: String
        }

        struct Listed: Encodable {
            let type: String
            let state: SubscriptionState
            let listed: Nullable<Int>
            let lastError: Nullable<String>
            let lastDeliveryAt: Nullable<Timestamp>
        }

        let broadcasterUserID: Int64
        let works: Bool
        let checks: [Check]
        let subscriptions: [Listed]

        init(_ report: SubscriptionCheck.Report) {
            broadcasterUserID = report.broadcasterUserID
            works = report.works
            checks = report.findings.map { Check(name: $0.name, verdict: $0.verdict, detail: $0.detail) }
            subscriptions = report.subscriptions.map { listed in
                Listed(
                    type: listed.subscription.type, state: listed.subscription.state, listed: Nullable(listed.count),
                    lastError: Nullable(listed.subscription.lastError),
                    lastDeliveryAt: Nullable(listed.subscription.lastDeliveryAt))
            }
        }
    }

    /// For the calls of one check together.
    private static let checkTimeout = Duration.seconds(20)

    /// Every wanted type of every broadcaster.
    static func list(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        let subscriptions = try await context.services.subscribing.subscriptions(
            in: try context.requireCaller().tenant)
        return try JSONBody.encode(DataList(data: subscriptions.map(View.init)))
    }

    /// What the tenant wants of one broadcaster, and how it stands.
    static func get(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        let status = try await context.services.subscribing.status(
            of: try broadcaster(context), in: try context.requireCaller().tenant)
        return try JSONBody.encode(WishView(status))
    }

    /// Changes what the tenant wants. Kick is made to agree within seconds: the states say how far that is.
    static func put(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        struct Body: Decodable {
            let types: [String]?

            enum CodingKeys: String, CodingKey {
                case types
            }

            /// The name has to be there: null is a wish, leaving it out a mistake.
            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: CodingKeys.self)
                guard container.contains(.types) else {
                    throw GatewayError(
                        .invalid, "is missing: a list of event types, or null for all that there are", field: "types")
                }
                types = try container.decode([String]?.self, forKey: .types)
            }
        }
        let broadcaster = try broadcaster(context)
        let body: Body = try await JSONBody.decode(from: context.request)
        let status = try await context.services.subscribing.setWish(
            body.types, for: broadcaster, in: try context.requireCaller().tenant)
        return try JSONBody.encode(WishView(status))
    }

    /// Looks at everything between Kick and the log.
    static func check(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        let report = try await context.services.subscriptionCheck.run(
            for: try broadcaster(context), in: try context.requireCaller().tenant, deadline: .after(checkTimeout))
        return try JSONBody.encode(ReportView(report))
    }

    private static func broadcaster(_ context: RequestContext) throws -> Int64 {
        let id = try context.request.parameters.require("broadcaster", as: Int64.self)
        guard id > 0 else { throw GatewayError(.notFound, "there is no login of this broadcaster") }
        return id
    }
}
