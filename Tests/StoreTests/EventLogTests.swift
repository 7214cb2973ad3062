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

    @Test("retention removes the old end and moves the beginning")
    func retention() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            let old = Timestamp.now() - .seconds(1000)
            _ = try await fixture.log.append([
                fixture.incoming("a", app: tenant.appID, broadcaster: 1, receivedAt: old),
                fixture.incoming("b", app: tenant.appID, broadcaster: 1, receivedAt: old),
                fixture.incoming("c", app: tenant.appID, broadcaster: 1),
            ])
            #expect(try await fixture.log.removeEvents(before: .now() - .seconds(10), limit: 100) == 2)
            let position = try await fixture.log.position(in: tenant.id)
            #expect((position.first, position.last) == (3, 3))
        }
    }
}
