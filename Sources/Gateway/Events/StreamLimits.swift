import Model
import Synchronization

/// What bounds the streams of one process.
package struct StreamLimits: Sendable {
    /// Open streams of the process, of a tenant, and of a key. One more is refused.
    package var total = 50_000
    package var perTenant = 5_000
    package var perKey = 1_000
    /// How old a stream may become. Each gets a lifetime of its own, from three quarters of this up to all of it: those
    /// that came together do not come back together.
    package var age = Duration.seconds(1800)

    package init() {}

    func drawLifetime() -> Duration {
        age * Double.random(in: 0.75...1)
    }
}

/// The open streams of a process, counted.
final class StreamCounts: Sendable {
    private struct Counts {
        var total = 0
        var tenants: [TenantID: Int] = [:]
        var keys: [KeyID: Int] = [:]
    }

    private let limits: StreamLimits
    private let counts = Mutex(Counts())

    init(limits: StreamLimits) {
        self.limits = limits
    }

    /// Seconds after which a refused reader should come again, drawn for each.
    private static let retryAfter = 10...30

    /// Takes a place. Throws `tooManyStreams` when the key or the tenant has all of its own, `unavailable` when the process
    /// has no more.
    func takePlace(tenant: TenantID, key: KeyID) throws(GatewayError) -> StreamPlace {
        try counts.withLock { counts throws(GatewayError) in
            let ofKey = counts.keys[key, default: 0]
            let ofTenant = counts.tenants[tenant, default: 0]
            let retryAfter = Int.random(in: Self.retryAfter)
            if ofKey >= limits.perKey {
                throw GatewayError(
                    .tooManyStreams, "this API key has \(ofKey) open streams here; \(limits.perKey) is the limit",
                    retryAfter: retryAfter)
            }
            if ofTenant >= limits.perTenant {
                throw GatewayError(
                    .tooManyStreams, "the tenant has \(ofTenant) open streams here; \(limits.perTenant) is the limit",
                    retryAfter: retryAfter)
            }
            if counts.total >= limits.total {
                throw GatewayError(.unavailable, "this replica has all the streams it takes", retryAfter: retryAfter)
            }
            counts.keys[key] = ofKey + 1
            counts.tenants[tenant] = ofTenant + 1
            counts.total += 1
        }
        return StreamPlace(counts: self, tenant: tenant, key: key)
    }

    fileprivate func leave(tenant: TenantID, key: KeyID) {
        counts.withLock { counts in
            counts.total -= 1
            Self.decrement(&counts.tenants[tenant])
            Self.decrement(&counts.keys[key])
        }
    }

    /// The keys that have streams.
    var keys: Set<KeyID> { counts.withLock { Set($0.keys.keys) } }

    var total: Int { counts.withLock { $0.total } }

    private static func decrement(_ count: inout Int?) {
        guard let value = count else { return }
        count = value > 1 ? value - 1 : nil
    }
}

/// One of the places for streams, taken until it is left; forgetting it leaves it, too.
final class StreamPlace: Sendable {
    private let counts: StreamCounts
    private let tenant: TenantID
    private let key: KeyID
    private let isTaken = Atomic(true)

    init(counts: StreamCounts, tenant: TenantID, key: KeyID) {
        self.counts = counts
        self.tenant = tenant
        self.key = key
    }

    deinit { leave() }

    func leave() {
        if isTaken.exchange(false, ordering: .relaxed) { counts.leave(tenant: tenant, key: key) }
    }
}
