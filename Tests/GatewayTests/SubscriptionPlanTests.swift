import Foundation
import Kick
import Model
import Store
import Testing

@testable import Gateway

/// Kick and a broadcaster over time, without either: every step is a review at a moment of its own.
private struct Reviewed {
    var policy = SubscriptionPolicy()
    var now = Timestamp(seconds: 1_000_000)
    var wish = SubscriptionReview.CombinedWish(types: ["chat.message.sent"], mayRequest: true)
    var observed: [ObservedSubscription] = []
    var deleted: [String: Timestamp] = [:]
    var blocked: [String: Timestamp] = [:]
    /// Every request that Kick was sent.
    var requestCount = 0

    /// One review. Kick answers requests with an id that `creates` makes, and `listsIt` tells whether the list shows it then.
    @discardableResult
    mutating func review(
        after pause: Duration = .zero, listed: [KickSubscription],
        creating outcome: (String) -> SubscriptionOutcome.Result = { .created(id: "made-\($0)") }, listsIt: Bool = false
    ) -> (plan: SubscriptionPlan, result: SubscriptionReviewResult) {
        now = now.advanced(by: pause)
        let review = SubscriptionReview(
            app: AppID(unchecked: "app_1"), broadcasterUserID: 7, now: now, wish: wish, observed: observed,
            deleted: deleted, blocked: blocked)
        var plan = SubscriptionPlan(review, listed: listed, policy: policy)
        let requests = plan.requests
        requestCount += requests.count
        plan.didRequest(requests)
        for type in requests { plan.answer(outcome(type), for: type) }
        if listsIt { plan.confirm(requests.map { listing($0, "made-\($0)") }) }
        plan.didDelete(plan.deletions.keys.sorted())
        for id in plan.deletions.keys { deleted[id] = now }
        let result = plan.finish()
        observed = result.observed
        return (plan, result)
    }

    mutating func deliver(_ type: String, after pause: Duration, by id: String = "made", gap: Duration = .seconds(60)) {
        now = now.advanced(by: pause)
        observed = observed.map { row in
            guard row.type == type else { return row }
            return ObservedSubscription(
                type: row.type, state: row.state, announced: row.announced, kickID: row.kickID,
                requestedAt: row.requestedAt, requests: row.requests, listedAt: row.listedAt,
                missingSince: row.missingSince, failures: row.failures, retryAt: row.retryAt, lastError: row.lastError,
                deliveredAt: now, deliveredBy: id, deliveries: row.deliveries + 10, usualGap: gap)
        }
    }

    func listing(_ type: String, _ id: String) -> KickSubscription {
        let json = #"{"id": "\#(id)", "event": "\#(type)", "version": 1, "broadcaster_user_id": 7}"#
        // A literal of the right shape.
        return try! JSONDecoder().decode(KickSubscription.self, from: Data(json.utf8))
    }

    var chat: ObservedSubscription { observed.first { $0.type == "chat.message.sent" }! }
}

@Suite("What a review of subscriptions decides")
struct SubscriptionPlanTests {
    private static let chat = "chat.message.sent"

    @Test("asks for what is missing, and takes it for active when the list shows it")
    func plain() {
        var kick = Reviewed()
        let first = kick.review(listed: [], listsIt: true)
        #expect(first.plan.requests == [Self.chat])
        #expect(kick.chat.state == .active)
        #expect(kick.chat.kickID == "made-chat.message.sent")
        let second = kick.review(after: .seconds(3600), listed: [kick.listing(Self.chat, "made-chat.message.sent")])
        #expect(second.plan.requests.isEmpty && second.plan.deletions.isEmpty)
        #expect(second.result.news.isEmpty)
    }

    @Test("a list that is minutes old costs no second request, and is looked at again soon")
    func staleList() {
        var kick = Reviewed()
        kick.review(listed: [])
        #expect(kick.chat.state == .pending)
        for _ in 0..<10 {
            let step = kick.review(after: .seconds(25), listed: [])
            #expect(step.plan.requests.isEmpty)
            #expect(step.result.lookAgainAfter < .seconds(300))
        }
        kick.review(after: .seconds(25), listed: [kick.listing(Self.chat, "made-chat.message.sent")])
        #expect(kick.chat.state == .active)
        #expect(kick.requestCount == 1)
    }

    @Test("a phantom is asked for again, each time later: never a storm")
    func phantom() {
        var kick = Reviewed()
        // A day of reviews every minute against a Kick that makes nothing.
        for _ in 0..<1440 { kick.review(after: .seconds(60), listed: []) }
        #expect((5...12).contains(kick.requestCount), "\(kick.requestCount) requests")
        kick.review(after: .seconds(60), listed: [kick.listing(Self.chat, "other")])
        #expect(kick.chat.state == .active)
        #expect(kick.chat.requests == 0)
    }

    @Test("a delivery proves more than a list that does not show the subscription")
    func proofOfLife() {
        var kick = Reviewed()
        kick.review(listed: [])
        kick.deliver(Self.chat, after: .seconds(10))
        kick.review(after: .seconds(1), listed: [])
        #expect(kick.chat.state == .active)
        #expect(kick.chat.kickID == "made")
        // It goes on delivering, and is not listed for hours.
        for _ in 0..<50 {
            kick.deliver(Self.chat, after: .seconds(300))
            kick.review(after: .seconds(300), listed: [])
        }
        #expect(kick.requestCount == 1)
    }

    @Test("what Kick had and has no more is asked for after two looks, and the log is told once")
    func lost() {
        var kick = Reviewed()
        kick.review(listed: [], listsIt: true)
        let first = kick.review(after: .seconds(3600), listed: [])
        #expect(first.plan.requests.isEmpty && first.plan.noticedLoss)
        #expect(first.result.lookAgainAfter <= .seconds(150))
        let early = kick.review(after: .seconds(60), listed: [])
        #expect(early.plan.requests.isEmpty && !early.plan.noticedLoss)
        let second = kick.review(after: .seconds(61), listed: [], listsIt: true)
        #expect(second.plan.requests == [Self.chat])
        #expect(
            second.result.news.map(\.event.type) == ["gateway.subscription.lost", "gateway.subscription.active"])
        #expect(
            kick.review(after: .seconds(60), listed: [kick.listing(Self.chat, "made-chat.message.sent")]).result.news
                .isEmpty)
    }

    @Test("however busy it was: what does not deliver after it was seen to be missing is lost")
    func busyAndLost() {
        var kick = Reviewed()
        kick.review(listed: [], listsIt: true)
        for _ in 0..<100 { kick.deliver(Self.chat, after: .seconds(5), gap: .seconds(5)) }
        #expect(kick.review(after: .seconds(1), listed: []).plan.noticedLoss)
        // One that was under way.
        kick.deliver(Self.chat, after: .seconds(1))
        #expect(kick.review(after: .seconds(120), listed: []).plan.requests.isEmpty)
        #expect(kick.review(after: .seconds(240), listed: []).plan.requests == [Self.chat])
        #expect(kick.requestCount == 2)
    }

    @Test("a subscription that is missing once and listed again was never lost")
    func flicker() {
        var kick = Reviewed()
        kick.review(listed: [], listsIt: true)
        for _ in 0..<20 {
            kick.review(after: .seconds(600), listed: [])
            kick.review(after: .seconds(60), listed: [kick.listing(Self.chat, "made-chat.message.sent")])
        }
        #expect(kick.requestCount == 1)
    }

    @Test("doubles are deleted, all but the one that delivers; what was deleted and is still listed counts for nothing")
    func doubles() {
        var kick = Reviewed()
        kick.review(listed: [], listsIt: true)
        kick.deliver(Self.chat, after: .seconds(1), by: "b")
        let listed = ["a", "b", "c"].map { kick.listing(Self.chat, $0) }
        let step = kick.review(after: .seconds(1), listed: listed)
        #expect(step.plan.deletions.keys.sorted() == ["a", "c"])
        #expect(kick.chat.kickID == "b")
        // The list is old: nothing is deleted twice.
        #expect(kick.review(after: .seconds(60), listed: listed).plan.deletions.isEmpty)
        // It is not old any more: Kick did not delete them.
        #expect(kick.review(after: .seconds(1000), listed: listed).plan.deletions.keys.sorted() == ["a", "c"])
    }

    @Test(
        "what nobody wants any more is deleted, also what Kick does not list; the broadcaster is over when nothing is left"
    )
    func leaving() {
        var kick = Reviewed()
        kick.review(listed: [])
        kick.wish = SubscriptionReview.CombinedWish()
        let other = kick.listing("channel.followed", "f")
        let step = kick.review(after: .seconds(5), listed: [other])
        #expect(step.plan.deletions == ["f": "channel.followed", "made-chat.message.sent": Self.chat])
        #expect(!step.result.isOver)
        #expect(step.result.observed.isEmpty)
        // The list shows for a while what is deleted.
        #expect(!kick.review(after: .seconds(60), listed: [other]).result.isOver)
        #expect(kick.review(after: .seconds(1000), listed: []).result.isOver)
        // Unless the deletion was no deletion.
        #expect(kick.review(listed: [other]).plan.deletions.keys.sorted() == ["f"])
    }

    @Test("a wish that returns while the list still shows what was deleted is asked for")
    func returning() {
        var kick = Reviewed()
        kick.review(listed: [], listsIt: true)
        let listed = [kick.listing(Self.chat, "made-chat.message.sent")]
        kick.wish = SubscriptionReview.CombinedWish()
        kick.review(after: .seconds(60), listed: listed)
        kick.wish = SubscriptionReview.CombinedWish(types: [Self.chat], mayRequest: true)
        #expect(kick.review(after: .seconds(1), listed: listed).plan.requests == [Self.chat])
    }

    @Test("refusals are repeated ever later, and told after three")
    func refused() {
        var kick = Reviewed()
        var told: [String] = []
        for _ in 0..<1440 {
            let step = kick.review(after: .seconds(60), listed: []) { _ in .failed("Kick's words") }
            told += step.result.news.map(\.event.type)
        }
        #expect((20...40).contains(kick.requestCount), "\(kick.requestCount) requests")
        #expect(told == ["gateway.subscription.failed"])
        #expect(kick.chat.state == .failed)
        #expect(kick.chat.lastError == "Kick's words")
        kick.review(after: .seconds(3600 * 2), listed: [], listsIt: true)
        #expect(kick.chat.state == .active)
    }

    @Test("what the app may have no more of is not asked for until there may be room")
    func limited() {
        var kick = Reviewed()
        let review = SubscriptionReview(
            app: AppID(unchecked: "app_1"), broadcasterUserID: 7, now: kick.now, wish: kick.wish)
        var plan = SubscriptionPlan(review, listed: [], policy: kick.policy)
        plan.didRequest(plan.requests)
        plan.limit([Self.chat])
        let result = plan.finish()
        #expect(result.blocked.keys.sorted() == [Self.chat])
        #expect(result.news.map(\.event.type) == ["gateway.subscription.limited"])
        #expect(result.observed[0].state == .limited)

        kick.observed = result.observed
        kick.blocked = [Self.chat: kick.now.advanced(by: .seconds(900))]
        let step = kick.review(after: .seconds(60), listed: [])
        #expect(step.plan.requests.isEmpty && step.result.news.isEmpty)
        #expect(step.result.lookAgainAfter > .seconds(700))
        kick.blocked = [:]
        #expect(kick.review(after: .seconds(60), listed: [], listsIt: true).plan.requests == [Self.chat])
        #expect(kick.chat.state == .active)
    }

    @Test("a login that is lost keeps what there is and gets nothing new")
    func lostLogin() {
        var kick = Reviewed()
        kick.wish.mayRequest = false
        #expect(kick.review(listed: []).plan.requests.isEmpty)
        let step = kick.review(listed: [kick.listing(Self.chat, "x")])
        #expect(step.plan.deletions.isEmpty)
        #expect(kick.chat.state == .active)
    }

    @Test("silence is measured by the usual gap, told once, and over with the next delivery")
    func silence() {
        var kick = Reviewed()
        kick.review(listed: [], listsIt: true)
        let listed = [kick.listing(Self.chat, "made-chat.message.sent")]
        kick.deliver(Self.chat, after: .seconds(60), by: "made-chat.message.sent", gap: .seconds(12 * 3600))
        // Twice as long as ever.
        #expect(kick.review(after: .seconds(24 * 3600), listed: listed).result.news.isEmpty)
        #expect(kick.chat.state == .active)
        let step = kick.review(after: .seconds(13 * 3600), listed: listed)
        #expect(step.result.news.map(\.event.type) == ["gateway.subscription.silent"])
        #expect(kick.chat.state == .silent)
        #expect(kick.review(after: .seconds(3600), listed: listed).result.news.isEmpty)
        kick.deliver(Self.chat, after: .seconds(60), by: "made-chat.message.sent", gap: .seconds(50 * 3600))
        #expect(kick.review(listed: listed).result.news.map(\.event.type) == ["gateway.subscription.active"])
        #expect(kick.requestCount == 1)
    }

    @Test("a request that may have been acted on is waited for; one that was not is made again at once")
    func uncertain() {
        var kick = Reviewed()
        let review = SubscriptionReview(
            app: AppID(unchecked: "app_1"), broadcasterUserID: 7, now: kick.now, wish: kick.wish)
        var sent = SubscriptionPlan(review, listed: [], policy: kick.policy)
        sent.didRequest(sent.requests)
        kick.observed = sent.finish().observed
        #expect(kick.review(after: .seconds(30), listed: []).plan.requests.isEmpty)

        var unsent = SubscriptionPlan(review, listed: [], policy: kick.policy)
        unsent.didRequest(unsent.requests)
        unsent.withdraw(unsent.requests)
        kick.observed = unsent.finish().observed
        #expect(kick.review(after: .seconds(30), listed: []).plan.requests == [Self.chat])
    }
}
