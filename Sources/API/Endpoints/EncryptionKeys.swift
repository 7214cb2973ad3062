import Gateway
import HTTP
import HTTPServer
import Model
import Store

/// `/admin/v1/encryption-keys`: the keys that seal what is stored.
enum EncryptionKeys {
    private struct View: Encodable {
        let keys: [KeyView]
        let environmentKeys: [EnvironmentKeyView]
        let resealing: ResealingView

        init(_ status: KeyStatus) {
            keys = status.keys.map(KeyView.init)
            environmentKeys = status.environmentKeys.map(EnvironmentKeyView.init)
            resealing = ResealingView(status)
        }
    }

    private struct KeyView: Encodable {
        struct Use: Encodable {
            let column: String
            let count: Int
        }

        let id: String
        let createdAt: Timestamp
        let writes: Bool
        let wrappedBy: String
        let uses: [Use]

        init(_ key: KeyRecord) {
            id = key.id
            createdAt = key.createdAt
            writes = key.writes
            wrappedBy = key.wrappedBy
            uses = key.uses.map { Use(column: $0.column, count: $0.count) }
        }
    }

    private struct EnvironmentKeyView: Encodable {
        let id: String
        let wraps: Bool
        let isNeeded: Bool

        init(_ key: KeyStatus.EnvironmentKey) {
            id = key.id
            wraps = key.wraps
            isNeeded = key.isNeeded
        }
    }

    private struct ResealingView: Encodable {
        let isRunning: Bool
        let total: Int
        let remaining: Int
        let unreadable: Int

        init(_ status: KeyStatus) {
            isRunning = status.isRunning
            total = status.total
            remaining = status.remaining
            unreadable = status.unreadable
        }
    }

    static func status(_ context: RequestContext) async throws -> Response {
        try JSONBody.encode(View(try await context.services.rotation.status()))
    }

    static func rotate(_ context: RequestContext) async throws -> Response {
        try JSONBody.encode(View(try await context.services.rotation.rotate()), status: .accepted)
    }

    static func retire(_ context: RequestContext) async throws -> Response {
        let id = try context.request.parameters.require("id", as: String.self)
        return try JSONBody.encode(View(try await context.services.rotation.retire(id)))
    }
}
