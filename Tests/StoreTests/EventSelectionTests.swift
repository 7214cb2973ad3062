import Model
import Store
import TestKit
import Testing

@Suite("EventLog: filters", .timeLimit(.minutes(1)))
struct EventSelectionTests {
    /// With neighbours of `channel.` in byte order, and what a locale would put elsewhere.
    private static let types = [
        "chat.message.sent", "channel", "channel-x", "channel.followed", "channel.subscription",
        "channel.subscription.gifts", "channel.subscription.new", "channel.subscription-x", "channel.subscriptions",
        "channel.Z", "channel.é", "channel/x", "channels.x", "Channel.x", "gateway.gap", "z",
    ]

    private static let filters: [EventFilter] = [
        .everything,
        EventFilter(types: ["channel.followed"]),
        EventFilter(types: ["channel.followed", "z", "unheard.of"]),
        EventFilter(types: EventTypes(names: [], prefixes: ["channel."])),
        EventFilter(types: EventTypes(names: [], prefixes: ["channel.subscription."])),
        EventFilter(types: EventTypes(names: [], prefixes: ["channel.", "channel.subscription.", "nothing."])),
        EventFilter(types: EventTypes(names: ["channel.followed", "z"], prefixes: ["channel."])),
        EventFilter(broadcasters: [1]), EventFilter(broadcasters: [2, 3, 9]),
        EventFilter(types: ["channel.followed", "z"], broadcasters: [1]),
        EventFilter(types: ["chat.message.sent", "z"], broadcasters: [1, 3]),
        EventFilter(types: EventTypes(names: ["z"], prefixes: ["channel."]), broadcasters: [2]),
        EventFilter(types: EventTypes(names: [], prefixes: ["chat."]), broadcasters: [2]),
        EventFilter(types: EventTypes(names: []), broadcasters: Set<Int64>()),
    ]

    @Test("P11 an index finds what the filter admits, no more and no less, in order, whatever the pages")
    func sameAsFilter() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let other = try await fixture.makeTenant("other")
            for broadcaster in [1, 2, 3] as [Int64] {
                for tenant in [tenant, other] { _ = try await fixture.makeLogin(of: tenant, kickUserID: broadcaster) }
            }
            let events = (0..<200).map { index in
                fixture.incoming(
                    "m\(index)", app: tenant.appID, broadcaster: Int64(index % 3 + 1),
                    type: Self.types[index * 7 % Self.types.count])
            }
            _ = try await fixture.log.append(events)
            // Over several partitions.
            try await fixture.testDatabase.psql(
                "SELECT keep_event_partitions((now() AT TIME ZONE 'UTC')::date - 4, (now() AT TIME ZONE 'UTC')::date)")
            try await fixture.age(upTo: 120, days: 1, in: tenant.id)
            try await fixture.age(upTo: 60, days: 3, in: tenant.id)
            let all = try await fixture.log.slice(after: 0, limits: EventSliceLimits(count: 500), in: tenant.id).events
            #expect(all.map(\.cursor.sequence) == Array(1...200))
            for filter in Self.filters {
                for (after, count) in [(0, 500), (0, 3), (55, 10), (199, 1), (200, 5)] as [(Int64, Int)] {
                    let admitted = all.filter {
                        $0.cursor.sequence > after
                            && filter.admits(type: $0.type, broadcaster: $0.broadcasterUserID)
                    }
                    var found: [Int64] = []
                    var position = after
                    var hasMore = true
                    while hasMore {
                        let slice = try await fixture.log.slice(
                            after: position, limits: EventSliceLimits(count: count), filter: filter, in: tenant.id)
                        found += slice.events.map(\.cursor.sequence)
                        #expect(slice.events.count <= count)
                        #expect(slice.end > position || !slice.hasMore)
                        (position, hasMore) = (slice.end, slice.hasMore)
                    }
                    #expect(found == admitted.map(\.cursor.sequence), "\(filter) after \(after), \(count) at once")
                }
            }
        }
    }
}
