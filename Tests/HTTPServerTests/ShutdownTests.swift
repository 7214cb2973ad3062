import HTTP
import HTTPServer
import Net
import Testing

/// P18: stop accepting, finish what is begun, end streams, all within the grace.
@Suite("Draining stop", .timeLimit(.minutes(1)))
struct ShutdownTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// Longer than a test may take, so that a test which needs it fails.
    private static let longGrace = Duration.seconds(120)

    /// A handler that waits for a permission, and says that it began.
    private func gated(_ began: Shared<Int>, _ mayEnd: Shared<Bool>) -> Handler {
        { request in
            began.update { $0 += 1 }
            while !mayEnd.value { try await sleep(for: .milliseconds(1)) }
            return .text("done \(request.path)")
        }
    }

    @Test func idleConnectionsAreClosedAtOnce() async throws {
        try await withServer(loops: 2, handler: echo) { [get] harness in
            var connections: [RawConnection] = []
            for _ in 0..<8 {
                let connection = try await harness.connect()
                try await connection.send(get)
                #expect(try await connection.readResponse().status == 200)
                connections.append(connection)
            }
            // One that never said anything.
            connections.append(try await harness.connect())
            try await until { harness.server.openConnections == 9 }
            await harness.server.shutdown(grace: ShutdownTests.longGrace)
            for connection in connections { #expect(try await connection.readToEnd() == "") }
            #expect(harness.server.openConnections == 0)
            await #expect(throws: NetError.self) { _ = try await harness.connect() }
        }
    }

    @Test func requestsInFlightAreFinished() async throws {
        let began = Shared(0)
        let mayEnd = Shared(false)
        try await withServer(loops: 2, handler: gated(began, mayEnd)) { [get] harness in
            let connection = try await harness.connect()
            // The one behind it is not begun any more.
            try await connection.send(get + "GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
            try await began.until { $0 == 1 }
            async let stop: Void = harness.server.shutdown(grace: ShutdownTests.longGrace)
            // It no longer accepts, and so has begun to drain.
            while (try? await harness.connect())?.close() != nil {}
            mayEnd.update { $0 = true }
            let text = try await connection.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1 200 ") && text.hasSuffix("done /"))
            #expect(text.contains("Connection: close\r\n"))
            connection.close()
            await stop
            #expect(began.value == 1)
        }
    }

    /// A head that has begun to arrive is a request in flight too.
    @Test func headInFlightIsAnswered() async throws {
        try await withServer(handler: echo) { harness in
            let connection = try await harness.connect()
            try await connection.send("GET / HTTP/1.1\r\nHo")
            // Seen by the server: a later connection is served on the same, only, loop.
            let other = try await harness.connect()
            try await other.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            _ = try await other.readToEnd()
            async let stop: Void = harness.server.shutdown(grace: ShutdownTests.longGrace)
            while (try? await harness.connect())?.close() != nil {}
            try await connection.send("st: a\r\n\r\n")
            let text = try await connection.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1 200 ") && text.contains("Connection: close\r\n"))
            connection.close()
            await stop
        }
    }

    @Test func graceEndsWhatDoesNotEnd() async throws {
        let began = Shared(0)
        let mayEnd = Shared(false)
        try await withServer(handler: gated(began, mayEnd)) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            try await began.until { $0 == 1 }
            await harness.server.shutdown(grace: .milliseconds(20))
            #expect(try await connection.readToEnd() == "")
            #expect(harness.server.openConnections == 0)
            mayEnd.update { $0 = true }
        }
    }

    /// A stream's owner says its last word, here a time to come back at.
    @Test func streamsAreTold() async throws {
        let end = Shared<EventStreamEnd?>(nil)
        let handler: Handler = { _ in
            .eventStream { sink in
                sink.onClosed = { reason in end.update { $0 = reason } }
                sink.onShutdown = { [weak sink] in
                    sink?.send(SharedBytes(ServerSentEvent(data: "bye", retry: .seconds(2))!.encoded))
                    sink?.close()
                }
            }
        }
        try await withServer(handler: handler) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            _ = try await connection.read(through: "\r\n\r\n")
            await harness.server.shutdown(grace: ShutdownTests.longGrace)
            #expect(try await connection.readToEnd() == "retry: 2000\ndata: bye\n\n")
            try await end.until { $0 == .finished }
        }
    }

    /// Without a callback a stream just ends; with one that does nothing, the grace ends it.
    @Test(arguments: [true, false])
    func streamsThatAreNotTold(_ ignores: Bool) async throws {
        let end = Shared<EventStreamEnd?>(nil)
        let handler: Handler = { _ in
            .eventStream { sink in
                sink.onClosed = { reason in end.update { $0 = reason } }
                if ignores { sink.onShutdown = {} }
            }
        }
        try await withServer(handler: handler) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            _ = try await connection.read(through: "\r\n\r\n")
            await harness.server.shutdown(grace: ignores ? .milliseconds(20) : ShutdownTests.longGrace)
            #expect(try await connection.readToEnd() == "")
            try await end.until { $0 != nil }
            #expect(end.value == (ignores ? .shutdown : .finished))
        }
    }

    /// A stream that begins while the server drains is told at once.
    @Test func streamThatBeginsWhileDraining() async throws {
        let began = Shared(0)
        let mayBegin = Shared(false)
        let handler: Handler = { _ in
            began.update { $0 += 1 }
            while !mayBegin.value { try await sleep(for: .milliseconds(1)) }
            return .eventStream { _ in }
        }
        try await withServer(handler: handler) { [get] harness in
            let connection = try await harness.connect()
            try await connection.send(get)
            try await began.until { $0 == 1 }
            async let stop: Void = harness.server.shutdown(grace: ShutdownTests.longGrace)
            while (try? await harness.connect())?.close() != nil {}
            mayBegin.update { $0 = true }
            #expect(try await connection.readToEnd().hasSuffix("\r\n\r\n"))
            connection.close()
            await stop
        }
    }
}
