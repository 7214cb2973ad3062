import HTTP
import HTTPServer

/// Whether the process lives, and whether it can work.
enum Health {
    static func live(_ context: RequestContext) async throws -> Response {
        try JSONBody.encode(["status": "live"])
    }

    /// 503 names what is missing; the service keeps running.
    static func ready(_ context: RequestContext) async throws -> Response {
        struct Answer: Encodable {
            let status: String
            let missing: [String]
        }
        let missing = await context.services.missing()
        return try JSONBody.encode(
            Answer(status: missing.isEmpty ? "ready" : "not ready", missing: missing),
            status: missing.isEmpty ? .ok : .serviceUnavailable)
    }
}
