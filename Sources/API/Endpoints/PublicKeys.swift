import Crypto
import Gateway
import HTTP
import HTTPServer

/// `/v1/public-key`.
enum PublicKeys {
    struct View: Encodable {
        /// PEM.
        let publicKey: String
    }

    /// The key that Kick signs webhooks with, for who wants to check what was signed once more.
    static func get(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        return try await context.answer(.publicKey) { View(publicKey: $0.pem) }
    }
}
