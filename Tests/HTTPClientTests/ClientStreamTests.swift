import HTTP
import HTTPClient
import Net
import TestKit
import Testing

@Suite("OutboundClient's streams", .timeLimit(.minutes(1)))
struct ClientStreamTests {
    @Test("events are read as they arrive, beyond every bound for whole bodies; leaving early closes the connection")
    func events() async throws {
        let left = Box(false)
        try await withServer(limits: ClientLimits(body: 10)) { connection in
            try await connection.request()
            try await connection.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in 1...100 {
                let event = ServerSentEvent(id: "\(number)", data: "event \(number)")!
                var chunk: [UInt8] = []
                Serializer.appendChunk(event.encoded, to: &chunk)
                try await connection.stream.write(chunk, deadline: soon)
            }
            try? await connection.untilClosed()
            left.update { $0 = true }
        } body: { client, server in
            let ids = try await client.withStream(
                OutboundRequest(.get, server.url()), deadlineForHead: soon
            ) { head, chunks in
                #expect(head.status == .ok && head.fields[.contentType] == "text/event-stream")
                var decoder = ServerSentEventDecoder()
                var ids: [String] = []
                while ids.count < 100, let chunk = try await chunks.next(deadline: soon) {
                    for case .event(let event) in try decoder.feed(chunk) { ids.append(event.id ?? "") }
                }
                return ids
            }
            #expect(ids == (1...100).map(String.init))
            await untilOnLoop { left.value }
        }
    }

    @Test("a stream that was read to its end leaves the connection for the next request")
    func readToEnd() async throws {
        try await withServer { connection in
            while true {
                try await connection.request()
                try await connection.answer("whole")
            }
        } body: { client, server in
            for _ in 0..<3 {
                try await client.withStream(OutboundRequest(.get, server.url()), deadlineForHead: soon) { _, chunks in
                    var body: [UInt8] = []
                    while let chunk = try await chunks.next(deadline: soon) { body += chunk }
                    #expect(body == Array("whole".utf8))
                    let end = try await chunks.next(deadline: soon)
                    #expect(end == nil)
                }
            }
            #expect(server.connections.value == 1)
        }
    }

    @Test("a stream that is cut, or silent past a read's deadline, throws; so does the head's deadline")
    func failures() async throws {
        try await withServer { connection in
            let path = try await connection.request().head.path
            if path == "/silent" { try await connection.untilClosed() }
            try await connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
            if path == "/slow" { try await connection.untilClosed() }
        } body: { client, server in
            func failure(of path: String, head: Deadline, next: Deadline) async -> ClientError.Kind? {
                do {
                    try await client.withStream(
                        OutboundRequest(.get, server.url(path)), deadlineForHead: head
                    ) { _, chunks in
                        while try await chunks.next(deadline: next) != nil {}
                    }
                    return nil
                } catch {
                    return (error as? ClientError)?.kind
                }
            }
            #expect(await failure(of: "/cut", head: soon, next: soon) == .connectionLost)
            #expect(await failure(of: "/slow", head: soon, next: .after(.milliseconds(100))) == .timedOut)
            #expect(await failure(of: "/silent", head: .after(.milliseconds(20)), next: soon) == .timedOut)
        }
    }

    @Test("cancelling the task ends the stream, and an error of the closure comes out as it is")
    func cancellation() async throws {
        struct Own: Error {}
        let begun = Box(false)
        let closed = Box(0)
        try await withServer { connection in
            try await connection.request()
            try await connection.send("HTTP/1.1 200 OK\r\n\r\nx")
            try? await connection.untilClosed()
            closed.update { $0 += 1 }
        } body: { client, server in
            let request = OutboundRequest(.get, server.url())
            let task = Loop.current!.spawn {
                let error = await #expect(throws: ClientError.self) {
                    try await client.withStream(request, deadlineForHead: soon) { _, chunks in
                        while try await chunks.next(deadline: .never) != nil { begun.update { $0 = true } }
                    }
                }
                #expect(error?.kind == .cancelled)
            }
            await untilOnLoop { begun.value }
            task.cancel()
            await task.value
            await #expect(throws: Own.self) {
                try await client.withStream(request, deadlineForHead: soon) { _, _ in throw Own() }
            }
            await untilOnLoop { closed.value == 2 }
        }
    }
}
