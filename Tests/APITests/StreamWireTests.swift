import Foundation
import Gateway
import HTTP
import HTTPServer
import Model
import Net
import Store
import TestKit
import Testing

@testable import API

/// The stream as it is on the wire: a server, a feed, a log, and a client that reads bytes.
@Suite("Streams over sockets", .timeLimit(.minutes(1)))
struct StreamWireTests {
    @Test("the head, the hello, history that says so, and what happens now")
    func beginning() async throws {
        try await WireStage.run { stage in
            try await stage.append(0..<2)
            let client = try await stage.connect("?after=\(stage.cursor(0))")
            #expect(client.head.hasPrefix("HTTP/1.1 200 OK\r\n"))
            for field in [
                "Content-Type: text/event-stream", "Cache-Control: no-store", "X-Accel-Buffering: no",
                "Connection: close",
            ] { #expect(client.head.contains("\r\n\(field)\r\n"), "\(field)") }
            try await client.read { client.events.count == 2 }
            #expect(client.text.hasPrefix("retry: "))
            guard case .retry(let retry) = client.items.first else { throw CancellationError() }
            #expect((.milliseconds(1000)...(.milliseconds(4000))).contains(retry))
            #expect(client.events.map(\.id) == [stage.cursor(1), stage.cursor(2)].map(\.description))
            #expect(client.events.allSatisfy { $0.text.contains(#","replayed":true,"payload":{"#) })
            try await stage.append(2..<3)
            try await client.read { client.events.count == 3 }
            #expect(client.events[2].event == "even" && !client.events[2].text.contains("replayed"))
        }
    }

    @Test("the delays that clients are given differ")
    func jitter() async throws {
        try await WireStage.run { stage in
            var delays: Set<Duration> = []
            for _ in 0..<12 {
                let client = try await stage.connect("")
                try await client.read { !client.items.isEmpty }
                if case .retry(let delay) = client.items.first { delays.insert(delay) }
                client.close()
            }
            #expect(delays.count > 3)
        }
    }

    @Test("P11 the cursor of this moment is in the hello; where a gap is announced it waits for the gap")
    func hello() async throws {
        try await WireStage.run { stage in
            try await stage.append(0..<3)
            let client = try await stage.connect("")
            try await client.read { client.text.contains("\n\n") }
            #expect(client.lastEventID == stage.cursor(3).description)

            try await stage.fixture.age(upTo: 2, days: 40, in: stage.tenant.id)
            _ = try await stage.fixture.log.dropPartitions(olderThan: .seconds(30 * 86_400))
            let late = try await stage.connect("?after=\(stage.cursor(1))")
            try await late.read { late.events.count == 2 }
            let first = try #require(late.text.firstRange(of: "\n\n"))
            #expect(!late.text[..<first.lowerBound].contains("id:"))
            #expect(late.events[0].event == "gateway.gap" && late.events[0].id == stage.cursor(2).description)
            let gap = try JSONSerialization.jsonObject(with: Data(late.events[0].data)) as? [String: String]
            #expect(gap?["from"] == stage.cursor(1).description && gap?["to"] == stage.cursor(2).description)
            #expect(gap?["reason"] == "expired")
            #expect(late.events[1].id == stage.cursor(3).description)
        }
    }

    @Test("P11 silence moves the cursor of a filtered reader, so that it comes back close to the end")
    func heartbeat() async throws {
        var limits = ServerLimits()
        limits.heartbeat = .milliseconds(60)
        try await WireStage.run(server: limits) { stage in
            let client = try await stage.connect("?types=nothing.*")
            try await client.read { client.text.contains("\n\n: ping\n\n") }
            try await stage.append(0..<5)
            try await client.read { client.lastEventID == stage.cursor(5).description }
            #expect(client.events.isEmpty && client.text.contains("\n\n: ping\nid: \(stage.cursor(5))\n\n"))
            // Nothing moved since: no id.
            let before = client.text.count
            try await client.read { client.text.count > before }
            #expect(client.text.hasSuffix("\n\n: ping\n\n"))
        }
    }

    @Test("a limit ends the stream with a word, and a browser that comes back is told to stop")
    func limit() async throws {
        try await WireStage.run { stage in
            try await stage.append(0..<5)
            let path = "?limit=3&after=\(stage.cursor(0))"
            let client = try await stage.connect(path)
            try await client.readToEnd()
            #expect(client.events.dropLast().map(\.id) == (1...3).map { stage.cursor($0).description })
            #expect(client.events.last?.event == "gateway.end")
            #expect(client.events.last?.text == #"{"reason":"limit","cursor":"\#(stage.cursor(3))"}"#)

            let back = try await stage.connect(path, lastEventID: client.lastEventID)
            #expect(back.head.hasPrefix("HTTP/1.1 204 "))
            #expect(back.head.contains("Cache-Control: no-store"))
            let onwards = try await stage.connect("", lastEventID: client.lastEventID)
            try await onwards.read { onwards.events.count == 2 }
            #expect(onwards.events.map(\.id) == (4...5).map { stage.cursor($0).description })
        }
    }

    @Test("a stream that ends with its lifetime leaves its cursor, and goes on with it")
    func lifetime() async throws {
        var limits = StreamLimits()
        limits.age = .milliseconds(300)
        try await WireStage.run(streams: limits) { stage in
            try await stage.append(0..<3)
            var ids: [String?] = []
            var cursor = stage.cursor(0).description
            while cursor != stage.cursor(3).description {
                let client = try await stage.connect("?types=odd", lastEventID: cursor)
                try await client.readToEnd()
                let (text, farewell) = (client.text, ": age\nid: \(client.lastEventID)\n\n")
                try #require(text.hasSuffix(farewell))
                ids += client.events.map(\.id)
                cursor = client.lastEventID
            }
            // The second event is odd and was sent; the others were hidden, and passed all the same.
            #expect(ids == [stage.cursor(2).description])
        }
    }

    @Test("P15 a stream whose key is revoked says so and leaves its cursor")
    func revocation() async throws {
        try await WireStage.run { stage in
            try await stage.append(0..<2)
            let client = try await stage.connect("?types=odd&after=\(stage.cursor(0))")
            try await client.read { client.events.count == 1 }
            stage.feed.endStreams(of: [KeyID(unchecked: "key_1")])
            try await client.readToEnd()
            #expect(client.text.hasSuffix(": credential\nid: \(stage.cursor(2))\n\n"))
        }
    }

    @Test("P18 a server that stops leaves every reader its cursor")
    func shutdown() async throws {
        try await WireStage.run { stage in
            try await stage.append(0..<3)
            let client = try await stage.connect("?types=none&after=\(stage.cursor(0))")
            try await client.read { client.text.contains("\n\n") }
            // Live, once the position has passed all that is hidden.
            let other = try await stage.connect("?after=\(stage.cursor(0))")
            try await other.read { other.events.count == 3 }
            let stopping = Task { await stage.server.shutdown(grace: .seconds(20)) }
            try await client.readToEnd()
            try await other.readToEnd()
            await stopping.value
            #expect(client.text.hasSuffix(": shutdown\nid: \(client.lastEventID)\n\n"))
            #expect(other.lastEventID == stage.cursor(3).description)
        }
    }

    @Test("P16 too many streams of a key are 429, of the process 503, each saying when to come again")
    func caps() async throws {
        for (total, status, code) in [(9, 429, "too_many_streams"), (1, 503, "unavailable")] {
            var limits = StreamLimits()
            (limits.total, limits.perKey) = (total, 1)
            try await WireStage.run(streams: limits) { stage in
                let first = try await stage.connect("")
                try await first.read { first.text.contains("\n\n") }
                let refused = try await stage.connect("", key: status == 429 ? "key_1" : "key_2")
                try await refused.readToEnd()
                #expect(refused.head.hasPrefix("HTTP/1.1 \(status) "))
                #expect(refused.head.contains("Content-Type: application/problem+json"))
                #expect(refused.head.contains("\r\nRetry-After: "))
                #expect(refused.text.contains(#""code":"\#(code)""#))
                first.close()
                await until { stage.feed.streamCount == 0 }
                let again = try await stage.connect("")
                #expect(again.head.hasPrefix("HTTP/1.1 200 "))
            }
        }
    }

    @Test("P12 a reader that does not read is cut, comes back with its cursor, and has every event once")
    func slowReader() async throws {
        try await WireStage.run { stage in
            let first = try await stage.connect("?after=\(stage.cursor(0))")
            for number in 0..<2 {
                try await stage.append(number..<(number + 1))
                try await first.read { first.events.count == number + 1 }
            }
            let last = try await Self.flood(stage, from: 2)
            // The kernel still holds what was sent before the cut; an event that was cut in two does not count.
            try await first.readToEnd()
            #expect(first.events.count < last)
            let cursor = first.lastEventID
            #expect(cursor == first.events.last?.id)
            let second = try await stage.connect("?after=\(stage.cursor(0))", lastEventID: cursor)
            let rest = last - first.events.count
            try await second.read { second.events.count >= rest }
            #expect((first.events + second.events).map(\.id) == (1...Int64(last)).map { stage.cursor($0).description })
        }
    }

    /// Appends large events until no stream is left; returns the number of the last one.
    private static func flood(_ stage: WireStage, from first: Int) async throws -> Int {
        let body = "{\"text\":\"" + String(repeating: "x", count: 100_000) + "\"}"
        for batch in 0..<200 {
            let begin = first + batch * 10
            if stage.feed.streamCount == 0 { return begin }
            try await stage.append(begin..<(begin + 10), body: body)
        }
        throw NeverCut()
    }

    private struct NeverCut: Error {}
}
