import Model
import Store
import TestKit
import Testing

@Suite("EventSlice", .timeLimit(.minutes(1)))
struct EventReadingTests {
    /// A log of as many events as there are types, of two broadcasters in turn.
    private static func withLog(
        _ types: [String], body: String = "{}", _ test: @escaping @Sendable (StoreFixture, Tenant) async throws -> Void
    ) async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            for user in [Int64(1), 2] { _ = try await fixture.makeLogin(of: tenant, kickUserID: user) }
            _ = try await fixture.log.append(
                types.enumerated().map { index, type in
                    fixture.incoming(
                        "m\(index)", app: tenant.appID, broadcaster: Int64(index % 2 + 1), body: body, type: type)
                })
            try await test(fixture, tenant)
        }
    }

    @Test("a slice tells how far it has read, whether more events fit it or not")
    func end() async throws {
        try await Self.withLog(["a", "b", "a", "b", "b"]) { fixture, tenant in
            let log = fixture.log
            let filter = EventFilter(types: ["a"])
            let all = try await log.slice(
                after: 0, limits: EventSliceLimits(count: 2), filter: filter, in: tenant.id)
            #expect(all.events.map(\.cursor.sequence) == [1, 3])
            #expect(all.end == 5 && !all.hasMore && !all.isCut)
            #expect(all.log.first == 1 && all.log.last == 5)

            let cut = try await log.slice(after: 0, limits: EventSliceLimits(count: 1), filter: filter, in: tenant.id)
            #expect(cut.events.map(\.cursor.sequence) == [1])
            #expect(cut.end == 1 && cut.hasMore && cut.isCut)

            let none = try await log.slice(after: 3, limits: EventSliceLimits(count: 9), filter: filter, in: tenant.id)
            #expect(none.events.isEmpty && none.end == 5 && !none.hasMore)

            let ahead = try await log.slice(after: 9, limits: EventSliceLimits(count: 9), in: tenant.id)
            #expect(ahead.events.isEmpty && ahead.end == 9 && !ahead.hasMore)

            let foreign = try await log.slice(
                after: 0, limits: EventSliceLimits(count: 9), in: TenantID(unchecked: "ten_none"))
            #expect(foreign.events.isEmpty && foreign.log == .none)
        }
    }

    @Test("bytes end a slice, but not before its first event")
    func bytes() async throws {
        try await Self.withLog(["a", "a", "a", "a"], body: String(repeating: "x", count: 1000)) { fixture, tenant in
            for (bytes, count) in [(1, 1), (1000, 1), (1001, 2), (2500, 3), (4000, 4), (.max, 4)] {
                let slice = try await fixture.log.slice(
                    after: 0, limits: EventSliceLimits(count: 9, bytes: bytes), in: tenant.id)
                #expect(slice.events.count == count, "\(bytes)")
                #expect(slice.isCut == (count < 4) && slice.end == Int64(count))
            }
        }
    }

    @Test("a filter of types and broadcasters looks at so many numbers, and no further")
    func span() async throws {
        try await Self.withLog(Array(repeating: "chat.message.sent", count: 10)) { fixture, tenant in
            var limits = EventSliceLimits(count: 9)
            limits.span = 4
            let filter = EventFilter(types: ["chat.message.sent"], broadcasters: [2])
            var found: [Int64] = []
            var position: Int64 = 0
            for end in [Int64(4), 8, 10] {
                let slice = try await fixture.log.slice(after: position, limits: limits, filter: filter, in: tenant.id)
                #expect(slice.end == end)
                found += slice.events.map(\.cursor.sequence)
                position = slice.end
            }
            #expect(found == [2, 4, 6, 8, 10])
        }
    }

    @Test(
        "wildcards mean the same in the log as in the stream",
        arguments: [
            ["channel.*"], ["channel.subscription.*"], ["channel.followed", "channel.subscription.*"], ["a_b.*"],
            ["A.*", "chat.message.sent"], ["nothing.*"], ["*"],
        ])
    func wildcards(list: [String]) async throws {
        let types = [
            "channel.followed", "channel.subscription.new", "channels.followed", "channel.subscriptions", "channel",
            "a_b.c", "axb.c", "a.b", "A.b", "chat.message.sent", "channel.subscription.gifts", "channel-x.y",
            "channel.Zulu", "channel.ümlaut",
        ]
        try await Self.withLog(types) { fixture, tenant in
            for broadcasters in [nil, ["1"]] {
                let filter = try EventFilter(types: list, broadcasters: broadcasters)
                let read = try await fixture.log.read(after: 0, limit: 100, filter: filter, in: tenant.id)
                let expected = types.enumerated().filter {
                    filter.admits(type: $0.element, broadcaster: Int64($0.offset % 2 + 1))
                }
                #expect(read.map(\.type) == expected.map(\.element))
            }
        }
    }

    @Test("the bounds of a time enclose all that was logged in it")
    func bounds() async throws {
        try await Self.withLog(["a", "a", "a", "a", "a"]) { fixture, tenant in
            try await fixture.age(upTo: 0, days: 10, in: tenant.id)
            try await fixture.age(upTo: 3, days: 5, in: tenant.id)
            try await fixture.age(upTo: 1, days: 5, in: tenant.id)
            let now = Timestamp.now()
            func bounds(_ since: Int64?, _ until: Int64?, after: Int64 = 0) async throws -> [Int64?] {
                let span = EventSpan(
                    since: since.map { now - .seconds($0 * 86_400) }, until: until.map { now - .seconds($0 * 86_400) })
                let (first, last) = try await fixture.log.bounds(of: span, after: after, in: tenant.id)
                return [first, last]
            }
            #expect(try await bounds(7, 2) == [2, 3])
            #expect(try await bounds(20, 7) == [1, 1])
            #expect(try await bounds(2, nil) == [4, nil])
            #expect(try await bounds(nil, 2, after: 3) == [nil, nil])
            #expect(try await bounds(-1, 20) == [nil, nil])
        }
    }
}
