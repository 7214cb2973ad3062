import Model
import Net
import Postgres
import Store
import TestKit

@testable import Gateway

/// A sink that notes what it was sent. Drained at once, or never. Loop-bound, like the real one.
final class TestSink: EventSink, Sendable {
    let sent = Box<[String]>([])
    let end = Box<StreamEnd?>(nil)
    let endCursor = Box<EventCursor?>(nil)
    let stream = Box<OpenStream?>(nil)
    private let isBlocked: Bool

    init(isBlocked: Bool = false) {
        self.isBlocked = isBlocked
    }

    func send(_ bytes: SharedBytes) { sent.update { $0.append(String(decoding: bytes.bytes, as: UTF8.self)) } }
    var pendingBytes: Int { isBlocked ? .max : 0 }
    func waitUntilDrained(deadline: Deadline) async -> Bool { !isBlocked }

    func end(_ reason: StreamEnd, at cursor: EventCursor) {
        end.update { $0 = reason }
        endCursor.update { $0 = cursor }
    }
}

/// A tenant with a log, and feeds that stand for the replicas of a deployment.
struct FeedStage: Sendable {
    let fixture: StoreFixture
    let tenant: Tenant
    let epoch: Int64

    /// - Parameter cluster: see ``StoreFixture/run(on:_:)``.
    static func run(
        on cluster: TestCluster? = nil, _ body: @escaping @Sendable (FeedStage) async throws -> Void
    ) async throws {
        try await StoreFixture.run(on: cluster) { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            try await body(
                FeedStage(
                    fixture: fixture, tenant: tenant, epoch: try await fixture.log.position(in: tenant.id).epoch))
        }
    }

    var loops: [Loop] { fixture.loops.loops }

    func cursor(_ sequence: Int64) -> EventCursor { EventCursor(epoch: epoch, sequence: sequence) }

    /// A replica's feed. Events appear in sinks as their sequence numbers, gaps as `gap:<reason> <from>…<to>`.
    func feed(limits: StreamLimits = StreamLimits(), log: EventLog? = nil) -> EventFeed {
        EventFeed(
            log: log ?? fixture.log, loops: fixture.loops, limits: limits,
            encode: { event, _ in SharedBytes(Array(String(event.cursor.sequence).utf8)) },
            encodeGap: { SharedBytes(Array("gap:\($0.reason.rawValue) \($0.from.sequence)…\($0.to.sequence)".utf8)) })
    }

    func request(
        tenant other: Tenant? = nil, cursor: EventCursor? = nil, filter: EventFilter = .everything,
        key: KeyID = KeyID(unchecked: "key_1")
    ) -> StreamRequest {
        StreamRequest(tenant: (other ?? tenant).id, key: key, filter: filter, cursor: cursor)
    }

    /// Opens a stream on a loop.
    func open(_ feed: EventFeed, _ request: StreamRequest, on loop: Loop) async throws -> TestSink {
        let sink = TestSink()
        try await onLoop(loop) {
            let prepared = try await feed.prepare(request)
            let stream = feed.open(prepared, sink: sink)
            sink.stream.update { $0 = stream }
        }
        return sink
    }

    func open(
        _ feed: EventFeed, tenant other: Tenant? = nil, cursor: EventCursor? = nil,
        filter: EventFilter = .everything, on loop: Loop, key: KeyID = KeyID(unchecked: "key_1")
    ) async throws -> TestSink {
        try await open(feed, request(tenant: other, cursor: cursor, filter: filter, key: key), on: loop)
    }

    /// Webhooks as some replica stores them; even ones have the type `even`, others `odd`.
    func append(_ ids: Range<Int>, body: String = "{}", log: EventLog? = nil) async throws {
        _ = try await (log ?? fixture.log).append(
            ids.map {
                fixture.incoming(
                    "m\($0)", app: tenant.appID, broadcaster: 1, body: body, type: $0 % 2 == 0 ? "even" : "odd")
            })
    }
}
