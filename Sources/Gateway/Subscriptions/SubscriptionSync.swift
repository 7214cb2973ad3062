import Kick
import Model
import Net
package import Store
import Telemetry

/// Brings what Kick delivers in line with what logins want: every event type of the catalogue, for every login.
///
/// A new login is due at once, every login again after a while. Kick is asked first what it has: asking twice for the
/// same makes doubles (FACTS §3.3).
package struct SubscriptionSync: Sendable {
    private static let lease = Duration.seconds(60)
    private static let timeout = Duration.seconds(20)
    private static let checkInterval = Duration.seconds(3600)
    private static let retryInterval = Duration.seconds(15)
    private static let report = Log("subscriptions")

    private let store: SubscriptionStore
    private let kick: KickAccess

    package init(store: SubscriptionStore, kick: KickAccess) {
        self.store = store
        self.kick = kick
    }

    /// Looks after what is due, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            let count = await synchronizeDue()
            try? await sleep(for: count > 0 ? .milliseconds(10) : .milliseconds(500))
        }
    }

    /// Looks after a few logins that are due; returns how many.
    func synchronizeDue() async -> Int {
        do {
            let claims = try await store.claimDue(limit: 8, lease: Self.lease)
            for claim in claims { await synchronize(claim) }
            return claims.count
        } catch {
            Self.report.warning("the subscription schedule cannot be read", ["error": .string("\(error)")])
            return 0
        }
    }

    private func synchronize(_ claim: SubscriptionStore.Claim) async {
        do {
            let outcomes = try await outcomes(for: claim)
            let failed = outcomes.filter { $0.state != .active }.count
            let interval = failed == 0 ? Self.checkInterval : Self.retryInterval
            try await store.finish(
                claim, outcomes: outcomes, lookAgainAfter: interval * Double.random(in: 0.9...1.1))
            Self.report.info(
                "subscriptions looked after",
                ["login": .text(claim.login), "active": .int(outcomes.count - failed), "failed": .int(failed)])
        } catch {
            // The lease runs out and the login is due again.
            Self.report.warning(
                "subscriptions could not be looked after",
                ["login": .text(claim.login), "tenant": .text(claim.tenant), "error": .string("\(error)")])
            try? await store.finish(claim, outcomes: [], lookAgainAfter: Self.retryInterval)
        }
    }

    /// What stands at Kick after missing subscriptions were asked for, one outcome per type.
    private func outcomes(for claim: SubscriptionStore.Claim) async throws -> [SubscriptionStore.Outcome] {
        let deadline = Deadline.after(Self.timeout)
        let broadcaster = claim.broadcasterUserID
        let existing = try await kick.withAppToken(of: claim.app) { token throws(KickError) in
            try await kick.api.subscriptions(broadcasterUserID: broadcaster, token: token, deadline: deadline)
        }
        var ids: [EventType: String] = [:]
        for subscription in existing where subscription.broadcasterUserID ?? broadcaster == broadcaster {
            ids[subscription.type] = subscription.id
        }
        let missing = EventCatalog.entries.filter { ids[$0.type] == nil }
        var errors: [EventType: String] = [:]
        if !missing.isEmpty {
            let created = try await kick.withAppToken(of: claim.app) { token throws(KickError) in
                try await kick.api.subscribe(
                    to: missing, broadcasterUserID: broadcaster, token: token, deadline: deadline)
            }
            for outcome in created {
                switch outcome.result {
                case .created(let id): ids[outcome.type] = id
                case .failed(let reason): errors[outcome.type] = reason
                }
            }
        }
        return EventCatalog.entries.map { entry in
            SubscriptionStore.Outcome(
                type: entry.type.rawValue, state: ids[entry.type] != nil ? .active : .failed,
                kickSubscriptionID: ids[entry.type],
                error: ids[entry.type] == nil ? errors[entry.type] ?? "Kick did not answer about this type" : nil)
        }
    }
}
