import Crypto
package import Model
import Net
package import Store
import Synchronization
import Telemetry

/// Who calls: made by ``AccessControl`` alone, so that code that holds one knows that a credential was checked.
package struct Caller: Sendable {
    package let tenant: TenantID
    /// The tenant's app.
    package let app: AppID
    package let key: KeyID
    package let scopes: Set<KeyScope>
    /// When the key stops opening doors; nil for never.
    package let expiresAt: Timestamp?

    fileprivate init(_ key: APIKey, app: AppID) {
        tenant = key.tenantID
        self.app = app
        self.key = key.id
        scopes = Set(key.scopes)
        expiresAt = key.expiresAt
    }

    /// Throws `forbidden`, naming the scope, unless the key has it.
    package func require(_ scope: KeyScope) throws(GatewayError) {
        guard scopes.contains(scope) else {
            throw GatewayError(.forbidden, "this API key lacks the scope \(scope)")
        }
    }
}

/// From an API key's secret to its tenant.
///
/// Answers are remembered for a second, so that a busy key costs one look-up a second, and a revocation that nobody
/// announced still takes effect within that time (P15).
package final class AccessControl: Sendable {
    private struct Remembered {
        let holder: KeyStore.Holder?
        let until: Deadline
    }

    private static let lifetime = Duration.seconds(1)
    private static let capacity = 10_000

    private let store: KeyStore
    private let remembered = Mutex<[[UInt8]: Remembered]>([:])

    package init(store: KeyStore) {
        self.store = store
    }

    /// The caller whose secret this is. Throws `unauthenticated`, without telling apart unknown, revoked and expired.
    package func caller(secret: String) async throws -> Caller {
        let hash = SecretToken.hash(of: secret)
        guard let holder = try await holder(hash), holder.key.isUsable(at: .now()) else {
            throw GatewayError(.unauthenticated, "the API key is not valid")
        }
        return Caller(holder.key, app: holder.app)
    }

    /// Forgets what is remembered: a key was revoked.
    package func forget() {
        remembered.withLock { $0.removeAll(keepingCapacity: true) }
    }

    private func holder(_ hash: [UInt8]) async throws -> KeyStore.Holder? {
        let now = Deadline.now()
        if let known = remembered.withLock({ $0[hash] }), known.until > now { return known.holder }
        let holder = try await store.holder(tokenHash: hash)
        remembered.withLock { remembered in
            // Guessing fills the memory with misses; it is small and short-lived, so it is simply emptied.
            if remembered.count >= Self.capacity { remembered.removeAll(keepingCapacity: true) }
            remembered[hash] = Remembered(holder: holder, until: now + Self.lifetime)
        }
        return holder
    }
}
