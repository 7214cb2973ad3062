import Kick
import Model
import Store

/// What a review of one broadcaster is to do, decided from three things: what is wanted, what Kick lists, and what was seen
/// before. Pure; a network call in between only brings ``answer(_:for:)``.
///
/// Kick's list may be minutes old, and a subscription that Kick says to have made may never appear (FACTS §3.3). So what is
/// missing is asked for only after waiting, a delivery counts for more than the list, and what is listed twice is deleted.
struct SubscriptionPlan {
    /// What Kick is to be asked for.
    private(set) var requests: [String] = []
    /// What Kick is to be told to delete, by its ids, and the type of each.
    private(set) var deletions: [String: String] = [:]
    /// Whether something that Kick once had is missing for the first time.
    private(set) var noticedLoss = false
    private(set) var result: SubscriptionReviewResult

    private let review: SubscriptionReview
    private let policy: SubscriptionPolicy
    private let now: Timestamp
    /// By type; wanted ones only.
    private var rows: [String: ObservedSubscription] = [:]
    private let order: [String]
    /// Types that Kick had and has no more.
    private var lost: Set<String> = []

    init(_ review: SubscriptionReview, listed: [KickSubscription], policy: SubscriptionPolicy) {
        self.review = review
        self.policy = policy
        now = review.now
        result = SubscriptionReviewResult(lookAgainAfter: policy.reviewInterval)
        order = Self.wantedTypes(review.wish)

        // What was deleted lately may still be listed. What is listed after that was not deleted.
        let counted = listed.filter { subscription in
            guard let deletedAt = review.deleted[subscription.id] else { return true }
            return deletedAt.advanced(by: policy.deletionPatience) <= review.now
        }
        let known = Dictionary(uniqueKeysWithValues: review.observed.map { ($0.type, $0) })
        for type in order {
            let own = counted.filter { $0.type.rawValue == type }
            var row = known[type] ?? ObservedSubscription(type: type)
            if own.isEmpty { missed(&row) } else { found(own, &row) }
            rows[type] = row
        }
        let wanted = Set(order)
        for subscription in counted where !wanted.contains(subscription.type.rawValue) {
            deletions[subscription.id] = subscription.type.rawValue
        }
        // Kick said once to have made these, and may have, without listing them.
        for row in review.observed where !wanted.contains(row.type) {
            if let id = row.kickID, review.deleted[id] == nil { deletions[id] = row.type }
        }
        let recent = review.deleted.values.contains { $0.advanced(by: policy.deletionPatience) > review.now }
        result.isOver = wanted.isEmpty && deletions.isEmpty && !recent
    }

    /// What a wish comes to, in the catalogue's order, then what the catalogue does not know.
    static func wantedTypes(_ wish: SubscriptionReview.CombinedWish) -> [String] {
        let all = EventCatalog.entries.map(\.type.rawValue)
        let known = wish.wantsEverything ? all : all.filter(wish.types.contains)
        return known + wish.types.filter { !all.contains($0) }.sorted()
    }

    // MARK: Against the list

    private mutating func found(_ own: [KickSubscription], _ row: inout ObservedSubscription) {
        // The one that delivers, else the one that we know, else the oldest: the others are doubles (FACTS §3.3 no. 6).
        let kept =
            own.first { $0.id == row.deliveredBy } ?? own.first { $0.id == row.kickID }
            ?? own.min { ($0.createdAt ?? .distantPast, $0.id) < ($1.createdAt ?? .distantPast, $1.id) }
        for double in own where double.id != kept?.id { deletions[double.id] = row.type }
        row.kickID = kept?.id
        row.listedAt = now
        becomeActive(&row)
        if isSilent(row) { row.state = .silent }
    }

    private mutating func missed(_ row: inout ObservedSubscription) {
        if isAlive(row) {
            row.kickID = row.deliveredBy ?? row.kickID
            becomeActive(&row)
            // It is watched for as long as the list does not show it: a delivery may have been under way.
            row.missingSince = now
            return lookAgain(after: policy.missPatience * 2)
        }
        if let requestedAt = row.requestedAt {
            row.state = .pending
            let due = requestedAt.advanced(by: patience(afterRequests: row.requests))
            if due > now { return lookAgain(after: waiting(since: requestedAt, until: due)) }
            return request(&row)
        }
        guard row.listedAt != nil || row.deliveredAt != nil || row.kickID != nil else { return request(&row) }
        guard let since = row.missingSince else {
            row.missingSince = now
            noticedLoss = noticedLoss || row.state == .active || row.state == .silent
            return lookAgain(after: policy.missPatience)
        }
        let due = since.advanced(by: policy.missPatience)
        if due > now { return lookAgain(after: duration(from: now, to: due)) }
        lost.insert(row.type)
        request(&row)
    }

    private mutating func request(_ row: inout ObservedSubscription) {
        guard review.wish.mayRequest else { return }
        if let blockedUntil = review.blocked[row.type] {
            return limit(&row, until: duration(from: now, to: blockedUntil))
        }
        if let retryAt = row.retryAt, retryAt > now { return lookAgain(after: duration(from: now, to: retryAt)) }
        requests.append(row.type)
    }

    private func becomeActive(_ row: inout ObservedSubscription) {
        row.state = .active
        row.missingSince = nil
        row.requestedAt = nil
        row.requests = 0
        row.failures = 0
        row.retryAt = nil
        row.lastError = nil
    }

    /// A delivery after it was asked for, or after it was seen to be missing, tells that the list is wrong.
    private func isAlive(_ row: ObservedSubscription) -> Bool {
        guard let deliveredAt = row.deliveredAt, let since = row.requestedAt ?? row.missingSince else { return false }
        return deliveredAt > since
    }

    private func isSilent(_ row: ObservedSubscription) -> Bool {
        guard let deliveredAt = row.deliveredAt, let usualGap = row.usualGap,
            row.deliveries >= policy.minimumDeliveries
        else { return false }
        return deliveredAt.advanced(by: max(policy.minimumSilence, usualGap * policy.silenceFactor)) < now
    }

    // MARK: Kick's answers

    /// Kick was asked for these types at `time`: from now on its answer is waited for.
    mutating func didRequest(_ types: [String]) {
        for type in types {
            rows[type]?.requestedAt = now
            rows[type]?.requests += 1
        }
    }

    /// What Kick says of one type.
    mutating func answer(_ outcome: SubscriptionOutcome.Result, for type: String) {
        guard var row = rows[type] else { return }
        switch outcome {
        case .created(let id):
            row.kickID = id
            row.missingSince = nil
            row.listedAt = nil
            row.state = .pending
            row.lastError = nil
            lookAgain(after: policy.pendingInterval)
        case .failed(let reason):
            refuse(&row, reason)
        }
        rows[type] = row
    }

    /// The app has as many of these as Kick allows.
    mutating func limit(_ types: [String]) {
        for type in types {
            guard var row = rows[type] else { continue }
            row.requestedAt = nil
            row.requests = max(0, row.requests - 1)
            let pause = policy.limitPause * Double.random(in: 1...1.2)
            result.blocked[type] = pause
            limit(&row, until: pause)
            rows[type] = row
        }
    }

    /// Kick cannot have acted on the request.
    mutating func withdraw(_ types: [String]) {
        for type in types {
            rows[type]?.requestedAt = nil
            rows[type]?.requests -= 1
        }
    }

    /// Kick was told to delete these.
    mutating func didDelete(_ ids: [String]) {
        result.deleted += ids
        for id in ids { if let type = deletions[id] { result.freedTypes.insert(type) } }
        lookAgain(after: policy.deletionPatience)
    }

    /// The list once more, right after a request: what it shows needs no waiting.
    mutating func confirm(_ listed: [KickSubscription]) {
        for subscription in listed {
            guard var row = rows[subscription.type.rawValue], row.kickID == subscription.id, row.requestedAt != nil
            else { continue }
            row.listedAt = now
            becomeActive(&row)
            rows[subscription.type.rawValue] = row
        }
    }

    private mutating func refuse(_ row: inout ObservedSubscription, _ reason: String) {
        row.requestedAt = nil
        row.requests = 0
        row.failures += 1
        row.state = .failed
        row.lastError = reason
        let pause = Self.pause(afterFailures: row.failures, policy) * Double.random(in: 0.8...1.2)
        row.retryAt = now.advanced(by: pause)
        lookAgain(after: pause)
    }

    private mutating func limit(_ row: inout ObservedSubscription, until pause: Duration) {
        row.state = .limited
        row.lastError = "the app has as many subscriptions of this type as Kick allows"
        lookAgain(after: pause + policy.tick * Double.random(in: 0...120))
    }

    // MARK: The end

    /// What is to be stored, with what the tenants are told of it.
    mutating func finish() -> SubscriptionReviewResult {
        result.observed = order.compactMap { rows[$0] }
        for index in result.observed.indices {
            // Lost and had again within one review are two things to tell.
            if lost.contains(result.observed[index].type) { tell(.lost, index, as: .pending) }
            let trouble = trouble(of: result.observed[index])
            // Being asked for again is no end of a trouble.
            if trouble == nil, result.observed[index].state != .active { continue }
            tell(trouble, index)
        }
        result.lookAgainAfter = result.lookAgainAfter * Double.random(in: 0.9...1.1)
        return result
    }

    /// Once for each trouble, and once for its end.
    private mutating func tell(_ trouble: SubscriptionTrouble?, _ index: Int, as state: SubscriptionState? = nil) {
        guard trouble != result.observed[index].announced else { return }
        result.observed[index].announced = trouble
        var row = result.observed[index]
        row.state = state ?? row.state
        let event = SubscriptionEvents.make(trouble, row, of: review.broadcasterUserID, at: now)
        result.news.append((row.type, event))
    }

    private func trouble(of row: ObservedSubscription) -> SubscriptionTrouble? {
        switch row.state {
        case .silent: .silent
        case .limited: .limited
        case .failed: row.failures >= policy.toleratedFailures ? .failed : nil
        case .pending, .active, .notPermitted: nil
        }
    }

    // MARK: Time

    private mutating func lookAgain(after pause: Duration) {
        result.lookAgainAfter = min(result.lookAgainAfter, max(pause, policy.tick))
    }

    private func patience(afterRequests requests: Int64) -> Duration {
        min(policy.maximumPatience, policy.listPatience * Double(1 << min(max(requests - 1, 0), 20)))
    }

    /// Looks often at first, more seldom as time goes by.
    private func waiting(since start: Timestamp, until end: Timestamp) -> Duration {
        min(max(policy.pendingInterval, duration(from: start, to: now)), .seconds(300), duration(from: now, to: end))
    }

    static func pause(afterFailures failures: Int64, _ policy: SubscriptionPolicy) -> Duration {
        min(policy.maximumRetryInterval, policy.retryInterval * Double(1 << min(max(failures - 1, 0), 20)))
    }

    private func duration(from start: Timestamp, to end: Timestamp) -> Duration {
        .microseconds(end.microseconds - start.microseconds)
    }
}

extension Timestamp {
    fileprivate static let distantPast = Timestamp(seconds: 0)
}
