import Foundation
import HTTP
import Sandbox
import Testing

@Suite("Sandbox: subscriptions")
struct SubscriptionStateTests {
    var state = Samples.state()
    var service = SubscriptionService()

    // MARK: Good days

    private func wish(_ events: String..., broadcaster: Int? = nil, method: String? = "webhook") -> JSON {
        .object(
            [
                .init(name: "events", value: .array(events.map { ["name": .string($0), "version": 1] })),
                .init(name: "broadcaster_user_id", value: broadcaster.map { .integer($0) } ?? .null),
                .init(name: "method", value: .optional(method)),
            ])
    }

    private mutating func post(
        _ body: JSON, _ bearer: SandboxState.Bearer, at now: SandboxTime = Samples.now
    ) -> APIAnswer {
        state.subscribe(body, for: bearer, service: &service, at: now)
    }

    private mutating func delete(
        _ ids: String..., bearer: SandboxState.Bearer, at now: SandboxTime = Samples.now
    ) -> APIAnswer {
        var query = QueryItems()
        for id in ids { query.append("id", id) }
        return state.unsubscribe(query, for: bearer, service: &service, at: now)
    }

    private func listed(_ bearer: SandboxState.Bearer, at now: SandboxTime = Samples.now) -> [JSON] {
        let answer = state.subscriptionsAnswer([:], for: bearer, policy: service.policy, at: now)
        return answer.body?["data"]?.arrayValue ?? []
    }

    @Test("An app token subscribes to any channel, lists and deletes")
    mutating func appSubscribes() throws {
        let app = try state.appBearer()
        let answer = post(wish("chat.message.sent", "channel.followed", broadcaster: 1002), app)
        #expect(answer.status == 200)
        let id = try #require(answer.body?["data"]?.arrayValue?.first?["subscription_id"]?.stringValue)
        let listed = listed(app)
        #expect(listed.count == 2)
        #expect(
            listed[0]
                == [
                    "app_id": "client", "broadcaster_user_id": 1002, "created_at": "2026-09-30T12:00:00Z",
                    "event": "chat.message.sent", "id": .string(id), "method": "webhook",
                    "updated_at": "2026-09-30T12:00:00Z", "version": 1,
                ])
        #expect(delete(id, "unknown", bearer: app).status == 204)
        #expect(state.subscriptions.map(\.event) == ["channel.followed"])
        #expect(delete(bearer: app).status == 400)
    }

    @Test("A user token subscribes to its own channel, whatever the body says")
    mutating func userSubscribes() throws {
        let nova = try state.bearer()
        #expect(post(wish("chat.message.sent", broadcaster: 1002), nova).status == 200)
        #expect(state.subscriptions.map(\.broadcasterID) == [1001])
        let pixel = try state.bearer(userID: 1002)
        #expect(listed(pixel).isEmpty)
        #expect(delete(state.subscriptions[0].id, bearer: pixel).status == 204)
        #expect(state.subscriptions.count == 1)
    }

    @Test("What is refused as a whole")
    mutating func refused() throws {
        let app = try state.appBearer()
        let poor = try state.bearer(scope: "user:read")
        #expect(post(wish("chat.message.sent"), app).body?.text == #"{"data":{},"message":"Invalid request"}"#)
        #expect(post(wish("chat.message.sent", broadcaster: 1001, method: nil), app).status == 400)
        #expect(post(wish(broadcaster: 1001), app).status == 400)
        #expect(post(wish("chat.message.sent"), poor).status == 403)
        #expect(delete("x", bearer: poor).status == 403)
        #expect(state.subscriptions.isEmpty)
    }

    @Test("An unknown event is an error in a 200; the others are made")
    mutating func partial() throws {
        let answer = post(wish("chat.message.sent", "raid.started", broadcaster: 1001), try state.appBearer())
        #expect(answer.status == 200)
        let data = try #require(answer.body?["data"]?.arrayValue)
        #expect(data[0]["subscription_id"] != nil)
        #expect(data[1]["subscription_id"] == nil)
        #expect(data[1]["error"] != nil)
    }

    @Test("Subscribing twice answers with the first, or makes a duplicate", arguments: [false, true])
    mutating func duplicates(allowed: Bool) throws {
        service.policy.allowsDuplicates = allowed
        let app = try state.appBearer()
        for _ in 1...2 { #expect(post(wish("channel.followed", broadcaster: 1001), app).status == 200) }
        #expect(state.subscriptions.count == (allowed ? 2 : 1))
    }

    @Test("Over the limit nothing of the request is made; a verified app has the larger limit")
    mutating func limits() throws {
        service.policy.unverifiedChatLimit = 1
        let app = try state.appBearer()
        #expect(post(wish("chat.message.sent", broadcaster: 1001), app).status == 200)
        let second = wish("channel.followed", "chat.message.sent", broadcaster: 1002)
        #expect(
            post(second, app).body?.text
                == #"{"data":"event subscription limit reached","message":"Bad request"}"#)
        #expect(state.subscriptions.count == 1)
        var verified = Samples.app
        verified.isVerified = true
        state.register(verified)
        #expect(post(second, app).status == 200)
    }

    @Test("Switching webhooks off ends the app's subscriptions")
    mutating func webhooksOff() throws {
        #expect(post(wish("channel.followed", broadcaster: 1001), try state.appBearer()).status == 200)
        var app = Samples.app
        app.webhookURL = nil
        state.register(app)
        #expect(state.subscriptions.isEmpty)
    }

    // MARK: Bad days

    @Test("The list is some time old: of what was made and of what was deleted")
    mutating func staleList() throws {
        service.policy.listDelaySeconds = 60
        let app = try state.appBearer()
        #expect(post(wish("channel.followed", broadcaster: 1001), app).status == 200)
        #expect(listed(app, at: Samples.now + 59).isEmpty)
        #expect(listed(app, at: Samples.now + 60).count == 1)
        #expect(delete(state.subscriptions[0].id, bearer: app, at: Samples.now + 100).status == 204)
        #expect(listed(app, at: Samples.now + 159).count == 1)
        #expect(listed(app, at: Samples.now + 160).isEmpty)
        // Deleted before it showed: it shows all the same, for as long as it lived.
        #expect(post(wish("channel.followed", broadcaster: 1001), app, at: Samples.now + 200).status == 200)
        #expect(delete(state.subscriptions[0].id, bearer: app, at: Samples.now + 210).status == 204)
        let counts = [259, 260, 269, 270].map { listed(app, at: Samples.now + $0).count }
        #expect(counts == [0, 1, 1, 0])
    }

    @Test("A phantom has an id and is nowhere; the next one is real")
    mutating func phantom() throws {
        service.policy.phantomCreates = 1
        let app = try state.appBearer()
        for count in 0...1 {
            let answer = post(wish("channel.followed", broadcaster: 1001), app)
            #expect(answer.body?["data"]?.arrayValue?.first?["subscription_id"]?.stringValue?.count == 26)
            #expect(listed(app).count == count)
        }
        #expect(service.counts["client"]?.phantoms == 1)
        #expect(service.counts["client"]?.created == 1)
    }

    @Test("Errors inside a 200: the next ones, or always for a type")
    mutating func partialErrors() throws {
        service.policy.partialErrors = 1
        service.policy.failingTypes = ["kicks.gifted"]
        let app = try state.appBearer()
        let answer = post(
            wish("channel.followed", "kicks.gifted", "chat.message.sent", broadcaster: 1001), app)
        #expect(answer.status == 200)
        #expect(answer.body?["data"]?.arrayValue?.map { $0["error"] != nil } == [true, true, false])
        #expect(state.subscriptions.map(\.event) == ["chat.message.sent"])
        #expect(service.counts["client"]?.partialErrors == 2)
    }

    @Test("A deletion that is ignored, and one that only the list knows of")
    mutating func deletions() throws {
        let app = try state.appBearer()
        #expect(post(wish("channel.followed", "kicks.gifted", broadcaster: 1001), app).status == 200)
        service.policy.ignoredDeletes = 1
        let id = state.subscriptions[0].id
        #expect(delete(id, bearer: app).status == 204)
        #expect(listed(app).count == 2)
        #expect(delete(id, bearer: app).status == 204)
        #expect(listed(app).map { $0["event"] } == ["kicks.gifted"])
    }

    @Test("Over the limit counts as one refusal, with duplicates of one request too")
    mutating func limitOfDuplicates() throws {
        service.policy.limitPerType = 2
        service.policy.allowsDuplicates = true
        let app = try state.appBearer()
        let three = wish("kicks.gifted", "kicks.gifted", "kicks.gifted", broadcaster: 1001)
        #expect(post(three, app).status == 400)
        #expect(state.subscriptions.isEmpty)
        service.policy.allowsDuplicates = false
        #expect(post(three, app).status == 200)
        #expect(state.subscriptions.count == 1)
        #expect(service.counts["client"]?.overLimit == 1)
    }

    @Test("Thousands are made and deleted one by one; those that are left stay in their order")
    mutating func many() throws {
        let app = try state.appBearer()
        service.policy.allowsDuplicates = true
        for _ in 1...1000 { _ = post(wish("channel.followed", broadcaster: 1001), app) }
        let ids = state.subscriptions.map(\.id)
        #expect(ids == ids.sorted())
        for (index, id) in ids.enumerated() where index % 10 != 3 { _ = delete(id, bearer: app) }
        let left = ids.enumerated().filter { $0.offset % 10 == 3 }.map(\.element)
        #expect(state.subscriptions.map(\.id) == left)
        let again = try JSONDecoder().decode(SandboxState.self, from: try JSONEncoder().encode(state))
        #expect(again.subscriptions == state.subscriptions)
    }

    // MARK: Giving up

    @Test("A subscription is given up when its deliveries have failed for long enough, with none between that did not")
    func givingUp() {
        func record(_ status: Int?) -> DeliveryRecord {
            DeliveryRecord(
                messageID: "m", subscriptionID: "s", eventType: "t", broadcasterID: 1, firstTryAt: Samples.now,
                attempts: 1, status: status, failure: nil)
        }
        var service = SubscriptionService()
        func isGivenUp(after status: Int?, at second: Int) -> Bool {
            service.isGivenUp(after: record(status), at: Samples.now + second)
        }
        #expect(!isGivenUp(after: 500, at: 0))
        #expect(!isGivenUp(after: nil, at: 86399))
        #expect(!isGivenUp(after: 200, at: 86400))
        #expect(!isGivenUp(after: 503, at: 86401))
        #expect(!isGivenUp(after: 503, at: 86401 + 86399))
        #expect(isGivenUp(after: 503, at: 86401 + 86400))
        service.policy.autoUnsubscribeSeconds = 0
        for second in [0, 1_000_000] { #expect(!isGivenUp(after: 500, at: second)) }
    }
}
