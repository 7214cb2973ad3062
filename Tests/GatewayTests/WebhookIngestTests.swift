import Kick
import Model
import Net
import Postgres
import Store
import Telemetry
import TestKit
import Testing

@testable import Gateway

/// A replica: ingest over a log of its own on the shared database.
struct IngestStage: Sendable {
    let fixture: StoreFixture
    let signer: WebhookSigner
    let ingest: WebhookIngest
    let deliveries = Box<[SubscriptionDelivery]>([])
    let tracker: DeliveryTracker

    init(_ fixture: StoreFixture, limits: CommitLimits = CommitLimits()) throws {
        self.fixture = fixture
        signer = try WebhookSigner(loops: fixture.loops)
        tracker = DeliveryTracker { [deliveries] records in deliveries.update { $0 += records } }
        ingest = Self.replica(fixture, tracker, limits: limits)
    }

    static func replica(
        _ fixture: StoreFixture, _ tracker: DeliveryTracker? = nil, limits: CommitLimits = CommitLimits()
    ) -> WebhookIngest {
        let log = EventLog(database: fixture.database)
        let feed = EventFeed(
            log: log, loops: fixture.loops, encode: { _, _ in SharedBytes([]) }, encodeGap: { _ in SharedBytes([]) })
        return WebhookIngest(log: log, feed: feed, deliveries: tracker, limits: limits)
    }

    /// With one tenant that has a login of broadcaster 1.
    static func run(_ body: @escaping @Sendable (IngestStage, Tenant) async throws -> Void) async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            try await body(try IngestStage(fixture), tenant)
        }
    }

    func events(in tenant: Tenant) async throws -> [Event] {
        try await fixture.log.read(after: 0, limit: 500, in: tenant.id)
    }
}

@Suite("WebhookIngest", .timeLimit(.minutes(1)))
struct WebhookIngestTests {
    @Test("P16 a webhook that finds no place is turned away before anything is spent on it")
    func places() async throws {
        try await StoreFixture.run { fixture in
            let feed = EventFeed(
                log: fixture.log, loops: fixture.loops, encode: { _, _ in SharedBytes([]) },
                encodeGap: { _ in SharedBytes([]) })
            let ingest = WebhookIngest(log: fixture.log, feed: feed, limits: CommitLimits(), places: 2)
            try ingest.enter()
            try ingest.enter()
            for _ in 1...3 { #expect(throws: GatewayError.self) { try ingest.enter() } }
            #expect(ingest.counters.unavailable.value == 3)
            ingest.leave()
            try ingest.enter()
            #expect(throws: GatewayError.self) { try ingest.enter() }
        }
    }

    @Test("new, known and unwanted are told apart and counted; only the first is stored")
    func outcomes() async throws {
        try await IngestStage.run { stage, tenant in
            let (ingest, signer, app) = (stage.ingest, stage.signer, tenant.appID)
            let webhook = try await signer.webhook("01A")
            #expect(try await ingest.ingest(webhook, app: app) == .stored(tenants: 1))
            #expect(try await ingest.ingest(webhook, app: app) == .known)
            let foreign = try await signer.webhook("01B", broadcaster: 2)
            #expect(try await ingest.ingest(foreign, app: app) == .unwanted(.unknownBroadcaster))
            let nobodys = try await signer.webhook("01C", body: #"{"sender":{"user_id":1}}"#)
            #expect(try await ingest.ingest(nobodys, app: app) == .unwanted(.noBroadcaster))
            _ = try await stage.fixture.database.execute("UPDATE logins SET wanted_types = '{channel.followed}'")
            let off = try await signer.webhook("01D")
            #expect(try await ingest.ingest(off, app: app) == .unwanted(.notSubscribed))
            #expect(try await stage.events(in: tenant).map(\.messageID) == ["01A"])

            #expect(ingest.counters.stored.value == 1)
            #expect(ingest.counters.known.value == 1)
            for reason: UnwantedReason in [.unknownBroadcaster, .noBroadcaster, .notSubscribed] {
                #expect(ingest.counters.unwanted[reason].value == 1)
            }
            #expect(ingest.counters.lag.snapshot.count == 1)
            // What proves that a subscription lives is what is new.
            await stage.tracker.flush()
            #expect(stage.deliveries.value.map(\.count) == [1], "a message that is known proves nothing")
            #expect(stage.deliveries.value.first?.subscriptionID == "sub")
            #expect(stage.deliveries.value.first?.type == "chat.message.sent")
        }
    }

    @Test("what waits while a commit runs shares the next one: many webhooks, few transactions")
    func groupCommit() async throws {
        try await IngestStage.run { stage, tenant in
            var webhooks: [VerifiedWebhook] = []
            for number in 0..<200 { webhooks.append(try await stage.signer.webhook("m\(number)")) }
            await withTaskGroup(of: Void.self) { group in
                for webhook in webhooks {
                    group.addTask {
                        let outcome = try? await stage.ingest.ingest(webhook, app: tenant.appID)
                        #expect(outcome == .stored(tenants: 1))
                    }
                }
            }
            #expect(try await stage.fixture.log.position(in: tenant.id).last == 200)
            // Each row carries the transaction that wrote it.
            let count = try await stage.fixture.testDatabase.psql("SELECT count(DISTINCT xmin::text) FROM events")
            #expect(try #require(Int(count.filter(\.isNumber))) < 100)
        }
    }

    // MARK: P9

    @Test("P9 the same delivery 50 times at once to three replicas: one event, and everybody is answered")
    func concurrentDoubles() async throws {
        try await IngestStage.run { stage, tenant in
            let replicas = [
                stage.ingest, IngestStage.replica(stage.fixture), IngestStage.replica(stage.fixture),
            ]
            let webhook = try await stage.signer.webhook("01A")
            let outcomes = Box<[WebhookIngest.Outcome]>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<50 {
                    let loop = stage.fixture.loops.loops[number % 2]
                    group.addTask(executorPreference: loop) {
                        let outcome = try await replicas[number % 3].ingest(webhook, app: tenant.appID)
                        outcomes.update { $0.append(outcome) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(outcomes.value.count { $0 == .stored(tenants: 1) } == 1)
            #expect(outcomes.value.count { $0 == .known } == 49)
            #expect(try await stage.events(in: tenant).map(\.messageID) == ["01A"])
            #expect(try await stage.fixture.log.position(in: tenant.id).last == 1)
        }
    }

    @Test("P9 the same fact under another message id is stored, marked, and not streamed")
    func sameFact() async throws {
        try await IngestStage.run { stage, tenant in
            let body = #"{"broadcaster":{"user_id":1},"message_id":"fact"}"#
            for (id, subscription) in [("01A", "one"), ("01B", "other"), ("01C", "one")] {
                let webhook = try await stage.signer.webhook(id, subscription: subscription, body: body)
                #expect(try await stage.ingest.ingest(webhook, app: tenant.appID) == .stored(tenants: 1))
            }
            let events = try await stage.events(in: tenant)
            #expect(events.map(\.duplicateOf) == [nil, 1, 1])
            #expect(
                try await stage.fixture.log.read(after: 0, limit: 9, hidesDuplicates: true, in: tenant.id)
                    .map(\.messageID) == ["01A"])
            #expect(stage.ingest.counters.duplicates.value == 2)
        }
    }

    @Test("P9 two tenants have an event each, and one that comes later gets its own")
    func tenants() async throws {
        try await IngestStage.run { stage, tenant in
            let webhook = try await stage.signer.webhook("01A")
            #expect(try await stage.ingest.ingest(webhook, app: tenant.appID) == .stored(tenants: 1))
            let other = try await stage.fixture.makeTenant("other")
            _ = try await stage.fixture.makeLogin(of: other, kickUserID: 1)
            #expect(try await stage.ingest.ingest(webhook, app: tenant.appID) == .stored(tenants: 1))
            let next = try await stage.signer.webhook("01B")
            #expect(try await stage.ingest.ingest(next, app: tenant.appID) == .stored(tenants: 2))
            #expect(try await stage.events(in: other).map(\.messageID) == ["01A", "01B"])
        }
    }

    // MARK: P13

    @Test("P13 types, versions and members that nobody knows are stored as they came")
    func unknown() async throws {
        try await IngestStage.run { stage, tenant in
            let body =
                "{ \"new\" : [1.50, 12345678901234567890, \"\\u00e9\"],\r\n\"broadcaster\":{\"user_id\":1,\"x\":{}} }"
            let webhook = try await stage.signer.webhook("01A", type: "channel.raided", version: "7", body: body)
            #expect(try await stage.ingest.ingest(webhook, app: tenant.appID) == .stored(tenants: 1))
            let event = try #require(try await stage.events(in: tenant).first)
            #expect(event.type == "channel.raided")
            #expect(event.version == "7")
            #expect(event.body == Array(body.utf8))
        }
    }

    // MARK: P7

    @Test("P7 what cannot be committed is not acknowledged, and the sender is told when to come again")
    func unavailable() async throws {
        try await IngestStage.run { stage, tenant in
            let webhook = try await stage.signer.webhook("01A")
            await stage.fixture.database.shutdown()
            let error = await #expect(throws: GatewayError.self) {
                try await stage.ingest.ingest(webhook, app: tenant.appID)
            }
            #expect(error?.code == .unavailable)
            #expect(error?.retryAfter != nil)
            #expect(stage.ingest.counters.unavailable.value == 1)
            #expect(stage.ingest.pendingBytes == 0)
        }
    }

    @Test("P7, P16 PostgreSQL hangs: nobody is acknowledged, little is held, and all of it is there once afterwards")
    func frozenDatabase() async throws {
        let cluster = try await TestCluster.make()
        try await StoreFixture.run(on: cluster) { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            var limits = CommitLimits()
            limits.patience = .milliseconds(300)
            let stage = try IngestStage(fixture, limits: limits)
            let webhooks = Box<[VerifiedWebhook]>([])
            for number in 0..<100 {
                let webhook = try await stage.signer.webhook("m\(number)")
                webhooks.update { $0.append(webhook) }
            }
            #expect(try await stage.ingest.ingest(webhooks.value[0], app: tenant.appID) == .stored(tenants: 1))
            let acknowledged = Box(0)
            try await cluster.frozen {
                await withTaskGroup(of: Void.self) { group in
                    for webhook in webhooks.value.dropFirst() {
                        group.addTask {
                            do throws(GatewayError) {
                                _ = try await stage.ingest.ingest(webhook, app: tenant.appID)
                                acknowledged.update { $0 += 1 }
                            } catch {
                                #expect(error.code == .unavailable)
                            }
                        }
                    }
                }
                #expect(acknowledged.value == 0)
                // What was being committed when everything stopped.
                #expect(stage.ingest.pendingBytes < 99 * 600)
            }
            // Kick comes again with each of them.
            for webhook in webhooks.value {
                try await until {
                    do throws(GatewayError) {
                        _ = try await stage.ingest.ingest(webhook, app: tenant.appID)
                        return true
                    } catch {
                        guard error.code == .unavailable else { throw error }
                        return false
                    }
                }
            }
            let events = try await stage.events(in: tenant)
            #expect(Set(events.map(\.messageID)) == Set(webhooks.value.map(\.messageID)))
            #expect(events.count == webhooks.value.count)
        }
    }

    @Test(
        "P7 PostgreSQL is stopped under load and comes back: nothing acknowledged is lost, and nothing is there twice")
    func restartedDatabase() async throws {
        let cluster = try await TestCluster.make()
        try await StoreFixture.run(on: cluster) { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            let stage = try IngestStage(fixture)
            let acknowledged = Box<Set<String>>([])
            let refused = Box(0)
            let isOver = Box(false)
            let senders = (0..<8).map { sender in
                fixture.loops.loops[sender % 2].spawn {
                    var number = 0
                    while !isOver.value {
                        number += 1
                        guard let webhook = try? await stage.signer.webhook("s\(sender)-\(number)") else { return }
                        do throws(GatewayError) {
                            let outcome = try await stage.ingest.ingest(webhook, app: tenant.appID)
                            #expect(outcome == .stored(tenants: 1))
                            acknowledged.update { $0.insert(webhook.messageID) }
                        } catch {
                            #expect(error.code == .unavailable)
                            refused.update { $0 += 1 }
                            try? await sleep(for: .milliseconds(5))
                        }
                    }
                }
            }
            await until { acknowledged.value.count > 100 }
            cluster.stop()
            await until { refused.value > 100 }
            try await cluster.restart()
            let before = acknowledged.value.count
            await until { acknowledged.value.count > before + 100 }
            isOver.update { $0 = true }
            for sender in senders { await sender.value }
            let stored = try await fixture.testDatabase.psql("SELECT message_id FROM events ORDER BY seq")
                .split(separator: "\n").map(String.init)
            #expect(stored.count == Set(stored).count)
            #expect(acknowledged.value.isSubset(of: stored))
        }
    }
}
