import HTTP
import HTTPClient
import Net
import TestKit

var soon: Deadline { .after(.seconds(20)) }

/// A server that does exactly what a test tells it to, right or wrong, on one loop of its own.
struct RawServer: Sendable {
    let address: SocketAddress
    /// How many connections were accepted.
    let connections = Box(0)

    /// - Parameter serve: called for each connection; when it returns, the connection is closed.
    init(on loop: Loop, serve: @escaping @Sendable (RawConnection) async throws -> Void) async throws {
        let connections = connections
        address = try await onLoop(loop) {
            try Listener(on: .ipv4([127, 0, 0, 1], port: 0), loop: Loop.current!) { stream, _ in
                connections.update { $0 += 1 }
                let connection = RawConnection(stream: stream, number: connections.value)
                Loop.current!.spawn {
                    try? await serve(connection)
                    stream.close()
                }
            }.address
        }
    }

    func url(_ target: String = "/") -> HTTPURL { HTTPURL("http://\(address)\(target)")! }
}

/// One accepted connection. Loop-bound.
final class RawConnection: @unchecked Sendable {
    let stream: ByteStream
    /// Connections are numbered from 1.
    let number: Int
    private var buffer: [UInt8] = []

    init(stream: ByteStream, number: Int) {
        self.stream = stream
        self.number = number
    }

    /// The next request with its body. Throws at the end of the connection.
    @discardableResult
    func request() async throws -> (head: RequestHead, body: [UInt8]) {
        var parser = RequestParser()
        while true {
            if let (head, used) = try parser.parse(buffer) {
                buffer.removeFirst(used)
                var length = 0
                if case .length(let count) = head.framing { length = count }
                while buffer.count < length { try await more() }
                defer { buffer.removeFirst(length) }
                return (head, Array(buffer[..<length]))
            }
            try await more()
        }
    }

    func send(_ text: String) async throws {
        try await stream.write(Array(text.utf8), deadline: soon)
    }

    /// `HTTP/1.1 200 OK` with this body and Content-Length.
    func answer(_ body: String, _ fields: String = "") async throws {
        try await send("HTTP/1.1 200 OK\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    /// Waits until the client has closed, as long as that takes.
    func untilClosed() async throws {
        while true { try await more(deadline: .never) }
    }

    private func more(deadline: Deadline = soon) async throws {
        struct Ended: Error {}
        guard try await stream.read(into: &buffer, deadline: deadline) > 0 else { throw Ended() }
    }
}

/// A client on one loop and a server that follows `script` on another.
func withServer(
    limits: ClientLimits = ClientLimits(), script: @escaping @Sendable (RawConnection) async throws -> Void,
    body: @escaping @Sendable (OutboundClient, RawServer) async throws -> Void
) async throws {
    let group = try LoopGroup(count: 1)
    let serverGroup = try LoopGroup(count: 1)
    defer {
        group.shutdown()
        serverGroup.shutdown()
    }
    let server = try await RawServer(on: serverGroup.loops[0], serve: script)
    let client = OutboundClient(loops: group, tls: try TLSContext(), limits: limits)
    try await onLoop(group.loops[0]) { try await body(client, server) }
    await client.shutdown()
}

extension OutboundResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}

extension OutboundClient {
    /// ``send(_:deadline:)`` with untyped errors, which `#expect` needs.
    func fetch(_ request: OutboundRequest) async throws -> OutboundResponse { try await send(request, deadline: soon) }

    /// The body of a GET.
    func text(_ server: RawServer) async throws -> String { try await fetch(OutboundRequest(.get, server.url())).text }
}
