import Model
import Net
import Synchronization

/// Checks that run or have just ended, for whoever asks for the same.
final class RecentChecks: Sendable {
    typealias Outcome = Promise<Result<SubscriptionCheck.Report, any Error>>

    private struct Key: Hashable {
        let tenant: TenantID
        let broadcasterUserID: Int64
    }

    private let age: Duration
    private let checks = Mutex<[Key: (began: Deadline, outcome: Outcome)]>([:])

    /// - Parameter age: how long a report is good for others who ask.
    init(age: Duration) {
        self.age = age
    }

    /// The outcome to wait for, and whether the caller has to bring it about.
    func join(_ tenant: TenantID, _ broadcasterUserID: Int64) -> (outcome: Outcome, isFirst: Bool) {
        let key = Key(tenant: tenant, broadcasterUserID: broadcasterUserID)
        return checks.withLock { checks in
            let now = Deadline.now()
            checks = checks.filter { now - $0.value.began < age }
            if let known = checks[key] { return (known.outcome, false) }
            let outcome = Outcome()
            checks[key] = (now, outcome)
            return (outcome, true)
        }
    }

    /// The next who asks has it looked at again.
    func forget(_ tenant: TenantID, _ broadcasterUserID: Int64) {
        checks.withLock { $0[Key(tenant: tenant, broadcasterUserID: broadcasterUserID)] = nil }
    }
}
