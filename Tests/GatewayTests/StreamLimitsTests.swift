import Model
import Net
import Postgres
import TestKit
import Testing

@testable import Gateway

@Suite("StreamLimits", .timeLimit(.minutes(1)))
struct StreamLimitsTests {
    private static func limits(total: Int = 100, perTenant: Int = 100, perKey: Int = 100) -> StreamLimits {
        var limits = StreamLimits()
        (limits.total, limits.perTenant, limits.perKey) = (total, perTenant, perKey)
        return limits
    }

    private static func refusal(_ feed: EventFeed, _ request: StreamRequest) async -> GatewayError? {
        await #expect(throws: GatewayError.self) { _ = try await feed.prepare(request) }
    }

    @Test("P16 a key has so many streams, a tenant so many, and the process so many")
    func caps() async throws {
        try await FeedStage.run { stage in
            let other = try await stage.fixture.makeTenant("other")
            let keys = (0..<4).map { KeyID(unchecked: "key_\($0)") }

            let byKey = stage.feed(limits: Self.limits(perKey: 2))
            var held = [
                try await byKey.prepare(stage.request(key: keys[0])),
                try await byKey.prepare(stage.request(key: keys[0])),
            ]
            let error = await Self.refusal(byKey, stage.request(key: keys[0]))
            #expect(error?.code == .tooManyStreams)
            #expect(error?.message.contains("2 is the limit") == true)
            #expect((10...30).contains(error?.retryAfter ?? 0))
            held.append(try await byKey.prepare(stage.request(key: keys[1])))
            #expect(byKey.streamCount == 3)
            #expect(byKey.keysWithStreams == [keys[0], keys[1]])

            let byTenant = stage.feed(limits: Self.limits(perTenant: 2))
            held.append(try await byTenant.prepare(stage.request(key: keys[0])))
            held.append(try await byTenant.prepare(stage.request(key: keys[1])))
            #expect(await Self.refusal(byTenant, stage.request(key: keys[2]))?.code == .tooManyStreams)
            held.append(try await byTenant.prepare(stage.request(tenant: other, key: keys[3])))

            let inAll = stage.feed(limits: Self.limits(total: 1))
            held.append(try await inAll.prepare(stage.request(key: keys[0])))
            #expect(await Self.refusal(inAll, stage.request(tenant: other, key: keys[3]))?.code == .unavailable)
            #expect(held.count == 7)
        }
    }

    @Test("P16 a place is free again when its stream has closed, or never began")
    func places() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed(limits: Self.limits(perKey: 1))
            for _ in 0..<3 {
                let sink = try await stage.open(feed, on: stage.loops[0])
                #expect(feed.streamCount == 1)
                try await onLoop(stage.loops[0]) {
                    sink.stream.value?.close()
                    sink.stream.value?.close()
                }
                #expect(feed.streamCount == 0 && feed.keysWithStreams.isEmpty)
            }
            // A request that was answered and never became a stream: HEAD, or a client that had gone.
            for _ in 0..<3 { _ = try await feed.prepare(stage.request()) }
            #expect(feed.streamCount == 0)
            // One that the database refused.
            await stage.fixture.database.shutdown(within: .zero)
            await #expect(throws: (any Error).self) { _ = try await feed.prepare(stage.request()) }
            #expect(feed.streamCount == 0)
        }
    }

    @Test("readers that leave in any order take nobody else along")
    func leaving() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            var sinks: [TestSink] = []
            for _ in 0..<9 { sinks.append(try await stage.open(feed, cursor: stage.cursor(0), on: stage.loops[0])) }
            var expected: [String] = []
            for (round, leaver) in [0, 8, 4, 1, 7, 3, 2, 6].enumerated() {
                try await stage.append(round..<(round + 1))
                expected.append(String(round + 1))
                let present = sinks.filter { $0.stream.value != nil }
                #expect(present.count == 9 - round)
                await until {
                    await feed.compareWithLog()
                    return present.allSatisfy { $0.sent.value.count == expected.count }
                }
                #expect(present.allSatisfy { $0.sent.value == expected })
                let sink = sinks[leaver]
                try await onLoop(stage.loops[0]) { sink.stream.value?.close() }
                sink.stream.update { $0 = nil }
            }
            #expect(sinks.filter { $0.sent.value.count == 8 }.count == 2)
        }
    }
}
