import Kick
package import Model
import Net
package import Store
import Synchronization
import Telemetry

/// Makes Kick agree with what tenants want, broadcaster by broadcaster, for ever.
///
/// A broadcaster is due when a wish changes, when a delivery is news, and after a while. Any replica may review it, one at a
/// time: a lease in the row says who. Kick is asked with the app's token, which sees and ends what any token made. What is
/// done is decided by ``SubscriptionPlan``.
package final class SubscriptionReconciler: Sendable {
    private struct AppState {
        /// Kick is in trouble, or limits our rate: no review of the app begins before.
        var pausedUntil = Deadline.now()
        var troubles = 0
        var alarmedAt: Deadline?
    }

    private let store: SubscriptionStore
    private let kick: KickAccess
    private let policy: SubscriptionPolicy
    private let apps = Mutex<[AppID: AppState]>([:])
    private static let report = Log("subscriptions")

    package init(store: SubscriptionStore, kick: KickAccess, policy: SubscriptionPolicy = SubscriptionPolicy()) {
        self.store = store
        self.kick = kick
        self.policy = policy
    }

    /// Reviews what is due, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            let count = await reviewDue()
            let pause = count > 0 ? .seconds(Double(count) / policy.rate) : policy.tick * Double.random(in: 0.8...1.2)
            try? await sleep(for: pause)
        }
    }

    /// Reviews a few that are due; returns how many.
    @discardableResult
    package func reviewDue() async -> Int {
        do {
            let paused = apps.withLock { apps in
                let now = Deadline.now()
                return apps.filter { $0.value.pausedUntil > now }.map(\.key)
            }
            let reviews = try await store.claimReviews(policy.concurrency, lease: policy.lease, excluding: paused)
            await withTaskGroup { group in
                for review in reviews { group.addTask { await self.conduct(review) } }
            }
            return reviews.count
        } catch {
            Self.report.warning("the subscription schedule cannot be read", ["error": .string("\(error)")])
            return 0
        }
    }

    // MARK: One review

    private func conduct(_ review: SubscriptionReview) async {
        let result = await result(of: review, deadline: .after(policy.timeout))
        do {
            try await store.finish(review, result)
        } catch {
            // The lease runs out, and the broadcaster is due again.
            Self.report.warning(
                "a review of subscriptions could not be stored",
                [
                    "app": .text(review.app), "broadcaster": .int(Int(review.broadcasterUserID)),
                    "error": .string("\(error)"),
                ])
        }
    }

    private func result(of review: SubscriptionReview, deadline: Deadline) async -> SubscriptionReviewResult {
        var plan: SubscriptionPlan
        do {
            plan = SubscriptionPlan(review, listed: try await list(review, deadline), policy: policy)
        } catch {
            return failure(of: review, error)
        }
        if plan.noticedLoss { await raiseAlarm(review.app) }
        var trouble: (any Error)?
        do {
            try await delete(&plan, review, deadline)
            try await request(&plan, review, deadline)
            kickAnswered(review.app)
        } catch {
            trouble = error
        }
        var result = plan.finish()
        if let trouble {
            let failed = failure(of: review, trouble)
            result.error = failed.error
            result.lookAgainAfter = min(result.lookAgainAfter, failed.lookAgainAfter)
        }
        say(result, plan, review)
        return result
    }

    private func list(_ review: SubscriptionReview, _ deadline: Deadline) async throws -> [KickSubscription] {
        let broadcaster = review.broadcasterUserID
        let all = try await kick.withAppToken(of: review.app) { [kick] token throws(KickError) in
            try await kick.api.subscriptions(broadcasterUserID: broadcaster, token: token, deadline: deadline)
        }
        return all.filter { $0.broadcasterUserID ?? broadcaster == broadcaster }
    }

    /// Deletes doubles and what nobody wants any more. First, because it makes room.
    private func delete(
        _ plan: inout SubscriptionPlan, _ review: SubscriptionReview, _ deadline: Deadline
    ) async throws {
        let ids = plan.deletions.keys.sorted()
        guard !ids.isEmpty, try await store.begin(review, deleting: ids) else { return }
        try await kick.withAppToken(of: review.app) { [kick] token throws(KickError) in
            try await kick.api.unsubscribe(ids: ids, token: token, deadline: deadline)
        }
        plan.didDelete(ids)
    }

    /// Asks Kick for what is missing. When Kick says that there are too many, one type after the other: it does not say of
    /// which there are.
    private func request(
        _ plan: inout SubscriptionPlan, _ review: SubscriptionReview, _ deadline: Deadline
    ) async throws {
        let types = plan.requests
        guard !types.isEmpty, try await store.begin(review, requesting: types) else { return }
        plan.didRequest(types)
        if try await !ask(for: types, &plan, review, deadline) {
            if types.count == 1 {
                plan.limit(types)
            } else {
                for (index, type) in types.enumerated() {
                    do {
                        if try await !ask(for: [type], &plan, review, deadline) { plan.limit([type]) }
                    } catch {
                        plan.withdraw(Array(types[(index + 1)...]))
                        throw error
                    }
                }
            }
        }
        plan.confirm(try await list(review, deadline))
    }

    /// False when Kick says that the app has too many subscriptions: nothing was made then.
    private func ask(
        for types: [String], _ plan: inout SubscriptionPlan, _ review: SubscriptionReview, _ deadline: Deadline
    ) async throws -> Bool {
        let wishes = types.map { EventType(rawValue: $0) }
        do {
            let outcomes = try await kick.withAppToken(of: review.app) { [kick] token throws(KickError) in
                try await kick.api.subscribe(
                    to: wishes, broadcasterUserID: review.broadcasterUserID, token: token, deadline: deadline)
            }
            for outcome in outcomes { plan.answer(outcome.result, for: outcome.type.rawValue) }
            return true
        } catch let error as KickError {
            if error.isSubscriptionLimit { return false }
            switch error.kind {
            case .badRequest, .forbidden, .notFound, .conflict:
                for type in types { plan.answer(.failed(error.message ?? error.description), for: type) }
                return true
            case .unauthorized, .rateLimited, .edgeBlocked, .clientRefused, .grantRefused,
                .unreachable(requestSent: false):
                plan.withdraw(types)
            case .serverTrouble, .unreachable(requestSent: true), .undecodable, .unexpected:
                // They may have been made: the list will tell, in time.
                break
            }
            throw error
        }
    }

    // MARK: Trouble

    /// What a review comes to that could not be made: everything stays as it was.
    private func failure(of review: SubscriptionReview, _ error: any Error) -> SubscriptionReviewResult {
        let pause = SubscriptionPlan.pause(afterFailures: review.failures + 1, policy) * Double.random(in: 0.5...1)
        var result = SubscriptionReviewResult(lookAgainAfter: pause)
        result.observed = review.observed
        result.error = (error as? GatewayError)?.message ?? "\(error)"
        if let error = error as? KickError, error.isTransient || error.kind == .clientRefused {
            pauseApp(review.app, error)
        }
        Self.report.warning(
            "subscriptions could not be reviewed",
            [
                "app": .text(review.app), "broadcaster": .int(Int(review.broadcasterUserID)),
                "error": .string((error as? KickError)?.debugDescription ?? "\(error)"),
                "failures": .int(Int(review.failures) + 1), "seconds": .double(pause / .seconds(1)),
            ])
        return result
    }

    /// While Kick is in trouble the app's other broadcasters are not tried one after the other.
    private func pauseApp(_ app: AppID, _ error: KickError) {
        apps.withLock { apps in
            let troubles = apps[app, default: AppState()].troubles + 1
            let pause = error.retryAfter ?? min(.seconds(60), .seconds(1) * Double(1 << min(troubles, 6)))
            apps[app, default: AppState()].troubles = troubles
            apps[app, default: AppState()].pausedUntil = .after(pause)
        }
    }

    /// Kick is there for this app, as somebody has seen: nobody has to wait any more.
    package func kickAnswered(_ app: AppID) {
        apps.withLock { apps in
            apps[app]?.troubles = 0
            apps[app]?.pausedUntil = .now()
        }
    }

    /// Something that Kick had is missing: when webhooks were switched off in the dashboard, everything is.
    private func raiseAlarm(_ app: AppID) async {
        let isFirst = apps.withLock { apps in
            let now = Deadline.now()
            if let last = apps[app]?.alarmedAt, now - last < policy.alarmSpan * 5 { return false }
            apps[app, default: AppState()].alarmedAt = now
            return true
        }
        guard isFirst else { return }
        Self.report.warning("a subscription is gone at Kick: all of the app are reviewed", ["app": .text(app)])
        // Without it they are reviewed when they are due.
        try? await store.hasten(app: app, within: policy.alarmSpan)
    }

    private func say(_ result: SubscriptionReviewResult, _ plan: SubscriptionPlan, _ review: SubscriptionReview) {
        guard !plan.requests.isEmpty || !result.deleted.isEmpty || !result.news.isEmpty else { return }
        func count(_ state: SubscriptionState) -> LogValue { .int(result.observed.filter { $0.state == state }.count) }
        Self.report.info(
            "subscriptions reviewed",
            [
                "app": .text(review.app), "broadcaster": .int(Int(review.broadcasterUserID)),
                "requested": .int(plan.requests.count), "deleted": .int(result.deleted.count),
                "active": count(.active), "pending": count(.pending), "silent": count(.silent),
                "failed": count(.failed), "limited": count(.limited),
            ])
    }
}
