import HTTP
import HTTPServer
import Net
import Testing

/// What a test knows about one stream: its sink, to be used on its loop, and how it ended.
private final class StreamProbe: Sendable {
    let sink = Shared<EventStreamSink?>(nil)
    let end = Shared<EventStreamEnd?>(nil)
    let drains = Shared(0)
    let sent = Shared(0)

    /// The response of a stream that reports here.
    func response(_ start: @escaping @Sendable (EventStreamSink) -> Void = { _ in }) -> Response {
        .eventStream { [self] sink in
            sink.onClosed = { reason in self.end.update { $0 = reason } }
            sink.onDrained = { self.drains.update { $0 += 1 } }
            start(sink)
            self.sink.update { $0 = sink }
        }
    }

    /// Runs `body` with the sink on its loop.
    func onLoop(_ body: @escaping @Sendable (EventStreamSink) -> Void) async throws {
        try await sink.until { $0 != nil }
        guard let sink = sink.value else { return }
        await sink.loop.spawn { body(sink) }.value
    }
}

private func event(_ id: Int, _ data: String = "x") -> SharedBytes {
    SharedBytes(ServerSentEvent(id: String(id), data: data)!.encoded)
}

@Suite("Event streams over sockets", .timeLimit(.minutes(1)))
struct EventStreamTests {
    private let get = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func deliversEventsInOrder() async throws {
        let probe = StreamProbe()
        try await withServer(handler: { _ in probe.response { $0.send(event(0)) } }) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            let head = try await connection.read(through: "\r\n\r\n")
            #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(head.contains("Content-Type: text/event-stream\r\n"))
            #expect(head.contains("Cache-Control: no-store\r\n"))
            #expect(head.contains("X-Accel-Buffering: no\r\n"))
            #expect(!head.contains("Content-Length") && !head.contains("Transfer-Encoding"))
            for round in 0..<5 {
                try await probe.onLoop { sink in
                    for id in (round * 100 + 1)...(round * 100 + 100) { sink.send(event(id)) }
                }
            }
            try await probe.onLoop { $0.close() }
            var decoder = ServerSentEventDecoder()
            let items = try decoder.feed(Array(try await connection.readToEnd().utf8))
            #expect(items == (0...500).map { .event(ServerSentEvent(id: String($0), data: "x")!) })
            try await probe.end.until { $0 == .finished }
            #expect(harness.server.openConnections == 0)
        }
    }

    /// The connection's earlier answers come first, and nothing the client sends afterwards is a request.
    @Test func streamsAfterOtherRequests() async throws {
        let probe = StreamProbe()
        let paths = Shared<[String]>([])
        let handler: Handler = { request in
            paths.update { $0.append(request.path) }
            return request.path == "/stream" ? probe.response() : .text("first")
        }
        try await withServer(handler: handler) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\(get)GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await connection.readResponse().text == "first")
            _ = try await connection.read(through: "\r\n\r\n")
            try await connection.send("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
            try await probe.onLoop { $0.send(event(1)) }
            #expect(try await connection.read(through: "\n\n") == "id: 1\ndata: x\n\n")
            #expect(paths.value == ["/1", "/stream"])
        }
    }

    @Test func headOfAStream() async throws {
        let handler: Handler = { _ in
            .eventStream { _ in Issue.record("began a stream for HEAD") }
        }
        let text = try await withServer(handler: handler) { harness in
            try await harness.exchange("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        #expect(text.contains("Content-Type: text/event-stream\r\n") && text.hasSuffix("\r\n\r\n"))
    }

    @Test func hangUpIsNoticed() async throws {
        let probe = StreamProbe()
        try await withServer(handler: { _ in probe.response() }) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            _ = try await connection.read(through: "\r\n\r\n")
            connection.close()
            try await probe.end.until { $0 == .peerClosed }
            try await until { harness.server.openConnections == 0 }
            // Harmless afterwards.
            try await probe.onLoop { sink in
                sink.send(event(1))
                sink.close()
                #expect(!sink.isOpen)
            }
        }
    }

    /// Gone before the stream began: the owner is told all the same.
    @Test func hangUpBeforeTheStreamBegins() async throws {
        let probe = StreamProbe()
        let isGone = Shared(false)
        let handler: Handler = { _ in
            while !isGone.value { try await sleep(for: .milliseconds(1)) }
            return probe.response()
        }
        try await withServer(handler: handler) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            try await until { harness.server.openConnections > 0 }
            connection.close()
            isGone.update { $0 = true }
            try await probe.end.until { $0 == .peerClosed }
        }
    }

    /// P12: a reader that does not read is cut when the bound is reached, and has cost no more than that.
    @Test func slowReaderIsCut() async throws {
        let probe = StreamProbe()
        let mostPending = Shared(0)
        var limits = ServerLimits()
        limits.eventStreamPending = 100_000
        let bound = limits.eventStreamPending
        try await withServer(limits: limits, handler: { _ in probe.response() }) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            _ = try await connection.read(through: "\r\n\r\n")
            let payload = event(1, String(repeating: "x", count: 10_000))
            while probe.end.value == nil {
                try await probe.onLoop { sink in
                    for _ in 0..<20 where sink.isOpen {
                        sink.send(payload)
                        let pending = sink.pendingBytes
                        mostPending.update { $0 = max($0, pending) }
                    }
                }
            }
            #expect(probe.end.value == .slowReader)
            #expect(mostPending.value <= bound + payload.count)
            #expect(mostPending.value > 0)
        }
    }

    /// P12 is about readers, not about bursts: what one turn brings is no slowness as long as the kernel takes it.
    @Test func burstIsNoSlowness() async throws {
        let probe = StreamProbe()
        var limits = ServerLimits()
        limits.eventStreamPending = 10_000
        try await withServer(limits: limits, handler: { _ in probe.response() }) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            _ = try await connection.read(through: "\r\n\r\n")
            try await probe.onLoop { sink in
                for id in 1...50 { sink.send(event(id, String(repeating: "x", count: 1000))) }
                sink.close()
            }
            var decoder = ServerSentEventDecoder()
            #expect(try decoder.feed(Array(try await connection.readToEnd().utf8)).count == 50)
        }
    }

    /// A reader that takes nothing while something waits is cut by the clock.
    @Test func stalledReaderIsCut() async throws {
        let probe = StreamProbe()
        var limits = ServerLimits()
        limits.eventStreamPending = .max
        limits.eventStreamStall = .milliseconds(40)
        try await withServer(limits: limits, handler: { _ in probe.response() }) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            _ = try await connection.read(through: "\r\n\r\n")
            // More than any kernel buffers, once.
            try await probe.onLoop { $0.send(SharedBytes([UInt8](repeating: 0x3A, count: 64 << 20))) }
            try await probe.end.until { $0 != nil }
            #expect(probe.end.value == .stalled)
        }
    }

    /// The same bound holds for a stream that is being finished.
    @Test func stalledReaderCannotDelayTheEnd() async throws {
        let probe = StreamProbe()
        var limits = ServerLimits()
        limits.eventStreamPending = .max
        limits.eventStreamStall = .milliseconds(40)
        try await withServer(limits: limits, handler: { _ in probe.response() }) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            try await probe.onLoop { sink in
                sink.send(SharedBytes([UInt8](repeating: 0x3A, count: 64 << 20)))
                sink.close()
                #expect(!sink.isOpen)
            }
            try await probe.end.until { $0 != nil }
            #expect(probe.end.value == .stalled)
        }
    }

    @Test func silenceIsFilledWithHeartbeats() async throws {
        let probe = StreamProbe()
        var limits = ServerLimits()
        limits.heartbeat = .milliseconds(40)
        try await withServer(limits: limits, handler: { _ in probe.response() }) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            _ = try await connection.read(through: "\r\n\r\n")
            for _ in 1...3 { #expect(try await connection.read(through: "\n\n") == ": ping\n\n") }
        }
    }

    /// What the owner has to say takes the comment's place; nothing to say is a comment.
    @Test func heartbeatsMayCarryWord() async throws {
        let probe = StreamProbe()
        let count = Shared(0)
        var limits = ServerLimits()
        limits.heartbeat = .milliseconds(40)
        try await withServer(
            limits: limits,
            handler: { _ in
                probe.response { sink in
                    sink.onHeartbeat = {
                        count.update { $0 += 1 }
                        return count.value == 2 ? SharedBytes(Array("id: 7\n\n".utf8)) : nil
                    }
                }
            }
        ) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            _ = try await connection.read(through: "\r\n\r\n")
            for expected in [": ping\n\n", "id: 7\n\n", ": ping\n\n"] {
                #expect(try await connection.read(through: "\n\n") == expected)
            }
            try await probe.onLoop { $0.close() }
            try await probe.end.until { $0 == .finished }
            // Called by nobody after the end.
            let after = count.value
            try await probe.onLoop { #expect($0.onHeartbeat == nil) }
            #expect(count.value == after)
        }
    }

    /// A replay sends its next page when the last one has left.
    @Test func drainedIsCalledForEachPage() async throws {
        let probe = StreamProbe()
        try await withServer(handler: { _ in
            probe.response { sink in
                let page = Shared(0)
                sink.onDrained = { [weak sink] in
                    guard let sink else { return }
                    let number = page.value
                    page.update { $0 += 1 }
                    if number == 5 { return sink.close() }
                    sink.send(event(number, String(repeating: "x", count: 300_000)))
                }
            }
        }) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            let text = try await connection.readToEnd()
            #expect(text.ranges(of: "\nid: ").count + text.ranges(of: "\r\nid: ").count >= 4)
            #expect(text.hasSuffix("\n\n"))
            try await probe.end.until { $0 == .finished }
        }
    }

    /// Callbacks do not run inside of `send` and `close`: whoever walks a list of sinks may change it in them.
    @Test func callbacksDoNotInterruptTheSender() async throws {
        let probe = StreamProbe()
        let wasReentered = Shared(false)
        try await withServer(handler: { _ in
            probe.response { sink in
                let isInside = Shared(false)
                sink.onClosed = { reason in
                    if isInside.value { wasReentered.update { $0 = true } }
                    probe.end.update { $0 = reason }
                }
                isInside.update { $0 = true }
                sink.send(SharedBytes([UInt8](repeating: 0x3A, count: 64 << 20)))
                sink.close()
                isInside.update { $0 = false }
            }
        }) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            try await probe.end.until { $0 != nil }
            #expect(probe.end.value == .slowReader)
            #expect(!wasReentered.value)
        }
    }

    @Test func oneEventForManyReaders() async throws {
        let sinks = Shared<[EventStreamSink]>([])
        try await withServer(loops: 2, handler: { _ in .eventStream { sink in sinks.update { $0.append(sink) } } }) {
            [get] harness in
            var connections: [RawConnection] = []
            for _ in 0..<50 {
                let connection = try await harness.connect()
                try await connection.send(get)
                _ = try await connection.read(through: "\r\n\r\n")
                connections.append(connection)
            }
            let bytes = event(1, "for all")
            for loop in harness.loops.loops {
                await loop.spawn {
                    for sink in sinks.value where sink.loop === loop { sink.send(bytes) }
                }.value
            }
            for connection in connections {
                #expect(try await connection.read(through: "\n\n") == "id: 1\ndata: for all\n\n")
            }
            #expect(harness.server.openConnections == 50)
        }
    }
}
