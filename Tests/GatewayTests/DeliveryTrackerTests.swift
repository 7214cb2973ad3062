import Model
import Net
import TestKit
import Testing

@testable import Gateway

@Suite("DeliveryTracker", .timeLimit(.minutes(1)))
struct DeliveryTrackerTests {
    /// Keeps what is recorded, or refuses to.
    private final class Records: Sendable {
        let batches = Box<[[SubscriptionDelivery]]>([])
        let fails = Box(false)

        struct Away: Error {}

        func record(_ deliveries: [SubscriptionDelivery]) throws {
            if fails.value { throw Away() }
            batches.update { $0.append(deliveries) }
        }

        var all: [SubscriptionDelivery] { batches.value.flatMap(\.self) }
    }

    private static let app = AppID(unchecked: "app_1")
    private static let start = Timestamp(seconds: 1_700_000_000)

    private static func run(
        capacity: Int = DeliveryTracker.capacity,
        _ body: @escaping @Sendable (DeliveryTracker, Records) async throws -> Void
    ) async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let records = Records()
        let tracker = DeliveryTracker(capacity: capacity) { try records.record($0) }
        try await onLoop(loops.loops[0]) { try await body(tracker, records) }
    }

    private static func note(
        _ tracker: DeliveryTracker, _ broadcaster: Int64 = 1, _ type: String = "chat.message.sent", at seconds: Int64,
        through subscription: String = "sub"
    ) {
        tracker.note(
            app: app, broadcasterUserID: broadcaster, type: type, subscriptionID: subscription,
            at: start + .seconds(seconds))
    }

    @Test("deliveries of a subscription are one record: how many, first, last, and the longest gap, in whatever order")
    func sums() async throws {
        try await Self.run { tracker, records in
            Self.note(tracker, at: 10, through: "new")
            Self.note(tracker, at: 2, through: "old")
            Self.note(tracker, at: 0, through: "old")
            Self.note(tracker, at: 5, through: "old")
            Self.note(tracker, 2, at: 7)
            Self.note(tracker, 1, "channel.followed", at: 8)
            await tracker.flush()
            let chat = try #require(records.all.first { $0.broadcasterUserID == 1 && $0.type == "chat.message.sent" })
            #expect(chat.app == Self.app)
            #expect(chat.subscriptionID == "new")
            #expect(chat.firstAt == Self.start)
            #expect(chat.lastAt == Self.start + .seconds(10))
            #expect(chat.count == 4)
            #expect(chat.longestGap == .seconds(8))
            #expect(records.all.count == 3)
            #expect(records.all.first { $0.broadcasterUserID == 2 }?.longestGap == .zero)
            // Recorded once.
            await tracker.flush()
            #expect(records.all.count == 3)
        }
    }

    @Test("what could not be recorded comes with the next record, summed up with what came since")
    func failure() async throws {
        try await Self.run { tracker, records in
            records.fails.update { $0 = true }
            Self.note(tracker, at: 0)
            Self.note(tracker, at: 3)
            await tracker.flush()
            Self.note(tracker, at: 13)
            records.fails.update { $0 = false }
            await tracker.flush()
            #expect(records.all.map(\.count) == [3])
            #expect(records.all.first?.firstAt == Self.start)
            #expect(records.all.first?.longestGap == .seconds(10))
        }
    }

    @Test("P16 beyond its capacity new subscriptions wait for the next record, those that are known go on")
    func capacity() async throws {
        try await Self.run(capacity: 2) { tracker, records in
            for broadcaster: Int64 in [1, 2, 3, 1] { Self.note(tracker, broadcaster, at: 0) }
            await tracker.flush()
            #expect(
                records.all.map { [$0.broadcasterUserID, $0.count] }.sorted { $0[0] < $1[0] } == [[1, 2], [2, 1]])
            Self.note(tracker, 3, at: 1)
            await tracker.flush()
            #expect(records.all.last?.broadcasterUserID == 3)
        }
    }

    @Test("many subscriptions are recorded in batches, each once")
    func batches() async throws {
        try await Self.run { tracker, records in
            for broadcaster in 0..<2500 { Self.note(tracker, Int64(broadcaster), at: 0) }
            await tracker.flush()
            #expect(records.batches.value.map(\.count) == [1000, 1000, 500])
            #expect(Set(records.all.map(\.broadcasterUserID)).count == 2500)
        }
    }

    @Test("P18 at the end what there is gets recorded")
    func lastRecord() async throws {
        try await Self.run { tracker, records in
            Self.note(tracker, at: 0)
            let loop = try #require(Loop.current)
            let running = loop.spawn { await tracker.run() }
            running.cancel()
            await running.value
            #expect(records.all.count == 1)
        }
    }
}

@Suite("ReportDigest", .timeLimit(.minutes(1)))
struct ReportDigestTests {
    @Test("the first of a kind is told at once, the others with the next sum, and kinds have a bound")
    func digest() async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let lines = Box<[String]>([])
        let digest = ReportDigest { kind, example, count in lines.update { $0.append("\(kind) \(example) \(count)") } }
        try await onLoop(loops.loops[0]) {
            for number in 0..<1000 { digest.note("a", example: "\(number)") }
            digest.note("b", example: "x")
            #expect(lines.value == ["a 0 1", "b x 1"])
            #expect(digest.sum())
            #expect(lines.value.dropFirst(2) == ["a 999 999"])
            // What has not happened again is told at once when it does.
            #expect(!digest.sum())
            digest.note("a", example: "y")
            #expect(lines.value.last == "a y 1")
            lines.update { $0 = [] }
            for number in 0..<1000 { digest.note("kind\(number)", example: "") }
            #expect(lines.value.count <= ReportDigest.capacity + 1)
        }
    }
}
