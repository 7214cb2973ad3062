import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@testable import Gateway

/// Several feeds and logs on one database, as replicas have them: each its own identity in announcements.
@Suite("Replicas", .timeLimit(.minutes(1)))
struct StreamReplicaTests {
    /// Lets the feed hear announcements as the service does; each (re)connection is counted.
    private static func listen(_ feed: EventFeed, _ stage: FeedStage, connections: Box<Int>) {
        _ = stage.fixture.database.listen(channels: [EventLog.channel]) { notification in
            feed.didHear(notification.payload)
        } onConnect: {
            connections.update { $0 += 1 }
            Loop.current?.spawn { await feed.compareWithLog() }
        }
    }

    /// Kills the server's side of every listening connection; returns how many there were.
    private static func cutListeners(_ stage: FeedStage) async throws -> Int {
        let rows = try await stage.fixture.database.query(
            """
            SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) AS cut FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE 'LISTEN %'
            """)
        return Int(try rows.first?["cut", as: Int64.self] ?? 0)
    }

    @Test("P11 a replica whose listening connection is cut again and again loses nothing")
    func cutListener() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            let connections = Box(0)
            Self.listen(feed, stage, connections: connections)
            await until { connections.value == 1 }
            let sink = try await stage.open(feed, cursor: stage.cursor(0), on: stage.loops[0])
            await until { sink.stream.value != nil }
            let other = EventLog(database: stage.fixture.database)
            var last = 0
            var cuts = 0
            while cuts < 5 {
                let before = connections.value
                try await stage.append(last..<(last + 3), log: other)
                cuts += try await Self.cutListeners(stage)
                // Nobody listens now: the announcement of these is lost.
                try await stage.append((last + 3)..<(last + 5), log: other)
                last += 5
                let expected = last
                await until { connections.value > before && sink.sent.value.count >= expected }
            }
            #expect(sink.sent.value == (1...last).map(String.init))
            #expect(connections.value >= 6)
        }
    }

    @Test("P11 a replica that never hears an announcement finds out by looking")
    func pollAlone() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            let poll = stage.loops[1].spawn { await feed.poll() }
            let sink = try await stage.open(feed, on: stage.loops[0])
            try await stage.append(0..<3, log: EventLog(database: stage.fixture.database))
            await until { sink.sent.value.count >= 3 }
            poll.cancel()
            await poll.value
            #expect(sink.sent.value == ["1", "2", "3"])
        }
    }

    @Test("a replica does not listen to itself, and to nonsense")
    func ownAnnouncements() async throws {
        try await FeedStage.run { stage in
            let log = EventLog(database: stage.fixture.database)
            let other = EventLog(database: stage.fixture.database)
            #expect(log.replica != other.replica)
            let feed = stage.feed(log: log)
            let sink = try await stage.open(feed, cursor: stage.cursor(0), on: stage.loops[0])
            try await stage.append(0..<1)
            await until {
                await feed.compareWithLog()
                return sink.sent.value == ["1"]
            }
            try await stage.append(1..<2, log: log)
            for text in [
                "\(stage.tenant.id) 2 \(log.replica)", "", "\(stage.tenant.id)",
                "\(stage.tenant.id) x \(other.replica)",
                "ten_x 2 y z", "- 2 \(other.replica)",
            ] { feed.didHear(text) }
            // Whatever was begun by then would have been seen by a reader that came later.
            let later = try await stage.open(feed, cursor: stage.cursor(0), on: stage.loops[0])
            await until { later.sent.value.count == 2 }
            #expect(sink.sent.value == ["1"])
            feed.didHear("\(stage.tenant.id) 2 \(other.replica)")
            await until { sink.sent.value == ["1", "2"] }
        }
    }

    @Test("P11 readers that hop between replicas get everything once and in order, whatever each replica was told")
    func hopping() async throws {
        try await FeedStage.run { stage in
            let logs = (0..<3).map { _ in EventLog(database: stage.fixture.database) }
            let feeds = logs.map { stage.feed(log: $0) }
            let total = 600
            let writers = (0..<3).map { replica in
                stage.loops[replica % 2].spawn {
                    for batch in 0..<(total / 15) {
                        let first = replica * total + batch * 5
                        guard (try? await stage.append(first..<(first + 5), log: logs[replica])) != nil,
                            let last = try? await logs[replica].position(in: stage.tenant.id).last
                        else { return }
                        // The others hear some of it, late and doubled. This one hands on what it has just stored, as
                        // far as it knows.
                        for feed in feeds where Bool.random() { feed.didCommit(upTo: last, in: stage.tenant.id) }
                        if Bool.random(),
                            let own = try? await logs[replica].read(after: last - 2, limit: 9, in: stage.tenant.id)
                        {
                            feeds[replica].didAppend(own, in: stage.tenant.id)
                        }
                    }
                }
            }
            let polls = feeds.map { feed in
                stage.loops[1].spawn {
                    while !Task.isCancelled {
                        await feed.compareWithLog()
                        try? await sleep(for: .milliseconds(20))
                    }
                }
            }
            let results = try await withThrowingTaskGroup(of: [Int64].self) { group in
                for reader in 0..<20 {
                    group.addTask {
                        var got: [Int64] = []
                        while got.count < total, !Task.isCancelled {
                            let loop = stage.loops[Int.random(in: 0...1)]
                            let feed = feeds.randomElement() ?? feeds[reader % 3]
                            let patience = Int.random(in: 1...120)
                            let sink = try await stage.open(feed, cursor: stage.cursor(got.last ?? 0), on: loop)
                            let wanted = min(total - got.count, patience)
                            await until { sink.sent.value.count >= wanted }
                            // What was sent until the connection ends is what the client has.
                            got += try await onLoop(loop) {
                                sink.stream.value?.close()
                                return sink.sent.value.compactMap { Int64($0) }
                            }
                        }
                        return got
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for writer in writers { await writer.value }
            for poll in polls {
                poll.cancel()
                await poll.value
            }
            #expect(results.count == 20)
            for got in results { #expect(got == Array(1...Int64(total))) }
            #expect(feeds.allSatisfy { $0.streamCount == 0 })
        }
    }

    @Test("P11 what retention takes from under a reader is announced where it happens")
    func removalUnderway() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            try await stage.append(0..<2)
            let sink = try await stage.open(feed, cursor: stage.cursor(0), on: stage.loops[0])
            await until { sink.sent.value == ["1", "2"] }
            // Five more that this replica does not hear of before three of them are gone.
            try await stage.append(2..<7)
            try await stage.fixture.age(upTo: 5, days: 40, in: stage.tenant.id)
            _ = try await stage.fixture.log.dropPartitions(olderThan: .seconds(30 * 86_400))
            await until {
                await feed.compareWithLog()
                return sink.sent.value.count >= 5
            }
            #expect(sink.sent.value == ["1", "2", "gap:expired 2…5", "6", "7"])
        }
    }
}
