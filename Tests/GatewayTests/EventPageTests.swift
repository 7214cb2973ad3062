import Model
import Net
import Store
import TestKit
import Testing

@testable import Gateway

@Suite("Event pages", .timeLimit(.minutes(1)))
struct EventPageTests {
    /// The numbers on each page, following `next` until there is no more.
    private static func pages(
        _ feed: EventFeed, _ request: EventPageRequest, in tenant: TenantID
    ) async throws -> [[Int64]] {
        var request = request
        var pages: [[Int64]] = []
        while pages.count < 50 {
            let page = try await feed.page(request, in: tenant)
            pages.append(page.events.map(\.cursor.sequence))
            #expect(page.next.sequence >= page.events.last?.cursor.sequence ?? 0)
            if !page.hasMore { break }
            request.cursor = page.next
        }
        return pages
    }

    @Test("a page is bounded in bytes, and holds one event whatever its size")
    func bytes() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            for (number, mebibytes) in [3, 2, 1, 5, 1].enumerated() {
                let body = String(repeating: "x", count: mebibytes * 1024 * 1024)
                try await stage.append(number..<(number + 1), body: body)
            }
            let request = EventPageRequest(cursor: stage.cursor(0), limit: 500)
            #expect(try await Self.pages(feed, request, in: stage.tenant.id) == [[1, 2], [3, 4], [5]])
            let large = EventPageRequest(cursor: stage.cursor(3), limit: 500)
            #expect(try await Self.pages(feed, large, in: stage.tenant.id) == [[4], [5]])
        }
    }

    @Test("P11 a reader's replay is bounded in bytes, and complete")
    func replayBytes() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            try await stage.append(0..<12, body: String(repeating: "x", count: 100_000))
            let slice = try await stage.fixture.log.slice(
                after: 0, limits: EventFeed.replayLimits, in: stage.tenant.id)
            #expect(slice.events.count == 3)
            let sink = try await stage.open(feed, cursor: stage.cursor(0), on: stage.loops[0])
            await until { sink.sent.value.count >= 12 }
            #expect(sink.sent.value == (1...12).map(String.init))
        }
    }

    @Test("pages follow one another without a gap or a repeat, with any filter", arguments: [1, 3, 10, 11])
    func paging(limit: Int) async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            try await stage.append(0..<10)
            for filter in [EventFilter.everything, EventFilter(types: ["odd"]), EventFilter(types: ["none"])] {
                var request = EventPageRequest(cursor: nil, limit: limit)
                request.filter = filter
                let pages = try await Self.pages(feed, request, in: stage.tenant.id)
                let expected = (1...10).filter { filter.admits(type: $0 % 2 == 0 ? "odd" : "even", broadcaster: 1) }
                #expect(pages.flatMap(\.self) == expected.map(Int64.init))
                #expect(pages.dropLast().allSatisfy { $0.count == limit })
            }
        }
    }

    @Test("a page of a time ends with it: its cursor leaves what is younger to the next reader")
    func times() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            try await stage.append(0..<6)
            try await stage.fixture.age(upTo: 0, days: 6, in: stage.tenant.id)
            try await stage.fixture.age(upTo: 4, days: 3, in: stage.tenant.id)
            try await stage.fixture.age(upTo: 2, days: 3, in: stage.tenant.id)
            let now = Timestamp.now()
            func page(_ since: Int64?, _ until: Int64?, limit: Int = 100) async throws -> EventPage {
                var request = EventPageRequest(cursor: nil, limit: limit)
                request.span = EventSpan(
                    since: since.map { now - .seconds($0 * 86_400) }, until: until.map { now - .seconds($0 * 86_400) })
                return try await feed.page(request, in: stage.tenant.id)
            }
            let middle = try await page(5, 2)
            #expect(middle.events.map(\.cursor.sequence) == [3, 4])
            #expect(middle.next == stage.cursor(4) && !middle.hasMore)
            let part = try await page(5, 2, limit: 1)
            #expect(part.events.map(\.cursor.sequence) == [3])
            #expect(part.next == stage.cursor(3) && part.hasMore)
            let recent = try await page(1, nil)
            #expect(recent.events.map(\.cursor.sequence) == [5, 6])
            #expect(recent.next == stage.cursor(6) && !recent.hasMore)
            let none = try await page(nil, 30)
            #expect(none.events.isEmpty && !none.hasMore && none.next == stage.cursor(0))
            let future = try await page(-1, nil)
            #expect(future.events.isEmpty && !future.hasMore && future.next == stage.cursor(6))
        }
    }

    @Test("a page says what its cursor missed")
    func gap() async throws {
        try await FeedStage.run { stage in
            let feed = stage.feed()
            try await stage.append(0..<5)
            try await stage.fixture.age(upTo: 3, days: 40, in: stage.tenant.id)
            _ = try await stage.fixture.log.dropPartitions(olderThan: .seconds(30 * 86_400))
            let page = try await feed.page(EventPageRequest(cursor: stage.cursor(1), limit: 9), in: stage.tenant.id)
            #expect(page.events.map(\.cursor.sequence) == [4, 5])
            #expect(
                page.gap
                    == StreamGap(
                        reason: .expired, from: stage.cursor(1), to: stage.cursor(3), oldest: stage.cursor(3)))
        }
    }
}
