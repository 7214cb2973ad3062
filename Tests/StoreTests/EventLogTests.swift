import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@Suite("EventLog", .timeLimit(.minutes(1)))
struct EventLogTests {
    @Test("P10 numbers run without a hole, in commit order, under concurrent appends")
    func gapless() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            // What a reader that polls all the time sees must always be a prefix: never 5 before 4.
            let reader = fixture.loops.loops[1].spawn {
                var last: Int64 = 0
                while last < 400 {
                    guard let page = try? await fixture.log.read(after: last, limit: 50, in: tenant.id) else { return }
                    for event in page {
                        #expect(event.cursor.sequence == last + 1)
                        last = event.cursor.sequence
                    }
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        for batch in 0..<10 {
                            let events = (0..<5).map {
                                fixture.incoming("m-\(writer)-\(batch)-\($0)", app: tenant.appID, broadcaster: 1)
                            }
                            let result = try await fixture.log.append(events)
                            #expect(result.appended.count == 5)
                        }
                    }
                }
                try await group.waitForAll()
            }
            await reader.value
            let position = try await fixture.log.position(in: tenant.id)
            #expect(position.last == 400)
        }
    }

    @Test("P9 the same message, any number of times at the same moment, is one event")
    func duplicates() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            let stored = Box(0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        let event = fixture.incoming("same", app: tenant.appID, broadcaster: 1)
                        let result = try await fixture.log.append([event, event])
                        stored.update { $0 += result.appended.count }
                        #expect(result.wanted.contains(0))
                    }
                }
                try await group.waitForAll()
            }
            #expect(stored.value == 1)
            #expect(try await fixture.log.position(in: tenant.id).last == 1)
        }
    }

    @Test("a webhook goes to every tenant with a login for its app and broadcaster, and to no other (P14)")
    func routing() async throws {
        try await StoreFixture.run { fixture in
            let first = try await fixture.makeTenant("first")
            let second = try await fixture.makeTenant("second")
            let third = try await fixture.makeTenant("third")
            _ = try await fixture.makeLogin(of: first, kickUserID: 1)
            _ = try await fixture.makeLogin(of: second, kickUserID: 1)
            _ = try await fixture.makeLogin(of: third, kickUserID: 2)
            let result = try await fixture.log.append([
                fixture.incoming("a", app: first.appID, broadcaster: 1),
                fixture.incoming("b", app: first.appID, broadcaster: 3),
                fixture.incoming("c", app: fixture.id(AppID.self), broadcaster: 1),
            ])
            #expect(Set(result.appended.map(\.tenant)) == [first.id, second.id])
            #expect(result.wanted == [0])
            #expect(try await fixture.log.read(after: 0, limit: 10, in: third.id).isEmpty)
        }
    }

    @Test("P13 what was received is what is read, byte for byte")
    func bytes() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            let body = "{\"new\":\"\\u0000 \u{1F600}\",\n \"x\" : 1}"
            let received = Timestamp(microseconds: 1_743_494_179_123_456)
            _ = try await fixture.log.append([
                fixture.incoming(
                    "m", app: tenant.appID, broadcaster: 1, body: body, type: "brand.new", receivedAt: received)
            ])
            let event = try #require(try await fixture.log.read(after: 0, limit: 1, in: tenant.id).first)
            #expect(event.body == Array(body.utf8))
            #expect(event.type == "brand.new")
            #expect(event.receivedAt == received)
        }
    }

    @Test("a page is filtered by type and broadcaster")
    func filter() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 2)
            _ = try await fixture.log.append([
                fixture.incoming("a", app: tenant.appID, broadcaster: 1, type: "x"),
                fixture.incoming("b", app: tenant.appID, broadcaster: 2, type: "x"),
                fixture.incoming("c", app: tenant.appID, broadcaster: 1, type: "y"),
            ])
            let filter = EventFilter(types: ["x"], broadcasters: [1])
            let page = try await fixture.log.read(after: 0, limit: 10, filter: filter, in: tenant.id)
            #expect(page.map(\.messageID) == ["a"])
        }
    }

    @Test("P9 the same fact under another message id is stored, and says which event it repeats")
    func sameFact() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            func incoming(
                _ id: String, _ fact: UInt8, _ subscription: String, needsOther: Bool = false
            ) -> IncomingEvent {
                fixture.incoming(
                    id, app: tenant.appID, broadcaster: 1, subscription: subscription,
                    sameness: IncomingEvent.Sameness(
                        fingerprint: [fact], window: .seconds(60), throughAnotherSubscription: needsOther))
            }
            // In one batch, and later.
            _ = try await fixture.log.append([incoming("a", 1, "s1"), incoming("b", 1, "s2"), incoming("c", 2, "s1")])
            _ = try await fixture.log.append([incoming("d", 1, "s1"), incoming("e", 3, "s1")])
            // Alike through the same subscription: it has happened twice.
            _ = try await fixture.log.append([incoming("f", 4, "s1", needsOther: true)])
            _ = try await fixture.log.append([
                incoming("g", 4, "s1", needsOther: true), incoming("h", 4, "s2", needsOther: true),
            ])
            let events = try await fixture.log.read(after: 0, limit: 20, in: tenant.id)
            #expect(events.map(\.duplicateOf) == [nil, 1, nil, 1, nil, nil, nil, 6])
            let shown = try await fixture.log.read(after: 0, limit: 20, hidesDuplicates: true, in: tenant.id)
            #expect(shown.map(\.messageID) == ["a", "c", "e", "f", "g"])
            // Long after, it is another fact.
            try await fixture.age(upTo: 8, days: 1, in: tenant.id)
            let late = try await fixture.log.append([incoming("i", 1, "s2")])
            #expect(late.appended.map(\.duplicateOf) == [nil])
        }
    }

    @Test("P10 whoever has the later number cannot commit first: no reader can skip the earlier one")
    func commitInversion() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            let mayCommit = Box(false)
            let hasNumber = Box(false)
            let loop = fixture.loops.loops[1]
            // The first writer has its number and does not commit.
            let first = loop.spawn {
                try? await fixture.database.transaction { transaction in
                    try await EventLog.append(
                        fixture.event("gateway.first"), in: tenant.id, transaction: transaction)
                    hasNumber.update { $0 = true }
                    await until { mayCommit.value }
                }
            }
            await until { hasNumber.value }
            let second = loop.spawn {
                _ = try? await fixture.log.append([fixture.incoming("second", app: tenant.appID, broadcaster: 1)])
            }
            // The second writer is seen to wait for the first; until then it might just be slow.
            await until {
                let waiting = try? await fixture.database.query(
                    """
                    SELECT 1 AS one FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock'
                    """)
                let committed = try? await fixture.log.position(in: tenant.id).last
                return waiting?.first != nil || committed != 0
            }
            #expect(try await fixture.log.read(after: 0, limit: 10, in: tenant.id).isEmpty)
            mayCommit.update { $0 = true }
            await first.value
            await second.value
            let events = try await fixture.log.read(after: 0, limit: 10, in: tenant.id)
            #expect(events.map(\.cursor.sequence) == [1, 2])
            #expect(events.map(\.origin) == [.gateway, .kick])
        }
    }

    @Test("a page is of a time, and one event is found by its number")
    func span() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            _ = try await fixture.log.append(
                ["a", "b", "c"].map { fixture.incoming($0, app: tenant.appID, broadcaster: 1) })
            try await fixture.age(upTo: 2, days: 3, in: tenant.id)
            let now = Timestamp.now()
            func ids(_ since: Timestamp?, _ until: Timestamp?) async throws -> [String] {
                try await fixture.log.read(
                    after: 0, limit: 10, span: EventSpan(since: since, until: until), in: tenant.id
                ).map(\.messageID)
            }
            #expect(try await ids(now - .seconds(86_400), nil) == ["c"])
            #expect(try await ids(nil, now - .seconds(86_400)) == ["a", "b"])
            #expect(try await ids(now - .seconds(4 * 86_400), now - .seconds(86_400)) == ["a", "b"])
            #expect(try await fixture.log.event(at: 2, in: tenant.id)?.messageID == "b")
            #expect(try await fixture.log.event(at: 9, in: tenant.id) == nil)
        }
    }

    @Test("retention drops whole days and moves the beginning; what is kept stays")
    func retention() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let other = try await fixture.makeTenant("other")
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            _ = try await fixture.makeLogin(of: other, kickUserID: 1)
            _ = try await fixture.log.append(
                (1...5).map { fixture.incoming("\($0)", app: tenant.appID, broadcaster: 1) })
            try await fixture.age(upTo: 2, days: 40, in: tenant.id)
            try await fixture.age(upTo: 3, days: 35, in: other.id)
            #expect(try await fixture.log.dropPartitions(olderThan: .seconds(30 * 86_400)) == 2)
            #expect(try await fixture.log.dropPartitions(olderThan: .seconds(30 * 86_400)) == 0)
            #expect(try await fixture.log.position(in: tenant.id).first == 3)
            #expect(try await fixture.log.position(in: other.id).first == 4)
            #expect(try await fixture.log.read(after: 0, limit: 9, in: tenant.id).map(\.messageID) == ["3", "4", "5"])
            #expect(try await fixture.log.keepPartitions() >= 0)
            #expect(try await fixture.log.keepPartitions() == 0)
        }
    }

    @Test("a tenant that keeps its events for a shorter time loses the old ones, and nobody else does")
    func shorterRetention() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let other = try await fixture.makeTenant("other")
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            _ = try await fixture.makeLogin(of: other, kickUserID: 1)
            _ = try await fixture.log.append(
                (1...5).map { fixture.incoming("\($0)", app: tenant.appID, broadcaster: 1) })
            try await fixture.age(upTo: 3, days: 2, in: tenant.id)
            try await fixture.age(upTo: 3, days: 2, in: other.id)
            try await fixture.log.keep(.seconds(86_400), in: tenant.id)
            #expect(try await fixture.log.removeExpired(limit: 2) == 2)
            #expect(try await fixture.log.removeExpired(limit: 2) == 1)
            #expect(try await fixture.log.removeExpired(limit: 2) == 0)
            #expect(try await fixture.log.position(in: tenant.id).first == 4)
            #expect(try await fixture.log.position(in: other.id).first == 1)
        }
    }
}
