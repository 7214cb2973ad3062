import Kick
import Model
import Net
import Store
import TestKit
import Testing

@testable import Gateway

@Suite("EventReplay", .timeLimit(.minutes(1)))
struct EventReplayTests {
    /// A tenant with broadcasters 1 and 2, and six events: types a, b, a, b … of them in turn.
    private static func run(
        _ body: @escaping @Sendable (StoreFixture, Tenant, EventReplay, _ epoch: Int64) async throws -> Void
    ) async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            for broadcaster: Int64 in [1, 2] { _ = try await fixture.makeLogin(of: tenant, kickUserID: broadcaster) }
            _ = try await fixture.log.append(
                (1...6).map {
                    fixture.incoming(
                        "m\($0)", app: tenant.appID, broadcaster: $0 <= 4 ? 1 : 2, body: #"{"n": \#($0)}"#,
                        type: $0 % 2 == 1 ? "test.a" : "test.b")
                })
            let replay = EventReplay(log: fixture.log, logins: fixture.logins)
            try await body(fixture, tenant, replay, try await fixture.log.position(in: tenant.id).epoch)
        }
    }

    private static func copies(_ fixture: StoreFixture, _ tenant: Tenant) async throws -> [Event] {
        try await fixture.log.read(after: 6, limit: 500, in: tenant.id)
    }

    private static func filter(types: [String]? = nil, broadcasters: [String]? = nil) throws -> EventFilter {
        try EventFilter(types: types, broadcasters: broadcasters)
    }

    // MARK: Once more

    @Test("a stretch comes again in its order, as new events that say what they repeat; copies are not repeated")
    func stretch() async throws {
        try await Self.run { fixture, tenant, replay, epoch in
            func cursor(_ sequence: Int64) -> EventCursor { EventCursor(epoch: epoch, sequence: sequence) }
            let outcome = try await replay.replay(
                after: cursor(1), until: cursor(5), filter: .everything, in: tenant.id)
            #expect(outcome.count == 4)
            #expect(outcome.first == cursor(7) && outcome.last == cursor(10) && outcome.next == nil)
            let copies = try await Self.copies(fixture, tenant)
            #expect(copies.map(\.replayOf) == [2, 3, 4, 5])
            #expect(copies.allSatisfy { $0.origin == .replay && $0.duplicateOf == nil })
            #expect(copies.map(\.body) == (2...5).map { Array(#"{"n": \#($0)}"#.utf8) })
            #expect(Set(copies.map(\.messageID)).count == 4)
            // All of it, in which the copies lie now.
            let again = try await replay.count(after: nil, until: nil, filter: .everything, in: tenant.id)
            #expect(again.count == 6 && again.first == nil && again.next == nil)
            #expect(try await fixture.log.position(in: tenant.id).last == 10)
        }
    }

    @Test("a filter picks, and what is only counted stays as it is")
    func filter() async throws {
        try await Self.run { fixture, tenant, replay, _ in
            let some = try Self.filter(types: ["test.a"], broadcasters: ["1"])
            #expect(try await replay.count(after: nil, until: nil, filter: some, in: tenant.id).count == 2)
            #expect(
                try await replay.count(after: nil, until: nil, filter: Self.filter(types: ["test.*"]), in: tenant.id)
                    .count == 6)
            #expect(try await Self.copies(fixture, tenant).isEmpty)
            #expect(try await replay.replay(after: nil, until: nil, filter: some, in: tenant.id).count == 2)
            #expect(try await Self.copies(fixture, tenant).map(\.replayOf) == [1, 3])
            let none = try await replay.replay(
                after: nil, until: nil, filter: Self.filter(types: ["no.such"]), in: tenant.id)
            #expect(none.count == 0 && none.first == nil && none.next == nil)
        }
    }

    @Test("more than one call repeats is repeated call by call, without a gap or a repeat")
    func pages() async throws {
        try await Self.run { fixture, tenant, replay, epoch in
            _ = try await fixture.log.append(
                (7...2300).map { fixture.incoming("m\($0)", app: tenant.appID, broadcaster: 1, type: "test.a") })
            let until = EventCursor(epoch: epoch, sequence: 2300)
            var (after, counts): (EventCursor?, [Int]) = (nil, [])
            repeat {
                let outcome = try await replay.replay(after: after, until: until, filter: .everything, in: tenant.id)
                counts.append(outcome.count)
                after = outcome.next
            } while after != nil
            #expect(counts == [1000, 1000, 300])
            var originals: [Int64] = []
            while originals.count < 2300 {
                let page = try await fixture.log.read(after: 2300 + Int64(originals.count), limit: 500, in: tenant.id)
                originals += page.compactMap(\.replayOf)
                if page.isEmpty { break }
            }
            #expect(originals == Array(1...2300))
        }
    }

    @Test("P10 replays and appends at the same time leave no hole and no number twice")
    func concurrent() async throws {
        try await Self.run { fixture, tenant, replay, epoch in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for round in 0..<10 {
                    group.addTask(executorPreference: fixture.loops.loops[0]) {
                        _ = try await fixture.log.append([
                            fixture.incoming("n\(round)", app: tenant.appID, broadcaster: 1)
                        ])
                    }
                    group.addTask(executorPreference: fixture.loops.loops[1]) {
                        let until = EventCursor(epoch: epoch, sequence: 6)
                        let outcome = try await replay.replay(
                            after: nil, until: until, filter: .everything, in: tenant.id)
                        #expect(outcome.count == 6)
                    }
                    group.addTask(executorPreference: fixture.loops.loops[0]) {
                        _ = try await replay.test(
                            .init(type: "test.c", broadcasterUserID: 1, payload: Array("{}".utf8)), in: tenant.id)
                    }
                }
                try await group.waitForAll()
            }
            let numbers = try await fixture.log.read(after: 0, limit: 500, in: tenant.id).map(\.cursor.sequence)
            #expect(numbers == Array(1...86))
        }
    }

    @Test("one event comes again; a copy, a repetition, one that is gone and one that never was do not")
    func single() async throws {
        try await Self.run { fixture, tenant, replay, epoch in
            func cursor(_ sequence: Int64) -> EventCursor { EventCursor(epoch: epoch, sequence: sequence) }
            let outcome = try await replay.replay(cursor(3), in: tenant.id)
            #expect(outcome.count == 1 && outcome.first == cursor(7) && outcome.next == nil)
            for cursor in [cursor(7), cursor(99), cursor(0), EventCursor(epoch: epoch - 1, sequence: 3)] {
                let error = await #expect(throws: GatewayError.self) { try await replay.replay(cursor, in: tenant.id) }
                #expect(error?.code == .notFound)
            }
        }
    }

    @Test("P14, P17 a cursor of another log is refused, and another tenant's events are not there")
    func strangers() async throws {
        try await Self.run { fixture, tenant, replay, epoch in
            for cursor in [EventCursor(epoch: epoch + 1, sequence: 1), EventCursor(epoch: epoch, sequence: 7)] {
                let error = await #expect(throws: GatewayError.self) {
                    try await replay.replay(after: cursor, until: nil, filter: .everything, in: tenant.id)
                }
                #expect(error?.code == .invalid && error?.field == "after")
            }
            let other = try await fixture.makeTenant("other")
            #expect(try await replay.replay(after: nil, until: nil, filter: .everything, in: other.id).count == 0)
            let error = await #expect(throws: GatewayError.self) {
                try await replay.test(.init(type: "channel.followed", broadcasterUserID: 1, payload: nil), in: other.id)
            }
            #expect(error?.code == .notFound)
            #expect(try await fixture.log.position(in: other.id).last == 0)
        }
    }

    // MARK: Made up

    @Test("a made-up event has the payload byte for byte, or an example that its type's readers understand")
    func test() async throws {
        try await Self.run { fixture, tenant, replay, _ in
            let payload = Array("{ \"n\": 1.50,\r\n\"big\": 12345678901234567890 }".utf8)
            let event = try await replay.test(
                .init(type: "channel.raided", broadcasterUserID: 2, payload: payload), in: tenant.id)
            #expect(event.origin == .test && event.type == "channel.raided" && event.broadcasterUserID == 2)
            #expect(event.body == payload)
            for entry in EventCatalog.entries {
                let event = try await replay.test(
                    .init(type: entry.type.rawValue, broadcasterUserID: 1, payload: nil), in: tenant.id)
                let decoded = try #require(
                    try EventCatalog.decode(event.body, type: entry.type, version: event.version))
                #expect(decoded.broadcaster.userID == 1)
            }
            let claim = try await replay.test(
                .init(type: "drops.claim", broadcasterUserID: nil, payload: nil), in: tenant.id)
            #expect(claim.broadcasterUserID == 0)
        }
    }

    @Test("it is the broadcaster's whom the call names, else the payload, else the tenant's only one")
    func broadcaster() async throws {
        try await Self.run { fixture, tenant, replay, _ in
            let payload = Array(#"{"broadcaster":{"user_id":2}}"#.utf8)
            func test(_ broadcaster: Int64?, _ payload: [UInt8]?, in tenant: Tenant) async throws -> Int64 {
                try await replay.test(
                    .init(type: "channel.followed", broadcasterUserID: broadcaster, payload: payload), in: tenant.id
                ).broadcasterUserID
            }
            #expect(try await test(1, payload, in: tenant) == 1)
            #expect(try await test(nil, payload, in: tenant) == 2)
            let error = await #expect(throws: GatewayError.self) { try await test(nil, nil, in: tenant) }
            #expect(error?.field == "broadcaster_user_id")
            let other = try await fixture.makeTenant("other")
            _ = try await fixture.makeLogin(of: other, kickUserID: 3)
            #expect(try await test(nil, nil, in: other) == 3)
            let unknown = await #expect(throws: GatewayError.self) { try await test(nil, payload, in: other) }
            #expect(unknown?.code == .notFound)
        }
    }

    @Test("it counts nowhere: the real thing afterwards is new, and no repetition")
    func countsNowhere() async throws {
        try await Self.run { fixture, tenant, replay, _ in
            let body = #"{"broadcaster":{"user_id":1},"message_id":"fact"}"#
            let test = try await replay.test(
                .init(type: "chat.message.sent", broadcasterUserID: 1, payload: Array(body.utf8)), in: tenant.id)
            _ = try await replay.replay(test.cursor, in: tenant.id)
            let stage = try IngestStage(fixture)
            let webhook = try await stage.signer.webhook("01REAL", body: body)
            #expect(try await stage.ingest.ingest(webhook, app: tenant.appID) == .stored(tenants: 1))
            let real = try #require(try await fixture.log.read(after: 8, limit: 9, in: tenant.id).first)
            #expect(real.messageID == "01REAL" && real.duplicateOf == nil)
            await stage.tracker.flush()
            #expect(stage.deliveries.value.map(\.count) == [1])
        }
    }

    @Test(
        "P17 a type that is none, or the gateway's own, or unknown without a payload, is refused and changes nothing",
        arguments: [
            "", "gateway.login.connected", "gateway.", "Channel.Followed", "a b", "a\r\ndata: x",
            String(repeating: "a", count: 101), "channel.raided",
        ])
    func refused(type: String) async throws {
        try await Self.run { fixture, tenant, replay, _ in
            let error = await #expect(throws: GatewayError.self) {
                // A payload would be enough for any other type.
                let payload = type == "channel.raided" ? nil : Array("{}".utf8)
                return try await replay.test(.init(type: type, broadcasterUserID: 1, payload: payload), in: tenant.id)
            }
            #expect(error?.code == .invalid)
            #expect(error?.field == (type == "channel.raided" ? "payload" : "type"))
            let position = try await fixture.log.position(in: tenant.id)
            #expect(position.last == 6)
        }
    }

    @Test("P17 a payload has a bound")
    func payloadLimit() async throws {
        try await Self.run { _, tenant, replay, _ in
            let payload = Array("{\"a\":\"\(String(repeating: "x", count: EventReplay.payloadLimit))\"}".utf8)
            let error = await #expect(throws: GatewayError.self) {
                try await replay.test(.init(type: "a.b", broadcasterUserID: 1, payload: payload), in: tenant.id)
            }
            #expect(error?.code == .tooLarge)
        }
    }
}
