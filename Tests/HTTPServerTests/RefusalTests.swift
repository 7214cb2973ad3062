import HTTP
import HTTPServer
import Net
import Testing

struct Refused: CustomTestStringConvertible, Sendable {
    let text: String
    let status: Int

    init(_ text: String, _ status: Int = 400) {
        self.text = text
        self.status = status
    }

    var testDescription: String { "\(status) \(text.prefix(80).debugDescription)" }
}

private let post = "POST / HTTP/1.1\r\nHost: a\r\n"

/// P17: a request that is out of order is refused, changes nothing, and its connection is closed, so that nothing that
/// follows it can be taken for a request.
@Suite("Refusals over sockets", .timeLimit(.minutes(1)))
struct RefusalTests {
    @Test(arguments: [
        Refused("POST / HTTP/1.1\r\n\r\n"),
        Refused("\(post)Host: b\r\n\r\n"),
        Refused("POST / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        Refused("\(post)Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        Refused("\(post)Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
        Refused("\(post)Content-Length: 5, 5\r\n\r\nhello"),
        Refused("\(post)Content-Length: +5\r\n\r\nhello"),
        Refused("\(post)Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Refused("\(post)Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 501),
        Refused("\(post)Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
        Refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Refused("POST / HTTP/1.1\nHost: a\n\n"),
        Refused("\(post)A: b\r\n c\r\n\r\n"),
        Refused("\(post)A : b\r\n\r\n"),
        Refused("\(post)A: b\rc\r\n\r\n"),
        Refused("\(post)A: \0\r\n\r\n"),
        Refused("POST / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        Refused("POST / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        Refused("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        Refused("GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
        Refused("\(post)Expect: tea\r\n\r\n", 417),
        Refused("POST /" + String(repeating: "a", count: 9000), 414),
        Refused(post + String(repeating: "A: b\r\n", count: 101) + "\r\n", 431),
        Refused("\(post)A: " + String(repeating: "a", count: 17000), 431),
        Refused("\(post)Content-Length: 99999999999999999999\r\n\r\n", 413),
        Refused("\u{16}\u{3}\u{1}\u{2}"),
    ])
    func refusedAndClosed(_ refused: Refused) async throws {
        let handled = Shared(0)
        let text = try await withServer(handler: { _ in
            handled.update { $0 += 1 }
            return Response()
        }) { harness in
            // What follows must not be answered.
            try await harness.exchange(refused.text + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        #expect(text.hasPrefix("HTTP/1.1 \(refused.status) "))
        #expect(text.contains("Content-Type: application/problem+json\r\n"))
        #expect(text.contains("Connection: close\r\n"))
        #expect(text.contains(#""status":\#(refused.status),"#))
        #expect(text.ranges(of: "X-Request-Id: ").count == 1)
        #expect(handled.value == 0)
    }

    /// A body that turns out broken while the handler reads it.
    @Test(arguments: [
        "0x5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello", "+5\r\nhello", "FFFFFFFFFFFFFFFF1\r\n", "5\nhello", "5\r\nhelloX",
    ])
    func brokenChunks(_ body: String) async throws {
        let text = try await withServer(handler: echo) { harness in
            try await harness.exchange(
                "\(post)Transfer-Encoding: chunked\r\n\r\n\(body)GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        #expect(text.hasPrefix("HTTP/1.1 400 "))
        #expect(text.contains("Connection: close\r\n"))
        #expect(text.ranges(of: "X-Request-Id: ").count == 1)
    }

    /// The same, when the handler hides the error: the connection is out of step all the same.
    @Test func brokenChunksThatTheHandlerHides() async throws {
        let handler: Handler = { request in
            _ = try? await request.body(upTo: 100)
            return .text("all is well")
        }
        let text = try await withServer(handler: handler) { harness in
            try await harness.exchange("\(post)Transfer-Encoding: chunked\r\n\r\nx\r\n")
        }
        #expect(text.hasPrefix("HTTP/1.1 400 "))
        #expect(!text.contains("all is well"))
    }

    @Test func requestsBeforeARefusalAreAnswered() async throws {
        let text = try await withServer(handler: echo) { harness in
            try await harness.exchange("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
        }
        #expect(text.hasPrefix("HTTP/1.1 200 "))
        #expect(text.contains("GET /1 HTTP/1.1 400 "))
    }

    /// RFC 9112 §9.6: a client that is still sending gets to read why it was refused, and no reset.
    @Test func refusalReachesAClientThatIsStillSending() async throws {
        try await withServer(handler: echo) { harness in
            let connection = try await harness.connect()
            try await connection.send("POST / HTTP/1.1\r\n\r\n" + String(repeating: "x", count: 200_000))
            var bytes: [UInt8] = []
            while try await connection.stream.read(into: &bytes, deadline: .after(.seconds(50))) > 0 {}
            #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("HTTP/1.1 400 "))
            connection.close()
        }
    }

    // MARK: Time

    @Test func slowHead() async throws {
        var limits = ServerLimits()
        limits.headTime = .milliseconds(30)
        let text = try await withServer(limits: limits, handler: echo) { harness in
            try await harness.exchange("GET / HTTP/1.1\r\nHost: ")
        }
        #expect(text.hasPrefix("HTTP/1.1 408 "))
        #expect(text.contains("Connection: close\r\n"))
    }

    /// Every byte comes soon after the one before it, and that does not move the deadline.
    @Test func dripOfAHead() async throws {
        var limits = ServerLimits()
        limits.headTime = .milliseconds(300)
        limits.parse.head = 1 << 20
        try await withServer(limits: limits, handler: echo) { harness in
            let connection = try await harness.connect()
            let isAnswered = Shared(false)
            try await connection.send("GET / HTTP/1.1\r\nA: ")
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    while !isAnswered.value {
                        do { try await connection.send("x") } catch { return }
                        await Task.yield()
                    }
                }
                #expect(try await connection.readResponse().status == 408)
                isAnswered.update { $0 = true }
                try await group.waitForAll()
            }
        }
    }

    @Test func slowBody() async throws {
        var limits = ServerLimits()
        limits.bodyTime = .milliseconds(30)
        for framing in ["Content-Length: 5\r\n\r\nhel", "Transfer-Encoding: chunked\r\n\r\n5\r\nhel"] {
            let text = try await withServer(limits: limits, handler: echo) { harness in
                try await harness.exchange(post + framing)
            }
            #expect(text.hasPrefix("HTTP/1.1 408 "))
            #expect(text.contains("Connection: close\r\n"))
        }
    }

    /// Between requests there is nothing to answer: the connection is closed without a word.
    @Test func idleConnectionsAreClosed() async throws {
        var limits = ServerLimits()
        limits.idleTime = .milliseconds(30)
        limits.headTime = .milliseconds(30)
        try await withServer(limits: limits, handler: echo) { harness in
            #expect(try await harness.exchange("") == "")
            // Neither does an empty line begin a request.
            #expect(try await harness.exchange("\r\n") == "")
            let connection = try await harness.connect()
            try await connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await connection.readResponse().status == 200)
            #expect(try await connection.readToEnd() == "")
            #expect(harness.server.openConnections == 0)
        }
    }

    /// A peer that does not read its response is not waited for.
    @Test func readerThatDoesNotRead() async throws {
        var limits = ServerLimits()
        limits.writeTime = .milliseconds(50)
        try await withServer(
            limits: limits, handler: { _ in Response(body: .bytes([UInt8](repeating: 0, count: 64 << 20))) }
        ) { harness in
            let connection = try await harness.connect()
            try await connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            try await until { harness.server.openConnections > 0 }
            try await until { harness.server.openConnections == 0 }
        }
    }
}
