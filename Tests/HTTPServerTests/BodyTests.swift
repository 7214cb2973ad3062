import HTTP
import HTTPServer
import Net
import Testing

@Suite("Bodies over sockets", .timeLimit(.minutes(1)))
struct BodyTests {
    @Test func chunksBothWays() async throws {
        let handler: Handler = { request in
            let body = try await request.body(upTo: 1 << 20)
            return Response(
                body: .chunks(length: nil) { writer in
                    for start in stride(from: 0, to: body.count, by: 1000) {
                        try await writer.write(Array(body[start..<min(start + 1000, body.count)]))
                        if start % 5000 == 0 { try await writer.flush() }
                    }
                })
        }
        try await withServer(handler: handler) { harness in
            let connection = try await harness.connect()
            for size in [0, 1, 999, 1000, 200_000] {
                let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                var bytes = Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
                for start in stride(from: 0, to: size, by: 777) {
                    Serializer.appendChunk(body[start..<min(start + 777, size)], to: &bytes)
                }
                Serializer.appendLastChunk(to: &bytes)
                try await connection.send(bytes)
                let response = try await connection.readResponse()
                #expect(response.fields[.transferEncoding] == "chunked")
                #expect(response.body == body)
            }
        }
    }

    /// HTTP/1.0 knows no chunks: the close ends the body.
    @Test func producedBodiesForVersionOnePointZero() async throws {
        let handler: Handler = { _ in
            Response(body: .chunks(length: nil) { try await $0.write(Array("hello".utf8)) })
        }
        let text = try await withServer(handler: handler) { harness in
            try await harness.exchange("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        }
        #expect(text.contains("Connection: close\r\n\r\nhello") && text.hasSuffix("hello"))
        #expect(!text.contains("Transfer-Encoding"))
    }

    @Test func producedBodiesOfKnownLength() async throws {
        let handler: Handler = { request in
            let announced = Int(request.path.dropFirst())!
            return Response(body: .chunks(length: announced) { try await $0.write(Array("hello".utf8)) })
        }
        try await withServer(handler: handler) { harness in
            let connection = try await harness.connect()
            try await connection.send("GET /5 HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await connection.readResponse().text == "hello")
            // Too little and too much both cut the connection: the client must not take it for complete.
            for length in [4, 6] {
                let text = try await harness.exchange("GET /\(length) HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(!text.hasSuffix("\r\n\r\n" + String("hello!".prefix(length))))
            }
        }
    }

    @Test func producersThatFailCutTheBody() async throws {
        struct Failure: Error {}
        let handler: Handler = { _ in
            Response(
                body: .chunks(length: nil) { writer in
                    try await writer.write(Array("hello".utf8))
                    try await writer.flush()
                    throw Failure()
                })
        }
        let text = try await withServer(handler: handler) { harness in
            try await harness.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        #expect(text.hasSuffix("5\r\nhello\r\n"))
    }

    @Test func largeBodiesOfBytes() async throws {
        let body = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try await withServer(handler: { _ in Response(body: .bytes(body)) }) { harness in
            let connection = try await harness.connect()
            try await connection.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            for _ in 1...2 { #expect(try await connection.readResponse().body == body) }
        }
    }

    // MARK: Limits

    @Test(arguments: [
        "Content-Length: 1001\r\n\r\n", "Content-Length: 9223372036854775807\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3E9\r\n" + String(repeating: "x", count: 1001),
    ])
    func bodyTooLarge(_ rest: String) async throws {
        try await withServer(handler: echo) { harness in
            let connection = try await harness.connect()
            try await connection.send("POST / HTTP/1.1\r\nHost: a\r\n" + rest)
            #expect(try await connection.readResponse().status == 413)
        }
    }

    /// After a 413 within bounds the rest is dropped and the connection goes on in step.
    @Test(arguments: [false, true])
    func goesOnAfterBodyThatWasTooLarge(_ isChunked: Bool) async throws {
        try await withServer(handler: echo) { harness in
            let connection = try await harness.connect()
            let body = String(repeating: "x", count: 30_000)
            for _ in 1...2 {
                try await connection.send(
                    "POST / HTTP/1.1\r\nHost: a\r\n"
                        + (isChunked
                            ? "Transfer-Encoding: chunked\r\n\r\n7530\r\n\(body)\r\n0\r\n\r\n"
                            : "Content-Length: 30000\r\n\r\n\(body)"))
                #expect(try await connection.readResponse().status == 413)
            }
            try await connection.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await connection.readResponse().text == "GET /next ")
        }
    }

    /// What a handler leaves unread is dropped up to a bound, and cannot be taken for the next request.
    @Test func unreadBodies() async throws {
        var limits = ServerLimits()
        limits.unreadBody = 1000
        let paths = Shared<[String]>([])
        let handler: Handler = { request in
            paths.update { $0.append(request.path) }
            return Response()
        }
        try await withServer(limits: limits, handler: handler) { harness in
            let connection = try await harness.connect()
            let evil = "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
            try await connection.send(
                "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: \(evil.utf8.count)\r\n\r\n\(evil)")
            #expect(try await connection.readResponse().isPersistent)
            // The body arrives after the answer.
            try await connection.send("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: \(evil.utf8.count)\r\n\r\n")
            #expect(try await connection.readResponse().isPersistent)
            try await connection.send(evil)
            try await connection.send("POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            #expect(try await connection.readResponse().isPersistent)
            try await connection.send("\(String(evil.utf8.count, radix: 16))\r\n\(evil)\r\n0\r\n\r\n")
            // Too much is not waited for.
            try await connection.send("POST /4 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n\(evil)")
            #expect(try await !connection.readResponse().isPersistent)
            #expect(try await connection.readToEnd() == "")
            #expect(paths.value == ["/1", "/2", "/3", "/4"])
        }
    }

    /// An endless chunked body that nobody wants is cut after a bound.
    @Test func unreadChunksWithoutEnd() async throws {
        try await withServer(handler: { _ in Response() }) { harness in
            let connection = try await harness.connect()
            try await connection.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            #expect(try await connection.readResponse().status == 200)
            let chunk = "8000\r\n" + String(repeating: "x", count: 0x8000) + "\r\n"
            await #expect(throws: NetError.self) {
                while true { try await connection.send(chunk) }
            }
        }
    }

    // MARK: Expect: 100-continue

    @Test func continueIsSentWhenTheBodyIsWanted() async throws {
        let mayRead = Shared(false)
        let handler: Handler = { request in
            while !mayRead.value { try await sleep(for: .milliseconds(1)) }
            return try await echo(request)
        }
        try await withServer(handler: handler) { harness in
            let connection = try await harness.connect()
            for _ in 1...2 {
                mayRead.update { $0 = false }
                try await connection.send(
                    "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
                #expect(connection.buffer.isEmpty)
                mayRead.update { $0 = true }
                #expect(try await connection.read(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
                try await connection.send("hello")
                #expect(try await connection.readResponse().text == "PUT / hello")
            }
        }
    }

    /// RFC 9110 §10.1.1: not when the body is there already, not for HTTP/1.0, and not when it is refused.
    @Test func continueIsNotSentInVain() async throws {
        try await withServer(handler: echo) { harness in
            let early = try await harness.exchange(
                "PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"
            )
            #expect(early.hasPrefix("HTTP/1.1 200 "))
            let old = try await harness.exchange(
                "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
            #expect(old.hasPrefix("HTTP/1.1 200 "))
            // Whether the body will still come cannot be known: the connection is closed.
            let refused = try await harness.exchange(
                "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n")
            #expect(refused.hasPrefix("HTTP/1.1 413 "))
            #expect(refused.contains("Connection: close\r\n"))
        }
    }

    @Test func clientThatGoesAwayInItsBody() async throws {
        let failure = Shared<RequestError?>(nil)
        let handler: Handler = { request in
            do throws(RequestError) {
                return .text("\(try await request.body(upTo: 100).count)")
            } catch {
                failure.update { $0 = error }
                throw error
            }
        }
        try await withServer(handler: handler) { harness in
            let connection = try await harness.connect()
            try await connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
            connection.stream.shutdownWrite()
            #expect(try await connection.readToEnd() == "")
        }
        #expect(failure.value == .disconnected)
    }

    @Test func bodiesCanBeReadTwice() async throws {
        let handler: Handler = { request in
            let first = try await request.body(upTo: 100)
            #expect(try await request.body(upTo: 100) == first)
            await #expect(throws: RequestError.bodyTooLarge(limit: 2)) { try await request.body(upTo: 2) }
            return Response()
        }
        try await withServer(handler: handler) { harness in
            let connection = try await harness.connect()
            try await connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
            #expect(try await connection.readResponse().status == 200)
        }
    }
}
