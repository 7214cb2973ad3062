import Gateway
import HTTP
import HTTPServer
import Model

/// `/v1/events/retention`: how long the tenant's events are kept.
enum EventRetention {
    private struct View: Encodable {
        /// Null: as long as the deployment keeps them.
        let seconds: Nullable<Int64>
        let defaultSeconds: Int64
        let minimumSeconds: Int64

        init(_ status: TenantRetention.Status) {
            seconds = Nullable(status.chosen?.components.seconds)
            defaultSeconds = status.standard.components.seconds
            minimumSeconds = status.minimum.components.seconds
        }
    }

    static func get(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        let status = try await context.services.retention.status(in: try context.requireCaller().tenant)
        return try JSONBody.encode(View(status))
    }

    static func put(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        struct Body: Decodable {
            let seconds: Int64?

            enum CodingKeys: String, CodingKey {
                case seconds
            }

            /// The name has to be there: null is a choice, leaving it out a mistake.
            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: CodingKeys.self)
                guard container.contains(.seconds) else {
                    throw GatewayError(.invalid, "is missing: a number, or null for the longest", field: "seconds")
                }
                seconds = try container.decode(Int64?.self, forKey: .seconds)
            }
        }
        let body: Body = try await JSONBody.decode(from: context.request)
        let status = try await context.services.retention.choose(
            body.seconds.map { .seconds($0) }, in: try context.requireCaller().tenant)
        return try JSONBody.encode(View(status))
    }
}
