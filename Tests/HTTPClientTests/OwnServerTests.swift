import HTTP
import HTTPClient
import HTTPServer
import Net
import TestKit
import Testing

@Suite("OutboundClient against HTTPServer", .timeLimit(.minutes(1)))
struct OwnServerTests {
    @Sendable private static func answer(_ request: Request) async -> Response {
        switch request.path {
        case "/echo":
            let body = (try? await request.body(upTo: 1 << 20)) ?? []
            return Response(status: .created, body: .bytes(body))
        case "/chunks":
            return Response(
                body: .chunks(length: nil) { writer in
                    for number in 0..<50 { try await writer.write(Array("chunk \(number);".utf8)) }
                })
        case "/events":
            return .eventStream { sink in
                for number in 0..<50 {
                    if let event = ServerSentEvent(id: "\(number)", data: "x") { sink.send(SharedBytes(event.encoded)) }
                }
                sink.close()
            }
        default:
            return Response(status: .noContent)
        }
    }

    @Test("both sides understand each other, on few connections")
    func together() async throws {
        let group = try LoopGroup(count: 2)
        defer { group.shutdown() }
        let server = HTTPServer(loops: group, handler: Self.answer)
        let address = try await server.listen(on: [.ipv4([127, 0, 0, 1], port: 0)])[0]
        let client = OutboundClient(
            loops: group, tls: try TLSContext(), limits: ClientLimits(connections: 4, waiters: 1000))
        let url = HTTPURL("http://\(address)")!
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<300 {
                tasks.addTask(executorPreference: group.loops[number % 2]) {
                    switch number % 3 {
                    case 0:
                        let body = Array("body \(number)".utf8)
                        let answer = try await client.fetch(
                            OutboundRequest(.post, url.appending(path: "/echo"), body: body))
                        #expect(answer.status == .created && answer.body == body)
                    case 1:
                        let answer = try await client.fetch(OutboundRequest(.get, url.appending(path: "/chunks")))
                        #expect(answer.text == (0..<50).map { "chunk \($0);" }.joined())
                    default:
                        let answer = try await client.fetch(OutboundRequest(.delete, url.appending(path: "/thing")))
                        #expect(answer.status == .noContent && answer.body.isEmpty)
                    }
                }
            }
            try await tasks.waitForAll()
        }
        #expect(server.openConnections <= 8)
        let ids = try await client.withStream(
            OutboundRequest(.get, url.appending(path: "/events")), deadlineForHead: soon
        ) { _, chunks in
            var decoder = ServerSentEventDecoder()
            var ids: [String?] = []
            while let chunk = try await chunks.next(deadline: soon) {
                for case .event(let event) in try decoder.feed(chunk) { ids.append(event.id) }
            }
            return ids
        }
        #expect(ids == (0..<50).map(String.init))
        await client.shutdown()
        await until { server.openConnections == 0 }
        await server.shutdown(grace: .seconds(1))
    }
}
