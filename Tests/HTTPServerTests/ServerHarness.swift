import HTTP
import HTTPServer
import Net
import Synchronization
import Testing

/// A server on loops of its own, reached over real sockets.
struct ServerHarness: Sendable {
    let server: HTTPServer
    let loops: LoopGroup
    let address: SocketAddress

    /// Connects; on the current loop, which is the client's.
    func connect() async throws -> RawConnection {
        RawConnection(try await ByteStream.connect(to: address, deadline: .after(.seconds(20))))
    }

    /// Sends text on a new connection and returns all that comes until the server closes it.
    func exchange(_ text: String) async throws -> String {
        let connection = try await connect()
        defer { connection.close() }
        try await connection.send(text)
        return try await connection.readToEnd()
    }
}

/// Runs `body` on a loop of the client's own while a server serves.
func withServer<R: Sendable>(
    loops count: Int = 1, limits: ServerLimits = ServerLimits(), handler: @escaping Handler,
    _ body: @escaping @Sendable (ServerHarness) async throws -> R
) async throws -> R {
    let loops = try LoopGroup(count: count)
    let clientLoops = try LoopGroup(count: 1)
    let server = HTTPServer(loops: loops, limits: limits, handler: handler)
    let address = try await server.listen(on: [SocketAddress(parsing: "127.0.0.1:0")!])[0]
    let harness = ServerHarness(server: server, loops: loops, address: address)
    let result: Result<R, any Error>
    do {
        let test = Task(executorPreference: clientLoops.loops[0]) { try await body(harness) }
        result = .success(
            try await withTaskCancellationHandler {
                try await test.value
            } onCancel: {
                test.cancel()
            })
    } catch {
        result = .failure(error)
    }
    await server.shutdown(grace: .zero)
    clientLoops.shutdown()
    loops.shutdown()
    return try result.get()
}

/// A response as it came over the wire.
struct RawResponse: Sendable {
    let status: Int
    let head: ResponseHead
    let isPersistent: Bool
    let body: [UInt8]

    var fields: Fields { head.fields }
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// A client's connection that sends what it is told, valid or not. On the loop it was made on.
final class RawConnection: @unchecked Sendable {
    let stream: ByteStream
    private(set) var buffer: [UInt8] = []
    private let deadline = Deadline.after(.seconds(50))

    init(_ stream: ByteStream) {
        self.stream = stream
    }

    func send(_ text: String) async throws {
        try await send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) async throws {
        try await stream.write(bytes, deadline: deadline)
    }

    func close() {
        stream.close()
    }

    /// One more read; false at the end of the stream, however it ended.
    func readMore() async throws -> Bool {
        do {
            return try await stream.read(into: &buffer, deadline: deadline) > 0
        } catch  where error.kind == .reset {
            return false
        }
    }

    /// Everything up to the end of the stream.
    func readToEnd() async throws -> String {
        while try await readMore() {}
        defer { buffer = [] }
        return String(decoding: buffer, as: UTF8.self)
    }

    /// Everything up to and with `text`.
    func read(through text: String) async throws -> String {
        let end = Array(text.utf8)
        while true {
            if let range = buffer.firstRange(of: end) {
                defer { buffer.removeSubrange(..<range.upperBound) }
                return String(decoding: buffer[..<range.upperBound], as: UTF8.self)
            }
            try #require(try await readMore(), "the server closed before \(text)")
        }
    }

    /// The next response with its body.
    func readResponse(to method: HTTP.Method = .get) async throws -> RawResponse {
        var parser = ResponseParser()
        while true {
            if let parsed = try parser.parse(buffer) {
                buffer.removeFirst(parsed.consumed)
                return RawResponse(
                    status: Int(parsed.head.status.code), head: parsed.head,
                    isPersistent: parsed.head.isPersistent(for: method),
                    body: try await readBody(parsed.head.framing(for: method)))
            }
            try #require(try await readMore(), "the server closed before its response")
        }
    }

    private func readBody(_ framing: BodyFraming) async throws -> [UInt8] {
        var body: [UInt8] = []
        switch framing {
        case .none:
            break
        case .length(let count):
            while buffer.count < count { try #require(try await readMore(), "the body is cut") }
            body = Array(buffer[..<count])
            buffer.removeFirst(count)
        case .chunked:
            var decoder = ChunkedDecoder()
            while true {
                buffer.removeFirst(try decoder.decode(buffer, into: &body))
                if decoder.isComplete { break }
                try #require(try await readMore(), "the body is cut")
            }
        case .untilClose:
            while try await readMore() {}
            swap(&body, &buffer)
        }
        return body
    }
}

/// Waits until it is so; the test's time limit ends a wait in vain.
func until(_ condition: () -> Bool) async throws {
    while !condition() {
        try Task.checkCancellation()
        await Task.yield()
    }
}

/// A value that a test and a handler share, and that a test can wait for.
final class Shared<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) {
        state = Mutex(value)
    }

    var value: Value { state.withLock { $0 } }

    func update(_ body: (inout sending Value) -> Void) {
        state.withLock { body(&$0) }
    }

    /// Waits until the value is so.
    func until(_ condition: (Value) -> Bool) async throws {
        try await HTTPServerTests.until { condition(value) }
    }
}

/// The answer that most tests need: what was asked.
let echo: Handler = { request in
    let body = try await request.body(upTo: 1000)
    return .text("\(request.method) \(request.path) \(String(decoding: body, as: UTF8.self))")
}
