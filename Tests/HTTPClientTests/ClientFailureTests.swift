import HTTP
import HTTPClient
import Net
import TestKit
import Testing

@Suite("OutboundClient's failures", .timeLimit(.minutes(1)))
struct ClientFailureTests {
    // MARK: Connections that died

    /// Answers the first request and waits for the second; then dies without a word.
    private static let diesOnReuse: @Sendable (RawConnection) async throws -> Void = { connection in
        try await connection.request()
        try await connection.answer("\(connection.number)")
        try await connection.request()
    }

    @Test("a request that asks for no change and met the close of an idle connection is sent again, on a fresh one")
    func retried() async throws {
        try await withServer(script: Self.diesOnReuse) { client, server in
            for expected in ["1", "2", "3"] {
                let answer = try await client.text(server)
                #expect(answer == expected)
            }
            #expect(server.connections.value == 3)
        }
    }

    @Test(
        "a request that changes something is not sent again, whatever a repetition would mean: it may have arrived",
        arguments: [HTTP.Method.post, .put, .patch, .delete])
    func notRetried(method: HTTP.Method) async throws {
        try await withServer(script: Self.diesOnReuse) { client, server in
            _ = try await client.text(server)
            try await expectFailure(.connectionLost, client, OutboundRequest(method, server.url()))
            #expect(server.connections.value == 1)
        }
    }

    @Test(
        "P3: a request that asks for a fresh connection gets one, beside idle ones and at the bound", arguments: [1, 2])
    func fresh(connections: Int) async throws {
        try await withServer(limits: ClientLimits(connections: connections), script: Self.diesOnReuse) {
            client, server in
            _ = try await client.text(server)
            for expected in ["2", "3"] {
                let request = OutboundRequest(.post, server.url(), needsFreshConnection: true)
                let answer = try await client.fetch(request)
                #expect(answer.text == expected)
            }
        }
    }

    @Test("a request on a fresh connection is never sent again")
    func freshNotRetried() async throws {
        try await withServer { connection in
            try await connection.request()
        } body: { client, server in
            try await expectFailure(.connectionLost, client, server)
            #expect(server.connections.value == 1)
        }
    }

    @Test("a request is sent again once, not for ever")
    func retriedOnce() async throws {
        try await withServer { connection in
            try await connection.request()
            if connection.number == 1 {
                try await connection.answer("")
                try await connection.request()
            }
        } body: { client, server in
            _ = try await client.text(server)
            try await expectFailure(.connectionLost, client, server)
            #expect(server.connections.value == 2)
        }
    }

    @Test("a request is sent again on a fresh connection, not on the next that was idle as long")
    func retriedOnFresh() async throws {
        let arrived = Box(0)
        try await withServer { connection in
            try await connection.request()
            arrived.update { $0 += 1 }
            await untilOnLoop { arrived.value >= 2 }
            try await connection.answer("\(connection.number)")
            try await connection.request()
            arrived.update { $0 += 1 }
        } body: { client, server in
            async let first = client.text(server)
            async let second = client.text(server)
            _ = try await (first, second)
            let answer = try await client.text(server)
            #expect(answer == "3")
            #expect(arrived.value == 4)
        }
    }

    @Test("no request is sent again after the first byte of an answer")
    func notRetriedAfterAnswer() async throws {
        try await withServer { connection in
            try await connection.request()
            try await connection.answer("")
            try await connection.request()
            try await connection.send("H")
        } body: { client, server in
            _ = try await client.text(server)
            try await expectFailure(.connectionLost, client, server)
            #expect(server.connections.value == 1)
        }
    }

    @Test("an idle connection that the server has closed is not used, whatever the method")
    func closedWhileIdle() async throws {
        let closed = Box(0)
        try await withServer { connection in
            try await connection.request()
            try await connection.answer("\(connection.number)")
            connection.stream.close()
            closed.update { $0 += 1 }
        } body: { client, server in
            for number in 1...3 {
                let answer = try await client.fetch(OutboundRequest(.post, server.url()))
                #expect(answer.text == "\(number)")
                await until { closed.value == number }
            }
        }
    }

    // MARK: Connections that never came

    @Test("names that do not resolve, and ports where nobody listens, are told apart; nothing was sent")
    func noConnection() async throws {
        try await withServer { _ in
        } body: { client, _ in
            let unknown = HTTPURL("http://no-such-host.invalid/")!
            try await expectFailure(.resolve, mayHaveArrived: false, client, OutboundRequest(.get, unknown))
            let refused = HTTPURL("http://127.0.0.1:1/")!
            try await expectFailure(.connect, mayHaveArrived: false, client, OutboundRequest(.get, refused))
        }
    }

    // MARK: Time

    @Test(
        "P16: the deadline ends a request wherever it is",
        arguments: ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"])
    func slow(answer: String) async throws {
        try await withServer { connection in
            try await connection.request()
            try await connection.send(answer)
            try await connection.untilClosed()
        } body: { client, server in
            let request = OutboundRequest(.get, server.url())
            try await expectFailure(.timedOut, client, request, deadline: .after(.seconds(1)))
            try await expectFailure(
                .timedOut, mayHaveArrived: false, client, request, deadline: .after(.milliseconds(-1)))
        }
    }

    @Test("P16: a server that does not read cannot hold a request past its deadline")
    func slowReader() async throws {
        try await withServer { _ in
            try await Net.sleep(until: soon)
        } body: { client, server in
            let request = OutboundRequest(.post, server.url(), body: [UInt8](repeating: 0, count: 16 << 20))
            try await expectFailure(.timedOut, client, request, deadline: .after(.seconds(1)))
        }
    }

    // MARK: The pool

    @Test(
        "P16: the pool's bound holds; who waits is served in order, or times out, or is refused; nothing of it was sent"
    )
    func poolBound() async throws {
        let arrived = Box<[String]>([])
        let mayAnswer = Box(false)
        try await withServer(limits: ClientLimits(connections: 2, waiters: 3)) { connection in
            while true {
                let path = try await connection.request().head.path
                arrived.update { $0.append(path) }
                await untilOnLoop { mayAnswer.value }
                try await connection.answer(path)
            }
        } body: { client, server in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                let fetch: @Sendable (String) async throws -> Void = { path in
                    let answer = try await client.fetch(OutboundRequest(.get, server.url(path)))
                    #expect(answer.text == path)
                }
                for path in ["/1", "/2"] { tasks.addTask { try await fetch(path) } }
                await untilOnLoop { arrived.value.count == 2 }
                let late = OutboundRequest(.get, server.url("/late"))
                try await expectFailure(
                    .timedOut, mayHaveArrived: false, client, late, deadline: .after(.milliseconds(10)))
                for path in ["/3", "/4", "/5"] { tasks.addTask { try await fetch(path) } }
                await turns()
                try await expectFailure(.poolExhausted, mayHaveArrived: false, client, late)
                #expect(server.connections.value == 2)
                mayAnswer.update { $0 = true }
                try await tasks.waitForAll()
                #expect(server.connections.value == 2)
                #expect(Array(arrived.value.dropFirst(2)) == ["/3", "/4", "/5"])
            }
        }
    }

    @Test("idle connections are closed after their time")
    func idleTimeout() async throws {
        let closed = Box(false)
        try await withServer(limits: ClientLimits(idleTimeout: .milliseconds(20))) { connection in
            try await connection.request()
            try await connection.answer("")
            try? await connection.untilClosed()
            closed.update { $0 = true }
        } body: { client, server in
            _ = try await client.text(server)
            await untilOnLoop { closed.value }
        }
    }

    @Test("P18: a shutdown closes what is idle, lets what is under way end, and refuses the rest")
    func shutdown() async throws {
        let arrived = Box(false)
        let mayAnswer = Box(false)
        let closed = Box(false)
        try await withServer(limits: ClientLimits(connections: 1)) { connection in
            try await connection.request()
            arrived.update { $0 = true }
            await untilOnLoop { mayAnswer.value }
            try await connection.answer("finished")
            try? await connection.untilClosed()
            closed.update { $0 = true }
        } body: { client, server in
            async let answer = client.text(server)
            await untilOnLoop { arrived.value }
            async let refused: Void = expectFailure(
                .cancelled, mayHaveArrived: false, client, OutboundRequest(.get, server.url()))
            await turns()
            await client.shutdown()
            try await refused
            try await expectFailure(.cancelled, mayHaveArrived: false, client, OutboundRequest(.get, server.url()))
            mayAnswer.update { $0 = true }
            let text = try await answer
            #expect(text == "finished")
            await untilOnLoop { closed.value }
        }
    }

    // MARK: Cancelling

    @Test(
        "cancelling a request closes its connection; one that waits leaves the queue; one that was cancelled is not sent"
    )
    func cancellation() async throws {
        let arrived = Box(0)
        let closed = Box(0)
        try await withServer(limits: ClientLimits(connections: 1)) { connection in
            try await connection.request()
            arrived.update { $0 += 1 }
            try? await connection.untilClosed()
            closed.update { $0 += 1 }
        } body: { client, server in
            let request = OutboundRequest(.get, server.url())
            let loop = Loop.current!
            let sent = loop.spawn { try? await expectFailure(.cancelled, client, request, deadline: .never) }
            await untilOnLoop { arrived.value == 1 }
            let waiting = loop.spawn {
                try? await expectFailure(.cancelled, mayHaveArrived: false, client, request, deadline: .never)
            }
            await turns()
            waiting.cancel()
            await waiting.value
            sent.cancel()
            await sent.value
            await untilOnLoop { closed.value == 1 }
            let early = loop.spawn {
                await untilOnLoop { Task.isCancelled }
                try? await expectFailure(.cancelled, mayHaveArrived: false, client, request, deadline: .never)
            }
            early.cancel()
            await early.value
            #expect(arrived.value == 1)
        }
    }

    // MARK: What errors say

    @Test("P6: neither requests nor errors print paths, queries, fields or bodies")
    func descriptions() async throws {
        try await withServer { connection in
            try await connection.request()
            try await connection.send("HTTP/1.1 200 OK\r\nsecret\r\n\r\n")
        } body: { client, server in
            let request = OutboundRequest(
                .get, server.url("/secret?token=secret"), fields: [.authorization: "Bearer secret"],
                body: Array("secret".utf8))
            let error = await #expect(throws: ClientError.self) { try await client.fetch(request) }
            #expect(error?.description.contains("http://127.0.0.1:") == true)
            var dumped = ""
            dump(request, to: &dumped)
            if let error { dump(error, to: &dumped) }
            for text in ["\(request)", request.debugDescription, "\(error as Any)", dumped] {
                #expect(!text.contains("secret"))
            }
        }
    }
}

/// Lets the loop turn until the condition holds; the test's own time limit ends a wait in vain.
func untilOnLoop(_ condition: () -> Bool) async {
    while !condition() { await turns(1) }
}

/// Lets everything that is ready on the present loop run, so many times.
func turns(_ count: Int = 20) async {
    let loop = Loop.current!
    for _ in 0..<count {
        await withCheckedContinuation { done in loop.schedule(at: .after(.microseconds(100))) { done.resume() } }
    }
}
