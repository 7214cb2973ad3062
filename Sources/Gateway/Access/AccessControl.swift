import Crypto
package import Model
import Net
package import Store
import Synchronization
import Telemetry

/// Who calls: made by ``AccessControl`` alone, so that code that holds one knows that a credential was checked.
package struct Caller: Sendable {
    package let tenant: TenantID
    package let key: KeyID
    package let scopes: Set<KeyScope>
    /// When the key stops opening doors; nil for never.
    package let expiresAt: Timestamp?

    fileprivate init(_ key: APIKey) {
        tenant = key.tenantID
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
        let key: APIKey?
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
        guard let key = try await key(hash), key.isUsable(at: .now()) else {
            throw GatewayError(.unauthenticated, "the API key is not valid")
        }
        return Caller(key)
    }

    /// Forgets what is remembered: a key was revoked.
    package func forget() {
        remembered.withLock { $0.removeAll(keepingCapacity: true) }
    }

    private func key(_ hash: [UInt8]) async throws -> APIKey? {
        let now = Deadline.now()
        if let known = remembered.withLock({ $0[hash] }), known.until > now { return known.key }
        let key = try await store.key(tokenHash: hash)
        remembered.withLock { remembered in
            // Guessing fills the memory with misses; it is small and short-lived, so it is simply emptied.
            if remembered.count >= Self.capacity { remembered.removeAll(keepingCapacity: true) }
            remembered[hash] = Remembered(key: key, until: now + Self.lifetime)
        }
        return key
    }
}
