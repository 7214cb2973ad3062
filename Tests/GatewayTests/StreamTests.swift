import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@testable import Gateway

/// What a stream can be asked for, and how it ends.
@Suite("Streams", .timeLimit(.minutes(1)))
struct StreamTests {
    @Test("P11 a filter with wildcards admits the same from history as from what happens now")
    func wildcards() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            let types = ["a.b", "a.c.d", "a", "ab.c", "x.y"]
            func append(_ round: Int) async throws {
                let events = types.enumerated().map { index, type in
                    stage.fixture.incoming("r\(round)-\(index)", app: stage.tenant.appID, broadcaster: 1, type: type)
                }
                let result = try await stage.fixture.log.append(events)
                let position = try await stage.fixture.log.position(in: stage.tenant.id)
                if round > 0 {
                    let live = try await stage.fixture.log.read(
                        after: position.last - Int64(result.appended.count), limit: 9, in: stage.tenant.id)
                    feed.didAppend(live, in: stage.tenant.id)
                }
            }
            try await append(0)
            let filter = try EventFilter(types: ["a.*", "x.y"], broadcasters: ["1"])
            let sink = try await stage.open(feed, cursor: stage.cursor(0), filter: filter, on: stage.loops[0])
            await until { sink.sent.value == ["1", "2", "5"] }
            try await append(1)
            await until { sink.sent.value.count >= 6 }
            #expect(sink.sent.value == ["1", "2", "5", "6", "7", "10"])
        }
    }

    @Test("a stream with a limit ends itself with its last event, be it history or not", arguments: [2, 5, 7])
    func limit(count: Int) async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            try await stage.append(0..<5)
            var request = stage.request(cursor: stage.cursor(0))
            request.limit = count
            let sink = try await stage.open(feed, request, on: stage.loops[0])
            await until { sink.sent.value.count >= min(count, 5) }
            try await stage.append(5..<12)
            await until {
                await feed.compareWithLog()
                return sink.end.value != nil
            }
            #expect(sink.sent.value == (1...count).map(String.init))
            #expect(sink.end.value == .limit)
            #expect(sink.endCursor.value == stage.cursor(Int64(count)))
        }
    }

    @Test("P11 history that is older than max_age is skipped and announced; what is younger is not")
    func maximumAge() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            try await stage.append(0..<5)
            try await stage.fixture.age(upTo: 3, days: 3, in: stage.tenant.id)
            for (cursor, days, expected) in [
                (0, 1, ["gap:skipped_by_max_age 0…3", "4", "5"]), (2, 1, ["gap:skipped_by_max_age 2…3", "4", "5"]),
                (3, 1, ["4", "5"]), (0, 9, ["1", "2", "3", "4", "5"]), (1, 0, ["gap:skipped_by_max_age 1…5"]),
            ] as [(Int64, Int64, [String])] {
                var request = stage.request(cursor: stage.cursor(cursor))
                request.maximumAge = .seconds(days * 86_400)
                let sink = try await stage.open(feed, request, on: stage.loops[0])
                await until { sink.sent.value.count >= expected.count }
                #expect(sink.sent.value == expected)
            }
        }
    }

    @Test("P11 the cursor that a heartbeat tells moves past what is hidden, and never past what was not sent")
    func cursorToTell() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            try await stage.append(0..<300)
            let sink = try await stage.open(
                feed, cursor: stage.cursor(0), filter: EventFilter(types: ["odd"]), on: stage.loops[0])
            let writer = stage.loops[1].spawn {
                for batch in 0..<20 {
                    guard (try? await stage.append((300 + batch * 5)..<(305 + batch * 5))) != nil else { return }
                    await feed.compareWithLog()
                }
            }
            // Odd numbers of messages are even numbers of the log: the last one is shown, the one before is not.
            let told = Box<[Int64]>([])
            await until {
                await feed.compareWithLog()
                let cursor = try? await onLoop(stage.loops[0]) {
                    let cursor = sink.stream.value?.cursorToTell()
                    let sent = sink.sent.value.count
                    if let cursor { #expect(Int64(sent) == cursor.sequence / 2) }
                    return cursor
                }
                if let sequence = cursor.flatMap(\.self)?.sequence { told.update { $0.append(sequence) } }
                return sink.sent.value.count == 200
            }
            await writer.value
            #expect(told.value == told.value.sorted() && Set(told.value).count == told.value.count)

            // One more that nobody sees: told once.
            try await stage.append(400..<401)
            await until {
                await feed.compareWithLog()
                let cursor = try? await onLoop(stage.loops[0]) { sink.stream.value?.cursorToTell() }
                return cursor.flatMap(\.self) == stage.cursor(401)
            }
            #expect(try await onLoop(stage.loops[0]) { sink.stream.value?.cursorToTell() } == nil)
            #expect(sink.sent.value == stride(from: 2, through: 400, by: 2).map(String.init))
        }
    }

    @Test("a stream ends with its lifetime, drawn for each, and says how far it came")
    func lifetime() async throws {
        try await FeedStage.run { stage in
            var limits = StreamLimits()
            limits.age = .milliseconds(200)
            let feed = stage.feed(limits: limits)
            try await stage.append(0..<4)
            let sink = try await stage.open(
                feed, cursor: stage.cursor(0), filter: EventFilter(types: ["nothing"]), on: stage.loops[0])
            await until { sink.end.value != nil }
            #expect(sink.end.value == .age)
            #expect(sink.endCursor.value == stage.cursor(4))

            limits.age = .seconds(1000)
            let lifetimes = (0..<1000).map { _ in limits.drawLifetime() }
            #expect(lifetimes.allSatisfy { (.seconds(750)...(.seconds(1000))).contains($0) })
            #expect(Set(lifetimes).count > 900)
        }
    }

    @Test("P15 a stream ends when its key expires, without anybody looking")
    func expiry() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            var request = stage.request()
            request.expiresAt = .now() + .milliseconds(100)
            let ending = try await stage.open(feed, request, on: stage.loops[0])
            request.expiresAt = .now() - .seconds(1)
            let expired = try await stage.open(feed, request, on: stage.loops[1])
            // As far in the future as a key can be.
            request.expiresAt = Timestamp(parsing: "9999-12-31T23:59:59Z")
            let staying = try await stage.open(feed, request, on: stage.loops[0])
            await until { ending.end.value != nil && expired.end.value != nil }
            #expect(ending.end.value == .credential && expired.end.value == .credential)
            #expect(staying.end.value == nil)
        }
    }

    @Test("P12 a reader that does not take history in time is cut")
    func slowHistory() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            try await stage.append(0..<5)
            let sink = TestSink(isBlocked: true)
            try await onLoop(stage.loops[0]) {
                let prepared = try await feed.prepare(stage.request(cursor: stage.cursor(0)))
                _ = feed.open(prepared, sink: sink)
            }
            await until { sink.end.value != nil }
            #expect(sink.end.value == .slow)
            #expect(sink.sent.value == ["1"])
            #expect(sink.endCursor.value == stage.cursor(1))
        }
    }

    @Test("P11 a stream whose log is made anew ends, so that its reader comes back and learns it")
    func newLog() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            try await stage.append(0..<3)
            let sink = try await stage.open(feed, cursor: stage.cursor(0), on: stage.loops[0])
            await until { sink.sent.value.count == 3 }
            _ = try await stage.fixture.database.execute("UPDATE event_logs SET epoch = epoch + 1")
            try await stage.append(3..<4)
            await until {
                await feed.compareWithLog()
                return sink.end.value != nil
            }
            #expect(sink.end.value == .logChanged)
            #expect(sink.sent.value.count == 3)
            let back = try await stage.open(feed, cursor: sink.endCursor.value, on: stage.loops[0])
            #expect(back.sent.value.first?.hasPrefix("gap:epoch_changed") == true)
        }
    }

    @Test("P11 a reader waits while the database is away, and goes on where it was")
    func databaseAway() async throws {
        let cluster = try await TestCluster.make()
        try await FeedStage.run(on: cluster) { stage in
            let feed = stage.feed()
            try await stage.append(0..<250)
            let prepared = try await feed.prepare(stage.request(cursor: stage.cursor(0)))
            try await blocking { cluster.stop() }
            let sink = TestSink()
            try await onLoop(stage.loops[0]) { _ = feed.open(prepared, sink: sink) }
            try await cluster.restart()
            await until { sink.sent.value.count >= 250 || sink.end.value != nil }
            #expect(sink.sent.value == (1...250).map(String.init))
            #expect(sink.end.value == nil)
        }
    }
}
