import Kick
import Model
import Net
package import Store
import Telemetry

/// Looks at every app's whole list at Kick now and then: how much of the quota is used, and what is listed that should not be.
///
/// What Kick lists for broadcasters that the gateway has never had to do with is somebody else's: it is counted and left alone.
package struct SubscriptionCensus: Sendable {
    /// Kick's limit for each type of an app, and for chat as long as the app is not verified (FACTS §3.2).
    package static let limit: Int64 = 10_000
    package static let unverifiedChatLimit: Int64 = 1_000
    /// Percentages of the limit that are warned of.
    static let levels: [Int64] = [70, 90, 100]

    private static let timeout = Duration.seconds(120)
    private static let lease = Duration.seconds(300)
    private static let retryInterval = Duration.seconds(300)
    private static let report = Log("subscriptions")

    private let store: SubscriptionStore
    private let kick: KickAccess
    private let policy: SubscriptionPolicy

    package init(store: SubscriptionStore, kick: KickAccess, policy: SubscriptionPolicy = SubscriptionPolicy()) {
        self.store = store
        self.kick = kick
        self.policy = policy
    }

    /// The limit of one type.
    package static func limit(of type: String, isVerified: Bool) -> Int64 {
        type == EventType.chatMessageSent.rawValue && !isVerified ? unverifiedChatLimit : limit
    }

    /// Takes what is due, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            await takeDue()
            try? await sleep(for: .seconds(30) * Double.random(in: 0.8...1.2))
        }
    }

    package func takeDue() async {
        do {
            // One lease for one app: they take their time, one after the other.
            while let census = try await store.claimCensus(lease: Self.lease) { try await take(census) }
        } catch {
            Self.report.warning("the quota of subscriptions cannot be counted", ["error": .string("\(error)")])
        }
    }

    private func take(_ census: SubscriptionStore.Census) async throws {
        var used: [String: Int64]?
        do {
            let listed = try await kick.withAppToken(of: census.app) { [kick] token throws(KickError) in
                try await kick.api.subscriptions(token: token, deadline: .after(Self.timeout))
            }
            used = [:]
            for subscription in listed { used?[subscription.type.rawValue, default: 0] += 1 }
            try await lookThrough(listed, census.app)
        } catch let error as KickError {
            Self.report.warning(
                "an app's subscriptions cannot be listed",
                ["app": .text(census.app), "error": .string(error.debugDescription)])
        } catch let error as GatewayError {
            Self.report.warning(
                "an app's subscriptions cannot be listed", ["app": .text(census.app), "error": .string(error.message)])
        }
        let pause = (used == nil ? Self.retryInterval : policy.censusInterval) * Double.random(in: 0.9...1.1)
        try await store.finish(census, used: used, allTypes: Subscribing.allTypes, nextAfter: pause)
        try await warn(census)
    }

    /// Has broadcasters reviewed of whom something is listed twice. What is wanted by nobody is found by their own reviews.
    private func lookThrough(_ listed: [KickSubscription], _ app: AppID) async throws {
        var seen: Set<String> = []
        var doubled: Set<Int64> = []
        var broadcasters: Set<Int64> = []
        for subscription in listed {
            guard let broadcaster = subscription.broadcasterUserID else { continue }
            broadcasters.insert(broadcaster)
            if !seen.insert("\(broadcaster) \(subscription.type.rawValue)").inserted { doubled.insert(broadcaster) }
        }
        let watched = try await store.watched(Array(broadcasters), app: app)
        let foreign = broadcasters.subtracting(watched)
        if !foreign.isEmpty {
            Self.report.info(
                "Kick has subscriptions of this app for broadcasters that no tenant ever had; they are left alone",
                ["app": .text(app), "broadcasters": .int(foreign.count)])
        }
        let due = doubled.intersection(watched)
        if !due.isEmpty { try await store.hasten(Array(due), app: app, within: policy.alarmSpan) }
    }

    /// Warns when a level is reached: of what is wanted, which Kick may have not given yet.
    private func warn(_ census: SubscriptionStore.Census) async throws {
        for quota in try await store.quotas(of: census.app) {
            let limit = Self.limit(of: quota.type, isVerified: census.isVerified)
            let percentage = max(quota.used, quota.wanted) * 100 / limit
            let level = Self.levels.last { $0 <= percentage } ?? 0
            guard level != quota.warned,
                try await store.noteWarning(of: level, type: quota.type, app: census.app), level > quota.warned
            else { continue }
            Self.report.warning(
                "an app's quota of subscriptions is running out",
                [
                    "app": .text(census.app), "type": .string(quota.type), "percent": .int(Int(percentage)),
                    "used": .int(Int(quota.used)), "wanted": .int(Int(quota.wanted)), "limit": .int(Int(limit)),
                    "days_left": quota.daysLeft(of: limit).map { .double($0) } ?? .string("unknown"),
                ])
        }
    }
}

extension SubscriptionQuota {
    /// In how many days the limit is reached if things go on as in the last two weeks; nil when they do not grow.
    package func daysLeft(of limit: Int64) -> Double? {
        guard let growth = growthPerDay, growth > 0 else { return nil }
        return max(0, Double(limit - wanted) / growth)
    }
}
