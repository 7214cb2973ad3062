import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@testable import Gateway

@Suite("EventFeed", .timeLimit(.minutes(1)))
struct EventFeedTests {
    @Test("P11 history and live meet without a gap or a repeat while events pour in, on every loop")
    func handOver() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            try await stage.append(0..<450)
            let writer = stage.loops[1].spawn {
                for batch in 0..<30 {
                    let ids = (450 + batch * 5)..<(455 + batch * 5)
                    guard (try? await stage.append(ids)) != nil else { return }
                    // Announced late, doubled and out of order, as NOTIFY may be.
                    feed.didCommit(upTo: Int64(ids.upperBound), in: stage.tenant.id)
                    feed.didCommit(upTo: Int64(ids.lowerBound), in: stage.tenant.id)
                }
            }
            var sinks: [TestSink] = []
            for (index, cursor) in [0, 1, 200, 449, 450].enumerated() {
                sinks.append(
                    try await stage.open(
                        feed, cursor: stage.cursor(Int64(cursor)),
                        on: stage.loops[index % 2]))
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
        try await FeedStage.run { stage in
            let feed = stage.feed()
            let sink = try await stage.open(
                feed, cursor: stage.cursor(0), on: stage.loops[0])
            // One event arrives, so that the reader is known to be live.
            try await stage.append(0..<1)
            await until {
                await feed.compareWithLog()
                return sink.sent.value == ["1"]
            }
            // A reader of a second process, which hears of nothing but the last of these.
            let other = stage.feed()
            let otherSink = try await stage.open(other, on: stage.loops[1])
            try await stage.append(1..<4)
            try await stage.append(4..<5)
            let last = try await stage.fixture.log.read(after: 4, limit: 1, in: stage.tenant.id)
            other.didAppend(last, in: stage.tenant.id)
            feed.didAppend(last, in: stage.tenant.id)
            await until { otherSink.sent.value.count >= 4 && sink.sent.value.count >= 5 }
            #expect(otherSink.sent.value == ["2", "3", "4", "5"])
            #expect(sink.sent.value == ["1", "2", "3", "4", "5"])
        }
    }

    @Test("without a cursor a stream begins with the next event")
    func beginsWithNext() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            try await stage.append(0..<3)
            let sink = try await stage.open(feed, on: stage.loops[0])
            try await stage.append(3..<5)
            await until {
                await feed.compareWithLog()
                return sink.sent.value.count >= 2
            }
            #expect(sink.sent.value == ["4", "5"])
        }
    }

    @Test("a filter hides events without stopping the stream")
    func filter() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            let sink = try await stage.open(
                feed, cursor: stage.cursor(0),
                filter: EventFilter(types: ["odd"]), on: stage.loops[0])
            try await stage.append(0..<10)
            await until {
                await feed.compareWithLog()
                return sink.sent.value.count >= 5
            }
            #expect(sink.sent.value == ["2", "4", "6", "8", "10"])
        }
    }

    @Test("P11 what retention removed, and a cursor of another life, are announced in-band")
    func gaps() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            try await stage.append(0..<5)
            try await stage.fixture.age(upTo: 3, days: 40, in: stage.tenant.id)
            #expect(try await stage.fixture.log.dropPartitions(olderThan: .seconds(30 * 86_400)) == 1)
            let expired = try await stage.open(
                feed, cursor: stage.cursor(1), on: stage.loops[0])
            await until { expired.sent.value.count >= 3 }
            #expect(expired.sent.value == ["gap:expired 1…3", "4", "5"])

            for (cursor, reason) in [
                (EventCursor(epoch: stage.epoch - 1, sequence: 2), "epoch_changed"),
                (stage.cursor(99), "ahead"),
            ] {
                let sink = try await stage.open(feed, cursor: cursor, on: stage.loops[1])
                #expect(sink.sent.value == ["gap:\(reason) \(cursor.sequence)…5"])
            }
        }
    }

    @Test("P14 a tenant's events reach no other tenant's stream")
    func isolation() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            let other = try await stage.fixture.makeTenant("other")
            let sink = try await stage.open(feed, on: stage.loops[0])
            let foreign = try await stage.open(feed, tenant: other, on: stage.loops[0])
            try await stage.append(0..<5)
            await until {
                await feed.compareWithLog()
                return sink.sent.value.count >= 5
            }
            #expect(foreign.sent.value.isEmpty)
        }
    }

    @Test("P15 the streams of a revoked key end, others do not")
    func revocation() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            let revoked = KeyID(unchecked: "key_revoked")
            let ending = try await stage.open(feed, on: stage.loops[0], key: revoked)
            let staying = try await stage.open(feed, on: stage.loops[1])
            #expect(feed.keysWithStreams == [revoked, KeyID(unchecked: "key_1")])
            feed.endStreams(of: [revoked])
            await until { ending.end.value != nil }
            #expect(staying.end.value == nil)
        }
    }
}
