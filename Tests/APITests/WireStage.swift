import Foundation
import Gateway
import HTTP
import HTTPServer
import Model
import Net
import Store
import TestKit
import Testing

@testable import API

/// The stream's endpoint on a server of its own, without keys: every request is the tenant's.
final class WireStage: Sendable {
    let fixture: StoreFixture
    let tenant: Tenant
    let epoch: Int64
    let feed: EventFeed
    let server: HTTPServer
    private let address = Box<SocketAddress?>(nil)
    private let clients: LoopGroup

    private init(
        _ fixture: StoreFixture, _ tenant: Tenant, epoch: Int64, _ feed: EventFeed, _ limits: ServerLimits
    ) throws {
        self.fixture = fixture
        self.tenant = tenant
        self.epoch = epoch
        self.feed = feed
        server = HTTPServer(loops: fixture.loops, limits: limits) { request in
            await Self.respond(request, feed: feed, tenant: tenant.id)
        }
        clients = try LoopGroup(count: 1)
    }

    private static func make(
        _ fixture: StoreFixture, _ limits: ServerLimits, _ streams: StreamLimits
    ) async throws -> WireStage {
        let tenant = try await fixture.makeTenant()
        _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
        let epoch = try await fixture.log.position(in: tenant.id).epoch
        let feed = EventFeed(
            log: fixture.log, loops: fixture.loops, limits: streams,
            encode: { EventEncoding.stream($0, isHistory: $1) }, encodeGap: { EventEncoding.stream($0) })
        return try WireStage(fixture, tenant, epoch: epoch, feed, limits)
    }

    private static func respond(
        _ request: Request, feed: EventFeed, tenant: TenantID
    ) async -> Response {
        do {
            let query = try request.query()
            let last = request.fields[.lastEventID]
            if Events.isOver(last, query) { return Events.over }
            let key = KeyID(unchecked: request.fields[.authorization] ?? "key_1")
            let stream = try Events.streamRequest(query, lastEventID: last, tenant: tenant, key: key)
            return try await Events.stream(stream, feed: feed)
        } catch {
            return Problem.response(to: error, request: request, route: "stream")
        }
    }

    /// Runs `body` on a loop of the clients.
    static func run(
        server: ServerLimits = ServerLimits(), streams: StreamLimits = StreamLimits(),
        _ body: @escaping @Sendable (WireStage) async throws -> Void
    ) async throws {
        try await StoreFixture.run { fixture in
            let stage = try await make(fixture, server, streams)
            let loopback = try #require(SocketAddress(parsing: "127.0.0.1:0"))
            let address = try await stage.server.listen(on: [loopback])[0]
            stage.address.update { $0 = address }
            let test = Task(executorPreference: stage.clients.loops[0]) { try await body(stage) }
            let result = await withTaskCancellationHandler {
                await test.result
            } onCancel: {
                test.cancel()
            }
            await stage.server.shutdown(grace: .zero)
            stage.clients.shutdown()
            try result.get()
        }
    }

    func cursor(_ sequence: Int64) -> EventCursor { EventCursor(epoch: epoch, sequence: sequence) }

    /// Webhooks, which the feed then finds; even ones have the type `even`, others `odd`.
    func append(_ ids: Range<Int>, body: String = "{}") async throws {
        _ = try await fixture.log.append(
            ids.map {
                fixture.incoming(
                    "m\($0)", app: tenant.appID, broadcaster: 1, body: body, type: $0 % 2 == 0 ? "even" : "odd")
            })
        await feed.compareWithLog()
    }

    func connect(_ query: String, key: String = "key_1", lastEventID: String? = nil) async throws -> WireClient {
        let address = try #require(address.value)
        let stream = try await ByteStream.connect(to: address, deadline: .after(.seconds(20)))
        let client = WireClient(stream)
        let field = lastEventID.map { "Last-Event-ID: \($0)\r\n" } ?? ""
        try await client.begin(
            "GET /v1/events/stream\(query) HTTP/1.1\r\nHost: a\r\nAuthorization: \(key)\r\nConnection: close\r\n\(field)\r\n"
        )
        return client
    }
}

/// A client of one stream. On the loop it was made on.
final class WireClient: @unchecked Sendable {
    private(set) var head = ""
    /// The body so far.
    private(set) var bytes: [UInt8] = []
    private(set) var items: [ServerSentEventDecoder.Item] = []
    private var decoder = ServerSentEventDecoder()
    private var received: [UInt8] = []
    private let stream: ByteStream
    private let deadline = Deadline.after(.seconds(50))

    init(_ stream: ByteStream) {
        self.stream = stream
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var lastEventID: String { decoder.lastEventID }
    var events: [ServerSentEvent] {
        items.compactMap { item in
            if case .event(let event) = item { return event }
            return nil
        }
    }

    func begin(_ request: String) async throws {
        try await stream.write(Array(request.utf8), deadline: deadline)
        var end: Range<Int>?
        while end == nil {
            let count = try await stream.read(into: &received, deadline: deadline)
            if count == 0 { throw NetError(.closed, during: "read") }
            end = received.firstRange(of: Array("\r\n\r\n".utf8))
        }
        let headEnd = end?.upperBound ?? 0
        head = String(decoding: received[..<headEnd], as: UTF8.self)
        try take(received[headEnd...])
    }

    /// Reads until the condition holds. Fails when the stream ends before.
    func read(until condition: () -> Bool) async throws {
        while !condition() { try #require(try await readMore(), "the stream has ended: \(text.suffix(300))") }
    }

    func readToEnd() async throws {
        while try await readMore() {}
    }

    func close() {
        stream.close()
    }

    /// False at the end of the stream, however it ended.
    private func readMore() async throws -> Bool {
        received.removeAll(keepingCapacity: true)
        do {
            guard try await stream.read(into: &received, deadline: deadline) > 0 else { return false }
        } catch  where error.kind == .reset {
            return false
        }
        try take(received[...])
        return true
    }

    private func take(_ received: ArraySlice<UInt8>) throws {
        bytes += received
        items += try decoder.feed(received)
    }
}
