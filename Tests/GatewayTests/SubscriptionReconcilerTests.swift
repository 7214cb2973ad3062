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

@Suite("Reconciling subscriptions", .timeLimit(.minutes(1)))
struct SubscriptionReconcilerTests {
    private static let chat = "chat.message.sent"

    @Test("a login gets every type at once, with one request; a second review asks for nothing")
    func plain() async throws {
        try await Reviewing.run { reviewing in
            _ = try await reviewing.stage.makeLogin()
            #expect(await reviewing.reconciler.reviewDue() == 1)
            #expect(try await reviewing.areAllActive())
            #expect(try await reviewing.number("subscriptions") == 10)
            #expect(try await reviewing.number("create") == 1)
            #expect(await reviewing.reconciler.reviewDue() == 0)
            try await reviewing.reviewAll()
            #expect(try await reviewing.number("create") == 1)
            #expect(try await reviewing.stage.logged().isEmpty)
        }
    }

    @Test("tenants share one subscription; each gets what it wants, and the last one to leave deletes it")
    func shared() async throws {
        try await Reviewing.run { reviewing in
            let stage = reviewing.stage
            let login = try await stage.makeLogin()
            let second = try await stage.fixture.makeTenant("second")
            let other = try await stage.fixture.makeLogin(of: second, kickUserID: 5001)
            _ = try await reviewing.subscribing.setWish([Self.chat], for: 5001, in: stage.tenant.id)
            _ = try await reviewing.subscribing.setWish([Self.chat, "channel.followed"], for: 5001, in: second.id)
            try await reviewing.reviewAll()
            #expect(try await reviewing.number("subscriptions") == 2)
            #expect(try await reviewing.states() == [Self.chat: .active])
            #expect(try await reviewing.states(in: second) == [Self.chat: .active, "channel.followed": .active])

            let disconnecting = try stage.disconnecting()
            _ = try await disconnecting.disconnect(other.id, in: second.id, deadline: .after(.seconds(30)))
            #expect(await reviewing.reconciler.reviewDue() == 1)
            #expect(try await reviewing.number("subscriptions") == 1)
            #expect(try await reviewing.number(Self.chat) == 1)
            _ = try await disconnecting.disconnect(login.id, in: stage.tenant.id, deadline: .after(.seconds(30)))
            #expect(await reviewing.reconciler.reviewDue() == 1)
            #expect(try await reviewing.number("subscriptions") == 0)

            // When the list cannot show them any more the broadcaster is forgotten.
            try await reviewing.age(by: .seconds(3600))
            try await reviewing.reviewAll()
            let left = try await stage.fixture.database.query("SELECT 1 AS one FROM watched_broadcasters")
            #expect(left.count == 0)
        }
    }

    @Test("a broadcaster who has not granted events:subscribe is not subscribed, and the webhooks are nobody's")
    func notPermitted() async throws {
        try await Reviewing.run { reviewing in
            _ = try await reviewing.stage.makeLogin()
            _ = try await reviewing.stage.fixture.database.execute("UPDATE logins SET scopes = '{user:read}'")
            try await reviewing.reviewAll()
            #expect(try await reviewing.number("create") == 0)
            #expect(try await Set(reviewing.states().values) == [.notPermitted])
            let result = try await reviewing.stage.fixture.log.append([
                reviewing.stage.fixture.incoming("M1", app: reviewing.stage.tenant.appID, broadcaster: 5001)
            ])
            #expect(result.wanted.isEmpty && result.appended.isEmpty)
        }
    }

    @Test("a webhook of a type that a tenant does not want is not in its log, and is in that of another who does")
    func unwantedType() async throws {
        try await Reviewing.run { reviewing in
            let (stage, fixture) = (reviewing.stage, reviewing.stage.fixture)
            _ = try await stage.makeLogin()
            _ = try await reviewing.subscribing.setWish(["channel.followed"], for: 5001, in: stage.tenant.id)
            let event = fixture.incoming("M1", app: stage.tenant.appID, broadcaster: 5001)
            let nobody = try await fixture.log.append([event])
            #expect(nobody.wanted.isEmpty && nobody.recognized == [0] && nobody.appended.isEmpty)
            let second = try await fixture.makeTenant("second")
            _ = try await fixture.makeLogin(of: second, kickUserID: 5001)
            let somebody = try await fixture.log.append([event])
            #expect(somebody.appended.map(\.tenant) == [second.id])
            #expect(try await stage.logged().isEmpty)
        }
    }

    @Test("a stale list: one request, no more, and active when the list has caught up")
    func staleList() async throws {
        try await Reviewing.run { reviewing in
            try await reviewing.policy(["list_delay_seconds": 2])
            _ = try await reviewing.stage.makeLogin()
            try await reviewing.review { try await reviewing.areAllActive() }
            #expect(try await reviewing.number("create") == 1)
            #expect(try await reviewing.number("subscriptions") == 10)
        }
    }

    @Test("phantoms are made again when the list's patience is over, and nothing else is")
    func phantoms() async throws {
        try await Reviewing.run { reviewing in
            try await reviewing.policy(["phantom_creates": 4])
            _ = try await reviewing.stage.makeLogin()
            for _ in 0..<5 { try await reviewing.reviewAll() }
            #expect(try await reviewing.number("create") == 1)
            #expect(try await reviewing.number("subscriptions") == 6)
            try await reviewing.age(by: .seconds(301))
            try await reviewing.reviewAll()
            #expect(try await reviewing.areAllActive())
            #expect(try await reviewing.number("create") == 2)
            #expect(try await reviewing.number("created") == 10)
        }
    }

    @Test("what a delivery proves is not asked for again, however long the list does not show it")
    func proofOfLife() async throws {
        try await Reviewing.run { reviewing in
            try await reviewing.policy(["list_delay_seconds": 3600])
            _ = try await reviewing.stage.makeLogin()
            _ = try await reviewing.subscribing.setWish([Self.chat], for: 5001, in: reviewing.stage.tenant.id)
            try await reviewing.reviewAll()
            #expect(try await reviewing.states() == [Self.chat: .pending])
            try await reviewing.store.record([
                SubscriptionDelivery(
                    app: reviewing.stage.tenant.appID, broadcasterUserID: 5001, type: Self.chat, subscriptionID: "S1",
                    firstAt: .now(), lastAt: .now(), count: 1, longestGap: .zero)
            ])
            // It is news, so the broadcaster is due.
            #expect(await reviewing.reconciler.reviewDue() == 1)
            #expect(try await reviewing.states() == [Self.chat: .active])
            try await reviewing.reviewAll()
            #expect(try await reviewing.number("create") == 1)
        }
    }

    @Test("doubles are deleted, by the review and found by the census")
    func doubles() async throws {
        try await Reviewing.run { reviewing in
            let stage = reviewing.stage
            try await reviewing.policy(["duplicates": true])
            _ = try await stage.makeLogin()
            try await reviewing.reviewAll()
            let kick = try stage.kick()
            _ = try await kick.withAppToken(of: stage.tenant.appID) { token throws(KickError) in
                try await kick.api.subscribe(
                    to: EventCatalog.entries.map(\.type), broadcasterUserID: 5001, token: token,
                    deadline: .after(.seconds(30)))
            }
            #expect(try await reviewing.number("subscriptions") == 20)
            // Nobody is due, until the whole list is looked at.
            #expect(await reviewing.reconciler.reviewDue() == 0)
            var policy = SubscriptionPolicy()
            policy.alarmSpan = .zero
            await SubscriptionCensus(store: reviewing.store, kick: kick, policy: policy).takeDue()
            #expect(await reviewing.reconciler.reviewDue() == 1)
            #expect(try await reviewing.number("subscriptions") == 10)
            #expect(try await reviewing.areAllActive())
        }
    }

    @Test("over the quota the rest is made, the type waits without a request, and gets the place that becomes free")
    func quota() async throws {
        try await Reviewing.run { reviewing in
            let stage = reviewing.stage
            try await reviewing.policy(["unverified_chat_limit": 1])
            let first = try await stage.makeLogin(5001)
            try await reviewing.reviewAll()
            _ = try await stage.makeLogin(5002)
            try await reviewing.reviewAll()
            #expect(try await reviewing.number("subscriptions") == 19)
            #expect(try await reviewing.states(of: 5002)[Self.chat] == .limited)
            #expect(try await reviewing.stage.logged() == ["gateway.subscription.limited"])
            // One refused request for all, then one by type.
            #expect(try await reviewing.number("create") == 12)
            _ = try await stage.makeLogin(5003)
            for _ in 0..<5 { try await reviewing.reviewAll() }
            #expect(try await reviewing.number("create") == 13)
            #expect(try await reviewing.states(of: 5003)[Self.chat] == .limited)

            _ = try await stage.disconnecting().disconnect(
                first.id, in: stage.tenant.id, deadline: .after(.seconds(30)))
            #expect(await reviewing.reconciler.reviewDue() == 1)
            // The one that waited longest is due by itself.
            #expect(await reviewing.reconciler.reviewDue() == 1)
            #expect(try await reviewing.states(of: 5002)[Self.chat] == .active)
            #expect(try await reviewing.number(Self.chat) == 1)
        }
    }

    @Test("errors inside a success are tried again, alone")
    func partialErrors() async throws {
        try await Reviewing.run { reviewing in
            try await reviewing.policy(["partial_errors": 3])
            _ = try await reviewing.stage.makeLogin()
            try await reviewing.reviewAll()
            #expect(try await reviewing.states().values.count { $0 == .failed } == 3)
            for _ in 0..<5 { try await reviewing.reviewAll() }
            #expect(try await reviewing.number("create") == 1)
            try await reviewing.age(by: .seconds(60))
            try await reviewing.reviewAll()
            #expect(try await reviewing.areAllActive())
            #expect(try await reviewing.number("create") == 2)
        }
    }

    @Test("P14 trouble with a type is told to the tenants that want it, and to no other")
    func told() async throws {
        try await Reviewing.run({ $0.toleratedFailures = 1 }) { reviewing in
            try await reviewing.policy(["failing_types": [Self.chat]])
            _ = try await reviewing.stage.makeLogin()
            let second = try await reviewing.stage.fixture.makeTenant("second")
            _ = try await reviewing.stage.fixture.makeLogin(of: second, kickUserID: 5001)
            _ = try await reviewing.subscribing.setWish(["channel.followed"], for: 5001, in: second.id)
            try await reviewing.reviewAll()
            #expect(try await reviewing.states()[Self.chat] == .failed)
            #expect(try await reviewing.stage.logged() == ["gateway.subscription.failed"])
            #expect(try await reviewing.stage.fixture.log.read(after: 0, limit: 10, in: second.id).isEmpty)
        }
    }

    @Test("when everything is gone at Kick all broadcasters are reviewed, and it is made again after a second look")
    func switchedOff() async throws {
        try await Reviewing.run({ $0.alarmSpan = .zero }) { reviewing in
            for user in [5001, 5002, 5003] { _ = try await reviewing.stage.makeLogin(user) }
            try await reviewing.reviewAll()
            try await reviewing.stage.call(.post, "/sandbox/subscriptions/drop", ["client_id": "client"])
            #expect(try await reviewing.number("subscriptions") == 0)
            _ = try await reviewing.stage.fixture.database.execute(
                "UPDATE watched_broadcasters SET due_at = now() WHERE broadcaster_user_id = 5001")
            #expect(await reviewing.reconciler.reviewDue() == 1)
            // The other two are due now.
            while await reviewing.reconciler.reviewDue() > 0 {}
            #expect(try await reviewing.number("create") == 3)
            try await reviewing.age(by: .seconds(121))
            try await reviewing.reviewAll()
            #expect(try await reviewing.number("create") == 6)
            #expect(try await reviewing.number("subscriptions") == 30)
            for user: Int64 in [5001, 5002, 5003] { #expect(try await reviewing.areAllActive(of: user)) }
            let told = try await reviewing.stage.logged()
            #expect(told.count == 60, "30 lost, 30 active again")
        }
    }

    @Test("a deletion that Kick only pretends is made again when the list cannot be old any more")
    func ignoredDeletes() async throws {
        try await Reviewing.run { reviewing in
            let login = try await reviewing.stage.makeLogin()
            try await reviewing.reviewAll()
            try await reviewing.policy(["ignored_deletes": 10])
            _ = try await reviewing.stage.disconnecting().disconnect(
                login.id, in: reviewing.stage.tenant.id, deadline: .after(.seconds(30)))
            for _ in 0..<3 { try await reviewing.reviewAll() }
            #expect(try await reviewing.number("subscriptions") == 10)
            #expect(try await reviewing.number("delete") == 1)
            try await reviewing.age(by: .seconds(901))
            try await reviewing.reviewAll()
            #expect(try await reviewing.number("subscriptions") == 0)
        }
    }

    @Test("while Kick is in trouble nothing changes, and Kick is left alone for a while")
    func trouble() async throws {
        try await Reviewing.run { reviewing in
            _ = try await reviewing.stage.makeLogin()
            try await reviewing.stage.order(fault: [
                "target": "api", "path_prefix": "/public/v1/events/subscriptions", "method": "GET", "status": 503,
                "count": 1,
            ])
            #expect(await reviewing.reconciler.reviewDue() == 1)
            #expect(try await reviewing.number("create") == 0)
            // The app is paused in this process.
            try await reviewing.makeDue()
            #expect(await reviewing.reconciler.reviewDue() == 0)
            try await Reviewing(reviewing.stage).reviewAll()
            #expect(try await reviewing.areAllActive())
        }
    }

    @Test("a wish that changes during a review is no race: what was read before does nothing, and is read again")
    func wishChanges() async throws {
        try await Reviewing.run { reviewing in
            let (store, tenant) = (reviewing.store, reviewing.stage.tenant.id)
            _ = try await reviewing.stage.makeLogin()
            let review = try #require(try await store.claimReviews(1, lease: .seconds(60)).first)
            _ = try await reviewing.subscribing.setWish([], for: 5001, in: tenant)
            #expect(try await !store.begin(review, requesting: [Self.chat]))
            #expect(try await store.claimReviews(1, lease: .seconds(60)).isEmpty, "the lease is held")
            try await store.finish(review, SubscriptionReviewResult(lookAgainAfter: .seconds(3600)))
            #expect(try await store.claimReviews(1, lease: .seconds(60)).count == 1)
        }
    }

    @Test("a review whose lease was taken over writes nothing")
    func fenced() async throws {
        try await Reviewing.run { reviewing in
            let store = reviewing.store
            _ = try await reviewing.stage.makeLogin()
            let late = try #require(try await store.claimReviews(1, lease: .milliseconds(-1)).first)
            _ = try await reviewing.stage.fixture.database.execute("UPDATE watched_broadcasters SET due_at = now()")
            let next = try #require(try await store.claimReviews(1, lease: .seconds(60)).first)
            #expect(next.fence == late.fence + 1)
            #expect(try await !store.begin(late, requesting: [Self.chat]))
            #expect(try await !store.begin(late, deleting: ["x"]))
            var result = SubscriptionReviewResult(lookAgainAfter: .seconds(3600))
            result.observed = [ObservedSubscription(type: Self.chat, state: .active)]
            try await store.finish(late, result)
            #expect(try await reviewing.states()[Self.chat] == .pending)
            #expect(try await store.claimReviews(1, lease: .seconds(60)).isEmpty)
            try await store.finish(next, result)
            #expect(try await reviewing.states()[Self.chat] == .active)
        }
    }

    @Test("many processes at once make each subscription once")
    func manyProcesses() async throws {
        try await Reviewing.run { reviewing in
            try await reviewing.policy(["duplicates": true])
            for user in [5001, 5002, 5003] { _ = try await reviewing.stage.makeLogin(user) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<6 {
                    let other = try Reviewing(reviewing.stage)
                    group.addTask { while await other.reconciler.reviewDue() > 0 {} }
                }
                try await group.waitForAll()
            }
            #expect(try await reviewing.number("subscriptions") == 30)
            #expect(try await reviewing.number("create") == 3)
        }
    }

    @Test("the quota counts what is wanted, warns of each level once, and forecasts")
    func census() async throws {
        try await Reviewing.run { reviewing in
            let (stage, store) = (reviewing.stage, reviewing.store)
            _ = try await stage.makeLogin()
            try await reviewing.reviewAll()
            let census = SubscriptionCensus(store: store, kick: try stage.kick())
            await census.takeDue()
            let app = stage.tenant.appID
            let quotas = try await store.quotas(of: app)
            #expect(quotas.count == 10)
            #expect(quotas.allSatisfy { $0.used == 1 && $0.wanted == 1 && $0.warned == 0 && $0.growthPerDay == nil })

            #expect(try await store.noteWarning(of: 70, type: Self.chat, app: app))
            #expect(try await !store.noteWarning(of: 70, type: Self.chat, app: app))
            _ = try await stage.fixture.database.execute(
                """
                INSERT INTO subscription_quota_days (app_id, type, day, wanted)
                SELECT \(app), \(Self.chat), (now() AT TIME ZONE 'UTC')::date - day, 1 - day * 10
                FROM generate_series(1, 9) AS day
                """)
            let uses = try await SubscriptionQuotas(store: store, apps: AppDirectory(store: stage.fixture.tenants))
                .uses(of: app)
            let chat = try #require(uses.first { $0.quota.type == Self.chat })
            #expect(chat.limit == 1000)
            #expect(abs((chat.daysLeft ?? 0) - 99.9) < 0.01)
        }
    }

    @Test("P14 a tenant sees and changes its own wishes only")
    func isolation() async throws {
        try await Reviewing.run { reviewing in
            _ = try await reviewing.stage.makeLogin()
            let second = try await reviewing.stage.fixture.makeTenant("second")
            await #expect(throws: GatewayError.self) {
                try await reviewing.subscribing.setWish([], for: 5001, in: second.id)
            }
            await #expect(throws: GatewayError.self) {
                try await reviewing.subscribing.status(of: 5001, in: second.id)
            }
            #expect(try await reviewing.subscribing.subscriptions(in: second.id).isEmpty)
            #expect(try await reviewing.states().count == 10)
        }
    }
}
