import HTTP
import HTTPClient
import Net
import TestKit
import Testing

@Suite("OutboundClient", .timeLimit(.minutes(1)))
struct OutboundClientTests {
    @Test("a request goes out with Host, User-Agent and Content-Length, and nothing that a caller smuggles in")
    func request() async throws {
        try await withServer { connection in
            let (head, body) = try await connection.request()
            #expect(head.method == .post)
            #expect(head.path == "/a/b" && head.query == "c=d")
            #expect(head.fields[.host]?.hasPrefix("127.0.0.1:") == true)
            #expect(head.fields[.userAgent] == "kick-gateway")
            #expect(head.fields[.accept] == "application/json")
            #expect(head.fields.values(of: .contentLength) == ["5"])
            #expect(!head.fields.contains(.transferEncoding) && !head.fields.contains(.connection))
            try await connection.answer(String(decoding: body, as: UTF8.self), "X-Request-Id: 7\r\n")
            let second = try await connection.request()
            #expect(second.head.fields[.userAgent] == "other" && second.head.fields.values(of: .contentLength) == ["0"])
            try await connection.answer("")
            #expect(try await connection.request().head.fields.contains(.contentLength) == false)
            try await connection.answer("")
        } body: { client, server in
            let fields: Fields = [
                .accept: "application/json", .host: "elsewhere", .contentLength: "99", .transferEncoding: "chunked",
            ]
            let response = try await client.send(
                OutboundRequest(.post, server.url("/a/b?c=d"), fields: fields, body: Array("hello".utf8)),
                deadline: soon)
            #expect(response.status == .ok && response.text == "hello" && response.fields[.xRequestID] == "7")
            _ = try await client.send(
                OutboundRequest(.post, server.url(), fields: [.userAgent: "other"]), deadline: soon)
            _ = try await client.fetch(OutboundRequest(.get, server.url()))
        }
    }

    @Test("requests one after the other share a connection")
    func keepAlive() async throws {
        try await withServer { connection in
            while true {
                try await connection.request()
                try await connection.answer("\(connection.number)")
            }
        } body: { client, server in
            for _ in 0..<10 {
                let answer = try await client.text(server)
                #expect(answer == "1")
            }
            #expect(server.connections.value == 1)
        }
    }

    @Test(
        "a connection that the answer ends is not used again",
        arguments: [
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
            // Bytes that nobody asked for must not become the next request's answer.
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        ])
    func notReused(answer: String) async throws {
        try await withServer { connection in
            try await connection.request()
            try await connection.send(answer)
            try await connection.request()
            try await connection.answer("wrong connection")
        } body: { client, server in
            for number in 1...3 {
                let answer = try await client.text(server)
                #expect(answer == "ok")
                #expect(server.connections.value == number)
            }
        }
    }

    @Test("what a server sends on an idle connection is never taken for an answer")
    func unsolicited() async throws {
        let sent = Box(false)
        try await withServer { connection in
            try await connection.request()
            try await connection.answer("mine")
            try await connection.answer("unsolicited")
            sent.update { $0 = true }
            try await connection.untilClosed()
        } body: { client, server in
            for _ in 0..<3 {
                sent.update { $0 = false }
                let answer = try await client.text(server)
                #expect(answer == "mine")
                await until { sent.value }
            }
        }
    }

    @Test(
        "answers without a body leave the connection usable",
        arguments: [
            (Method.get, "204 No Content", ""), (.get, "304 Not Modified", "Content-Length: 100\r\n"),
            (.head, "200 OK", "Content-Length: 100\r\n"), (.head, "200 OK", "Transfer-Encoding: chunked\r\n"),
            (.head, "200 OK", ""), (.get, "200 OK", "Content-Length: 0\r\n"),
        ])
    func noBody(method: Method, status: String, fields: String) async throws {
        try await withServer { connection in
            while true {
                try await connection.request()
                try await connection.send("HTTP/1.1 \(status)\r\n\(fields)\r\n")
            }
        } body: { client, server in
            for _ in 0..<3 {
                let answer = try await client.fetch(OutboundRequest(method, server.url()))
                #expect(answer.body == [])
            }
            #expect(server.connections.value == 1)
        }
    }

    @Test("informational answers are skipped, endless ones refused, and an upgrade nobody asked for too")
    func informational() async throws {
        try await withServer { connection in
            try await connection.request()
            try await connection.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
            try await connection.answer("final")
            try await connection.request()
            try await connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
            try await connection.untilClosed()
        } body: { client, server in
            let answer = try await client.text(server)
            #expect(answer == "final")
            try await expectFailure(.protocolViolation, client, server)
        }
        try await withServer { connection in
            try await connection.request()
            while true { try await connection.send("HTTP/1.1 102 Processing\r\n\r\n") }
        } body: { client, server in
            try await expectFailure(.protocolViolation, client, server)
        }
    }

    @Test(
        "bodies in every framing arrive whole, in one piece or byte by byte", arguments: [true, false],
        [
            "Content-Length: 11\r\n\r\nhello world",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: t\r\n\r\n",
            "\r\nhello world",
        ])
    func bodies(inPieces: Bool, rest: String) async throws {
        try await withServer { connection in
            try await connection.request()
            let answer = "HTTP/1.1 200 OK\r\n" + rest
            if inPieces {
                for byte in answer.utf8 {
                    try await connection.stream.write([byte], deadline: soon)
                    await Task.yield()
                }
            } else {
                try await connection.send(answer)
            }
        } body: { client, server in
            let answer = try await client.text(server)
            #expect(answer == "hello world")
        }
    }

    @Test("large bodies both ways")
    func largeBodies() async throws {
        let size = 3_000_000
        try await withServer { connection in
            let body = try await connection.request().body
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            try await connection.stream.write(body, deadline: soon)
        } body: { client, server in
            let sent = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 10) }
            let response = try await client.send(OutboundRequest(.put, server.url(), body: sent), deadline: soon)
            #expect(response.body == sent)
        }
    }

    @Test(
        "a body that is cut short is an error, never a shorter body",
        arguments: [
            "Content-Length: 11\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "Content-Length: 11",
        ])
    func truncated(rest: String) async throws {
        try await withServer { connection in
            try await connection.request()
            try await connection.send("HTTP/1.1 200 OK\r\n" + rest)
        } body: { client, server in
            try await expectFailure(.connectionLost, client, server)
        }
    }

    @Test(
        "P16: a body beyond the bound is refused, announced or not, and one at the bound is taken",
        arguments: [
            ("Content-Length: 10", "0123456789"),
            ("Transfer-Encoding: chunked", "4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n"),
            ("X: y", "0123456789"),
        ])
    func oversized(field: String, body: String) async throws {
        try await withServer(limits: ClientLimits(body: 10)) { connection in
            try await connection.request()
            try await connection.send("HTTP/1.1 200 OK\r\n\(field)\r\n\r\n\(body)")
        } body: { client, server in
            let whole = try await client.fetch(OutboundRequest(.get, server.url()))
            #expect(whole.text == "0123456789")
            let more = OutboundRequest(.get, server.url(), maximumBody: 9)
            try await expectFailure(.bodyTooLarge, client, more)
        }
    }

    @Test(
        "what is not HTTP/1.1 is a protocol violation",
        arguments: [
            "SSH-2.0-OpenSSH_9\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 99 Low\r\n\r\n", "HTTP/1.1 200\nX: y\n\n",
            "\u{16}\u{3}\u{1}", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nX: " + String(repeating: "y", count: 70_000),
        ])
    func garbage(answer: String) async throws {
        try await withServer { connection in
            try await connection.request()
            try await connection.send(answer)
            try await connection.untilClosed()
        } body: { client, server in
            try await expectFailure(.protocolViolation, client, server)
        }
    }

    @Test("an answer that comes before the request was read counts, though the connection breaks")
    func earlyAnswer() async throws {
        try await withServer { connection in
            try await connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
            var some: [UInt8] = []
            _ = try await connection.stream.read(into: &some, deadline: soon)
        } body: { client, server in
            let request = OutboundRequest(.post, server.url(), body: [UInt8](repeating: 1, count: 30_000_000))
            let response = try await client.send(request, deadline: soon)
            #expect(response.status == .contentTooLarge && response.text == "big")
        }
    }

    @Test("redirects are not followed")
    func redirect() async throws {
        try await withServer { connection in
            try await connection.request()
            try await connection.send("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
            try await connection.request()
            try await connection.answer("followed")
        } body: { client, server in
            let answer = try await client.fetch(OutboundRequest(.get, server.url()))
            #expect(answer.status == .found)
        }
    }

    @Test("many requests at once, from every loop and from none, each get their own answer")
    func manyAtOnce() async throws {
        let group = try LoopGroup(count: 3)
        defer { group.shutdown() }
        let server = try await RawServer(on: group.loops[2]) { connection in
            while true {
                let (head, body) = try await connection.request()
                try await connection.answer(head.path + String(decoding: body, as: UTF8.self))
            }
        }
        let limits = ClientLimits(connections: 8, waiters: 1000)
        let client = OutboundClient(loops: group, tls: try TLSContext(), limits: limits)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<1000 {
                let loop = number % 4 < 2 ? group.loops[number % 4] : nil
                tasks.addTask(executorPreference: loop) {
                    let request = OutboundRequest(.post, server.url("/\(number)"), body: Array("-\(number)".utf8))
                    let answer = try await client.fetch(request)
                    #expect(answer.text == "/\(number)-\(number)")
                }
            }
            try await tasks.waitForAll()
        }
        #expect(server.connections.value <= 8 * 3)
        await client.shutdown()
    }
}

func expectFailure(
    _ kind: ClientError.Kind, mayHaveArrived: Bool = true, _ client: OutboundClient, _ request: OutboundRequest,
    deadline: Deadline = soon, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let error = await #expect(throws: ClientError.self, sourceLocation: sourceLocation) {
        _ = try await client.send(request, deadline: deadline)
    }
    #expect(error?.kind == kind, sourceLocation: sourceLocation)
    #expect(error?.requestMayHaveArrived == mayHaveArrived, sourceLocation: sourceLocation)
}

func expectFailure(
    _ kind: ClientError.Kind, _ client: OutboundClient, _ server: RawServer,
    sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    try await expectFailure(kind, client, OutboundRequest(.get, server.url()), sourceLocation: sourceLocation)
}

extension OutboundClientTests {
    private actor Caller {
        func text(_ client: OutboundClient, _ server: RawServer) async throws -> String {
            try await client.text(server)
        }
    }

    @Test("actors can make requests, and the main actor too")
    @MainActor
    func actors() async throws {
        let group = try LoopGroup(count: 1)
        defer { group.shutdown() }
        let server = try await RawServer(on: group.loops[0]) { connection in
            while true {
                try await connection.request()
                try await connection.answer("ok")
            }
        }
        let client = OutboundClient(loops: group, tls: try TLSContext())
        for _ in 0..<2 {
            let fromMain = try await client.text(server)
            let fromActor = try await Caller().text(client, server)
            let streamed = try await client.withStream(
                OutboundRequest(.get, server.url()), deadlineForHead: soon
            ) { _, chunks in try await chunks.next(deadline: soon) }
            #expect([fromMain, fromActor, String(decoding: streamed ?? [], as: UTF8.self)] == ["ok", "ok", "ok"])
        }
        await client.shutdown()
    }
}
