import Synchronization
import Telemetry

/// Kick's subscription service behind its lock. It is locked before the state, never after.
final class SubscriptionKeeper: Sendable {
    private let service: Mutex<SubscriptionService>
    private let keeper: StateKeeper

    init(policy: SubscriptionPolicy, keeper: StateKeeper) {
        service = Mutex(SubscriptionService(policy: policy))
        self.keeper = keeper
    }

    var policy: SubscriptionPolicy { service.withLock { $0.policy } }

    /// By client id.
    var counts: [String: SubscriptionCounts] { service.withLock { $0.counts } }

    func resetCounts() { service.withLock { $0.counts = [:] } }

    /// A request has arrived.
    func count(_ call: WritableKeyPath<SubscriptionCounts, Int>, _ clientID: String) {
        service.withLock { $0.count(call, clientID) }
    }

    func change<Result: Sendable>(
        _ body: (inout SandboxState, inout SubscriptionService) -> Result
    ) throws -> Result {
        try service.withLock { service in
            // When the state cannot be written this has counted one too many, which does no harm.
            try keeper.change { body(&$0, &service) }
        }
    }

    /// Changes the policy, or leaves it as it was when `body` throws.
    func changePolicy(
        _ body: (inout SubscriptionPolicy) throws(SandboxError) -> Void
    ) throws -> SubscriptionPolicy {
        let changed = try service.withLock { service throws(SandboxError) in
            var policy = service.policy
            try body(&policy)
            service.policy = policy
            return policy
        }
        if changed.undeadDeletes == 0 { try keeper.change { $0.undeadSubscriptions = [] } }
        return changed
    }

    /// A delivery has ended: Kick gives a subscription up that has failed for too long (FACTS §3.3 no. 5).
    func delivered(_ record: DeliveryRecord) {
        let now = SandboxTime.now()
        // A forced delivery has a subscription id that does not exist.
        guard record.isDelivered || keeper.read({ $0.subscriptionTable[record.subscriptionID] != nil }),
            service.withLock({ $0.isGivenUp(after: record, at: now) })
        else { return }
        do {
            try change { state, service in
                guard let subscription = state.subscriptionTable[record.subscriptionID] else { return }
                state.remove(subscription.id, service: &service, at: now)
                service.count(\.autoUnsubscribed, subscription.clientID)
            }
        } catch {
            Log("sandbox").warning("a subscription could not be given up", ["error": .string("\(error)")])
        }
    }
}
