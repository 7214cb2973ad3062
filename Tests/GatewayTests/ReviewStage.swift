import Foundation
import HTTP
import Kick
import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@testable import Gateway

/// Reviews against the sandbox, and what the sandbox has to say of them.
struct Reviewing {
    let stage: KickStage
    let store: SubscriptionStore
    let reconciler: SubscriptionReconciler
    let subscribing: Subscribing

    init(_ stage: KickStage, _ configure: (inout SubscriptionPolicy) -> Void = { _ in }) throws {
        var policy = SubscriptionPolicy()
        configure(&policy)
        self.stage = stage
        store = SubscriptionStore(database: stage.fixture.database)
        reconciler = SubscriptionReconciler(store: store, kick: try stage.kick(), policy: policy)
        subscribing = Subscribing(store: store)
    }

    static func run(
        _ configure: @escaping @Sendable (inout SubscriptionPolicy) -> Void = { _ in },
        _ body: @escaping @Sendable (Reviewing) async throws -> Void
    ) async throws {
        try await KickStage.run { stage in try await body(try Reviewing(stage, configure)) }
    }

    /// Reviews everybody now, due or not, once.
    func reviewAll() async throws {
        try await makeDue()
        while await reconciler.reviewDue() > 0 {}
    }

    func makeDue() async throws {
        _ = try await stage.fixture.database.execute(
            "UPDATE watched_broadcasters SET due_at = now() WHERE due_at > now()")
    }

    /// Reviews again and again until the condition holds; the test's time limit is the bound.
    func review(until condition: () async throws -> Bool) async throws {
        while try await !condition() {
            try await reviewAll()
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Lets so much time pass for all that the schedule, the list and the patience are measured by.
    func age(by duration: Duration) async throws {
        _ = try await stage.fixture.database.execute(
            """
            UPDATE kick_subscriptions SET requested_at = requested_at - \(duration),
                listed_at = listed_at - \(duration), missing_since = missing_since - \(duration),
                retry_at = retry_at - \(duration), delivered_at = delivered_at - \(duration)
            """)
        _ = try await stage.fixture.database.execute(
            "UPDATE deleted_kick_subscriptions SET deleted_at = deleted_at - \(duration)")
        _ = try await stage.fixture.database.execute(
            "UPDATE subscription_quotas SET blocked_until = blocked_until - \(duration)")
    }

    func policy(_ change: [String: Any]) async throws {
        try await stage.call(.put, "/sandbox/subscriptions/policy", change)
    }

    /// The sandbox's own count, which no fault blurs.
    func number(_ name: String) async throws -> Int {
        let answer = try await stage.call(.get, "/sandbox/subscriptions")
        let apps = answer["apps"] as? [[String: Any]] ?? []
        let own = apps.first { $0["client_id"] as? String == "client" } ?? [:]
        if let calls = (own["calls"] as? [String: Int])?[name] { return calls }
        if let byEvent = (own["by_event"] as? [String: Int])?[name] { return byEvent }
        return own[name] as? Int ?? 0
    }

    func states(of user: Int64 = 5001, in tenant: Tenant? = nil) async throws -> [String: SubscriptionState] {
        let rows = try await subscribing.subscriptions(of: user, in: (tenant ?? stage.tenant).id)
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.type, $0.state) })
    }

    func areAllActive(of user: Int64 = 5001, in tenant: Tenant? = nil) async throws -> Bool {
        let states = try await states(of: user, in: tenant)
        return !states.isEmpty && states.values.allSatisfy { $0 == .active }
    }
}
