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

    /// Whether the key has not expired at `time`.
    fileprivate func isUsable(at time: Timestamp) -> Bool {
        expiresAt.map { time < $0 } ?? true
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
        let caller: Caller?
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
        let now = Deadline.now()
        let known = remembered.withLock { $0[hash] }
        let caller = if let known, known.until > now { known.caller } else { try await look(hash, at: now) }
        guard let caller, caller.isUsable(at: .now()) else {
            throw GatewayError(.unauthenticated, "the API key is not valid")
        }
        return caller
    }

    /// Forgets what is remembered: a key was revoked.
    package func forget() {
        remembered.withLock { $0.removeAll(keepingCapacity: true) }
    }

    private func look(_ hash: [UInt8], at now: Deadline) async throws -> Caller? {
        let holder = try await store.holder(tokenHash: hash)
        let caller = holder.flatMap { $0.key.isUsable(at: .now()) ? Caller($0.key, app: $0.app) : nil }
        remembered.withLock { remembered in
            // Guessing fills the memory with misses; it is small and short-lived, so it is simply emptied.
            if remembered.count >= Self.capacity { remembered.removeAll(keepingCapacity: true) }
            remembered[hash] = Remembered(caller: caller, until: now + Self.lifetime)
        }
        return caller
    }
}
