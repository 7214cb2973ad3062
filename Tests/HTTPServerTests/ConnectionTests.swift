import Foundation
import HTTP
import HTTPServer
import Net
import Testing

@Suite("Requests and responses over sockets", .timeLimit(.minutes(1)))
struct ConnectionTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func headAndBodyOfAResponse() async throws {
        let text = try await withServer(handler: { _ in .json(Array("{}".utf8)) }) { harness in
            try await harness.exchange("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: r-1\r\nConnection: close\r\n\r\n")
        }
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines[0] == "HTTP/1.1 200 OK")
        #expect(lines[1] == "Content-Type: application/json")
        #expect(lines[2].hasPrefix("Date: ") && HTTPDate.parse(String(lines[2].dropFirst(6)), now: 0) != nil)
        #expect(lines[3...] == ["X-Request-Id: r-1", "Content-Length: 2", "Connection: close", "", "{}"])
    }

    /// A sane id is taken over; one that could break a log line, or is too long, is replaced.
    @Test func requestIDs() async throws {
        try await withServer(handler: { .text($0.id.description) }) { harness in
            let connection = try await harness.connect()
            var seen: Set<String> = []
            for id in ["a b", "\"x\"", String(repeating: "a", count: 65), ""] {
                try await connection.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: \(id)\r\n\r\n")
                let response = try await connection.readResponse()
                #expect(response.text.count == 32 && response.text != id)
                #expect(response.fields[.xRequestID] == response.text)
                seen.insert(response.text)
            }
            #expect(seen.count == 4)
        }
    }

    @Test func keepsAlive() async throws {
        try await withServer(handler: echo) { harness in
            let connection = try await harness.connect()
            for number in 1...5 {
                try await connection.send(
                    "POST /\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nb\(number)")
                let response = try await connection.readResponse()
                #expect(response.text == "POST /\(number) b\(number)")
                #expect(response.isPersistent)
            }
        }
    }

    /// HTTP/1.0 closes unless asked not to, and is told when it was heard (RFC 9112 §9.3).
    @Test func versionOnePointZero() async throws {
        try await withServer(handler: echo) { harness in
            let text = try await harness.exchange("GET /x HTTP/1.0\r\n\r\n")
            #expect(text.contains("Connection: close\r\n") && text.hasSuffix("GET /x "))
            let connection = try await harness.connect()
            for _ in 1...2 {
                try await connection.send("GET /y HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                #expect(try await connection.readResponse().fields[.connection] == "keep-alive")
            }
        }
    }

    /// Answers come in the order of the requests, whatever each of them takes.
    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        let handler: Handler = { request in
            if request.path.hasSuffix("0") { try await sleep(for: .milliseconds(2)) }
            return try await echo(request)
        }
        try await withServer(handler: handler) { harness in
            let connection = try await harness.connect()
            let requests = (0..<40).map { number in
                number % 3 == 0
                    ? "POST /\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
                    : number % 3 == 1
                        ? "POST /\(number) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
                        : "POST /\(number) HTTP/1.1\r\nHost: a\r\n\r\n\r\n"
            }
            try await connection.send(requests.joined())
            for number in 0..<40 {
                #expect(try await connection.readResponse().text == "POST /\(number) \(number % 3 == 2 ? "" : "x")")
            }
        }
    }

    /// The answer to the first request does not wait for the handler of the second.
    @Test func anEarlierAnswerDoesNotWaitForALaterHandler() async throws {
        let isReleased = Shared(false)
        let handler: Handler = { request in
            if request.path == "/slow" { while !isReleased.value { try await sleep(for: .milliseconds(1)) } }
            return try await echo(request)
        }
        try await withServer(handler: handler) { harness in
            let connection = try await harness.connect()
            try await connection.send(
                "GET /fast HTTP/1.1\r\nHost: a\r\n\r\nGET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await connection.readResponse().text == "GET /fast ")
            isReleased.update { $0 = true }
            #expect(try await connection.readResponse().text == "GET /slow ")
        }
    }

    @Test(arguments: [
        "GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nT: u\r\n\r\n",
    ])
    func splitAtEveryByte(_ text: String) async throws {
        try await withServer(handler: echo) { harness in
            let bytes = Array(text.utf8)
            let expected = text.hasPrefix("GET") ? "GET /a " : "POST /a hello"
            let connection = try await harness.connect()
            for split in 1..<bytes.count {
                try await connection.send(Array(bytes[..<split]))
                // The server gets to see the first piece alone at least when the loops take turns like this.
                await Task.yield()
                try await connection.send(Array(bytes[split...]))
                #expect(try await connection.readResponse().text == expected)
            }
            for byte in bytes { try await connection.send([byte]) }
            #expect(try await connection.readResponse().text == expected)
        }
    }

    @Test func headGetsTheFieldsOfGetAndNoBody() async throws {
        let handler: Handler = { request in
            switch request.path {
            case "/bytes": .text("hello")
            case "/chunks": Response(body: .chunks(length: nil) { _ in Issue.record("produced a body for HEAD") })
            case "/length": Response(body: .chunks(length: 7) { _ in Issue.record("produced a body for HEAD") })
            default: Response()
            }
        }
        try await withServer(handler: handler) { harness in
            let connection = try await harness.connect()
            for (path, name, value) in [
                ("/bytes", FieldName.contentLength, "5"), ("/chunks", .transferEncoding, "chunked"),
                ("/length", .contentLength, "7"), ("/none", .contentLength, "0"),
            ] {
                try await connection.send("HEAD \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                let response = try await connection.readResponse(to: .head)
                #expect(response.status == 200)
                #expect(response.fields[name] == value)
                #expect(connection.buffer.isEmpty)
            }
        }
    }

    /// RFC 9112 §6.3 item 1, RFC 9110 §8.6: no body, and for 204 no length either.
    @Test(arguments: [Status.noContent, .notModified])
    func statusesWithoutABody(_ status: Status) async throws {
        try await withServer(handler: { _ in Response(status: status, body: .bytes([1, 2, 3])) }) { harness in
            let connection = try await harness.connect()
            for _ in 1...2 {
                try await connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                let response = try await connection.readResponse()
                #expect(response.head.status == status)
                #expect(response.fields[.contentLength] == nil)
                #expect(response.fields[.transferEncoding] == nil)
            }
            #expect(connection.buffer.isEmpty)
        }
    }

    @Test func optionsOfTheServer() async throws {
        let handler: Handler = { _ in
            Issue.record("asked the handler")
            return Response()
        }
        try await withServer(handler: handler) { harness in
            let connection = try await harness.connect()
            try await connection.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
            let response = try await connection.readResponse()
            #expect(response.status == 204)
            #expect(response.fields.list(of: .allow).contains("OPTIONS"))
        }
    }

    @Test func errorsOfHandlersAreAnswered() async throws {
        struct Secret: Error {}
        let handler: Handler = { request in
            if request.path == "/query" { _ = try request.query() }
            throw Secret()
        }
        try await withServer(handler: handler) { harness in
            let connection = try await harness.connect()
            for (path, status) in [("/", 500), ("/query?a=%00", 400)] {
                try await connection.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                let response = try await connection.readResponse()
                #expect(response.status == status)
                #expect(response.fields[.contentType] == "application/problem+json")
                #expect(!response.text.contains("Secret"))
                #expect(response.text.contains(#""request_id":"\#(response.fields[.xRequestID] ?? "?")""#))
            }
        }
    }

    @Test func connectionsAreCapped() async throws {
        var limits = ServerLimits()
        limits.connections = 2
        try await withServer(loops: 2, limits: limits, handler: echo) { [get] harness in
            var kept: [RawConnection] = []
            for _ in 1...2 {
                let connection = try await harness.connect()
                try await connection.send(get)
                #expect(try await connection.readResponse().status == 200)
                kept.append(connection)
            }
            let third = try await harness.connect()
            #expect(try await third.readToEnd().hasPrefix("HTTP/1.1 503 "))
            // Room again: the place of a closed connection is free.
            kept[0].close()
            try await until { harness.server.openConnections <= 1 }
            let fourth = try await harness.connect()
            try await fourth.send(get)
            #expect(try await fourth.readResponse().status == 200)
        }
    }

    @Test func listensOnAUnixSocketToo() async throws {
        let loops = try LoopGroup(count: 2)
        let server = HTTPServer(loops: loops, handler: echo)
        let path = "/tmp/http-server-\(UInt32.random(in: 0...UInt32.max)).sock"
        let addresses = try await server.listen(on: [.unix(path), SocketAddress(parsing: "[::1]:0")!])
        #expect(addresses[0] == .unix(path))
        for address in addresses {
            try await Task(executorPreference: loops.loops[0]) {
                let connection = RawConnection(
                    try await ByteStream.connect(to: address, deadline: .after(.seconds(20))))
                try await connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await connection.readResponse().status == 200)
                connection.close()
            }.value
        }
        await server.shutdown(grace: .zero)
        loops.shutdown()
        try FileManager.default.removeItem(atPath: path)
    }
}
