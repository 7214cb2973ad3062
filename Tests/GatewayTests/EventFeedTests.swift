import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@testable import Gateway

/// A sink that notes what it was sent; drained at once unless told otherwise. Loop-bound, like the real one.
private final class TestSink: EventSink, Sendable {
    let sent = Box<[String]>([])
    let isEnded = Box(false)

    func send(_ bytes: SharedBytes) { sent.update { $0.append(String(decoding: bytes.bytes, as: UTF8.self)) } }
    var pendingBytes: Int { 0 }
    func waitUntilDrained(deadline: Deadline) async -> Bool { true }
    func end() { isEnded.update { $0 = true } }
}

@Suite("EventFeed", .timeLimit(.minutes(1)))
struct EventFeedTests {
    /// Events appear in sinks as their sequence numbers, gaps as `gap:<reason>`.
    private static func feed(_ fixture: StoreFixture) -> EventFeed {
        EventFeed(
            log: fixture.log, loops: fixture.loops,
            encode: { event, _ in SharedBytes(Array(String(event.cursor.sequence).utf8)) },
            encodeGap: { SharedBytes(Array("gap:\($0.reason.rawValue)".utf8)) })
    }

    /// Opens a stream on a loop.
    private static func open(
        _ feed: EventFeed, tenant: Tenant, cursor: EventCursor? = nil, filter: EventFilter = .everything,
        on loop: Loop, key: KeyID = KeyID(unchecked: "key_1")
    ) async throws -> TestSink {
        let sink = TestSink()
        try await onLoop(loop) {
            let request = StreamRequest(tenant: tenant.id, key: key, filter: filter, cursor: cursor)
            let start = try await feed.start(for: request)
            _ = feed.open(request, start: start, sink: sink)
        }
        return sink
    }

    private static func append(_ ids: Range<Int>, to fixture: StoreFixture, _ tenant: Tenant) async throws {
        _ = try await fixture.log.append(
            ids.map {
                fixture.incoming("m\($0)", app: tenant.appID, broadcaster: 1, type: $0 % 2 == 0 ? "even" : "odd")
            })
    }

    private static func withTenant(
        _ body: @escaping @Sendable (StoreFixture, Tenant, Int64) async throws -> Void
    ) async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            try await body(fixture, tenant, try await fixture.log.position(in: tenant.id).epoch)
        }
    }

    @Test("P11 history and live meet without a gap or a repeat while events pour in, on every loop")
    func handOver() async throws {
        try await Self.withTenant { fixture, tenant, epoch in
            let feed = Self.feed(fixture)
            try await Self.append(0..<450, to: fixture, tenant)
            let writer = fixture.loops.loops[1].spawn {
                for batch in 0..<30 {
                    let ids = (450 + batch * 5)..<(455 + batch * 5)
                    guard (try? await Self.append(ids, to: fixture, tenant)) != nil else { return }
                    // Announced late, doubled and out of order, as NOTIFY may be.
                    feed.didCommit(upTo: Int64(ids.upperBound), in: tenant.id)
                    feed.didCommit(upTo: Int64(ids.lowerBound), in: tenant.id)
                }
            }
            var sinks: [TestSink] = []
            for (index, cursor) in [0, 1, 200, 449, 450].enumerated() {
                sinks.append(
                    try await Self.open(
                        feed, tenant: tenant, cursor: EventCursor(epoch: epoch, sequence: Int64(cursor)),
                        on: fixture.loops.loops[index % 2]))
            }
            await writer.value
            for (sink, first) in zip(sinks, [1, 2, 201, 450, 451]) {
                await until {
                    await feed.compareWithLog()
                    return sink.sent.value.count >= 600 - first + 1
                }
                #expect(sink.sent.value == (first...600).map(String.init))
            }
        }
    }

    @Test("P11 a live reader that is handed an event with a hole before it reads the log, and skips nothing")
    func hole() async throws {
        try await Self.withTenant { fixture, tenant, epoch in
            let feed = Self.feed(fixture)
            let sink = try await Self.open(
                feed, tenant: tenant, cursor: EventCursor(epoch: epoch, sequence: 0), on: fixture.loops.loops[0])
            // One event arrives, so that the reader is known to be live.
            try await Self.append(0..<1, to: fixture, tenant)
            await until {
                await feed.compareWithLog()
                return sink.sent.value == ["1"]
            }
            // A reader of a second process, which hears of nothing but the last of these.
            let other = Self.feed(fixture)
            let otherSink = try await Self.open(other, tenant: tenant, on: fixture.loops.loops[1])
            try await Self.append(1..<4, to: fixture, tenant)
            try await Self.append(4..<5, to: fixture, tenant)
            let last = try await fixture.log.read(after: 4, limit: 1, in: tenant.id)
            other.didAppend(last, in: tenant.id)
            feed.didAppend(last, in: tenant.id)
            await until { otherSink.sent.value.count >= 4 && sink.sent.value.count >= 5 }
            #expect(otherSink.sent.value == ["2", "3", "4", "5"])
            #expect(sink.sent.value == ["1", "2", "3", "4", "5"])
        }
    }

    @Test("without a cursor a stream begins with the next event")
    func beginsWithNext() async throws {
        try await Self.withTenant { fixture, tenant, _ in
            let feed = Self.feed(fixture)
            try await Self.append(0..<3, to: fixture, tenant)
            let sink = try await Self.open(feed, tenant: tenant, on: fixture.loops.loops[0])
            try await Self.append(3..<5, to: fixture, tenant)
            await until {
                await feed.compareWithLog()
                return sink.sent.value.count >= 2
            }
            #expect(sink.sent.value == ["4", "5"])
        }
    }

    @Test("a filter hides events without stopping the stream")
    func filter() async throws {
        try await Self.withTenant { fixture, tenant, epoch in
            let feed = Self.feed(fixture)
            let sink = try await Self.open(
                feed, tenant: tenant, cursor: EventCursor(epoch: epoch, sequence: 0),
                filter: EventFilter(types: ["odd"]), on: fixture.loops.loops[0])
            try await Self.append(0..<10, to: fixture, tenant)
            await until {
                await feed.compareWithLog()
                return sink.sent.value.count >= 5
            }
            #expect(sink.sent.value == ["2", "4", "6", "8", "10"])
        }
    }

    @Test("P11 what retention removed, and a cursor of another life, are announced in-band")
    func gaps() async throws {
        try await Self.withTenant { fixture, tenant, epoch in
            let feed = Self.feed(fixture)
            try await Self.append(0..<5, to: fixture, tenant)
            try await fixture.age(upTo: 3, days: 40, in: tenant.id)
            #expect(try await fixture.log.dropPartitions(olderThan: .seconds(30 * 86_400)) == 1)
            let expired = try await Self.open(
                feed, tenant: tenant, cursor: EventCursor(epoch: epoch, sequence: 1), on: fixture.loops.loops[0])
            await until { expired.sent.value.count >= 3 }
            #expect(expired.sent.value == ["gap:expired", "4", "5"])

            for (cursor, reason) in [
                (EventCursor(epoch: epoch - 1, sequence: 2), "epoch_changed"),
                (EventCursor(epoch: epoch, sequence: 99), "ahead"),
            ] {
                let sink = try await Self.open(feed, tenant: tenant, cursor: cursor, on: fixture.loops.loops[1])
                #expect(sink.sent.value == ["gap:\(reason)"])
            }
        }
    }

    @Test("P14 a tenant's events reach no other tenant's stream")
    func isolation() async throws {
        try await Self.withTenant { fixture, tenant, _ in
            let feed = Self.feed(fixture)
            let other = try await fixture.makeTenant("other")
            let sink = try await Self.open(feed, tenant: tenant, on: fixture.loops.loops[0])
            let foreign = try await Self.open(feed, tenant: other, on: fixture.loops.loops[0])
            try await Self.append(0..<5, to: fixture, tenant)
            await until {
                await feed.compareWithLog()
                return sink.sent.value.count >= 5
            }
            #expect(foreign.sent.value.isEmpty)
        }
    }

    @Test("P15 the streams of a revoked key end, others do not")
    func revocation() async throws {
        try await Self.withTenant { fixture, tenant, _ in
            let feed = Self.feed(fixture)
            let revoked = KeyID(unchecked: "key_revoked")
            let ending = try await Self.open(feed, tenant: tenant, on: fixture.loops.loops[0], key: revoked)
            let staying = try await Self.open(feed, tenant: tenant, on: fixture.loops.loops[1])
            #expect(await feed.keysWithStreams() == [revoked, KeyID(unchecked: "key_1")])
            feed.endStreams(of: [revoked])
            await until { ending.isEnded.value }
            #expect(!staying.isEnded.value)
        }
    }
}
