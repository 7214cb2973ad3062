import Kick
package import Model
package import Store

/// Events once more, and made-up ones: for whoever builds or mends an overlay. They go through the log and reach every
/// stream like any other, and say where they come from. They count nowhere else.
package struct EventReplay: Sendable {
    /// What a replay came to.
    package struct Outcome: Sendable {
        package let count: Int
        /// The copies' first and last cursor; nil when there are none.
        package let first: EventCursor?
        package let last: EventCursor?
        /// Go on after this one: there is more, or may be. Nil when all was looked at.
        package let next: EventCursor?
    }

    /// A made-up event.
    package struct Test: Sendable {
        package let type: String
        /// Nil: the one that the payload names, else the tenant's only one.
        package let broadcasterUserID: Int64?
        /// JSON, an object. Nil: a body such as Kick sends for this type.
        package let payload: [UInt8]?

        package init(type: String, broadcasterUserID: Int64?, payload: [UInt8]?) {
            self.type = type
            self.broadcasterUserID = broadcasterUserID
            self.payload = payload
        }
    }

    /// The most events that one call repeats.
    package static let limit = 1000
    /// Positions of the log that one call looks at for events to repeat, and for events to count.
    static let span: Int64 = 100_000
    static let countSpan: Int64 = 1_000_000
    /// Bytes of a made-up event's payload.
    package static let payloadLimit = 64 * 1024

    private let log: EventLog
    private let logins: LoginStore

    package init(log: EventLog, logins: LoginStore) {
        self.log = log
        self.logins = logins
    }

    // MARK: Once more

    /// Repeats what lies after one cursor, up to and including another, but for copies and what is not streamed either.
    ///
    /// - Parameters:
    ///   - after: nil begins with the oldest event that is kept.
    ///   - until: nil goes up to the newest one.
    /// Throws `invalid` for a cursor of another life of the log.
    package func replay(
        after: EventCursor?, until: EventCursor?, filter: EventFilter, in tenant: TenantID
    ) async throws -> Outcome {
        guard let selection = try await selection(after, until, filter, span: Self.span, in: tenant) else {
            return Outcome(count: 0, first: nil, last: nil, next: nil)
        }
        return try await replay(selection, in: tenant)
    }

    /// How many events ``replay(after:until:filter:in:)`` would repeat, called again and again until there is no next.
    package func count(
        after: EventCursor?, until: EventCursor?, filter: EventFilter, in tenant: TenantID
    ) async throws -> Outcome {
        guard let selection = try await selection(after, until, filter, span: Self.countSpan, in: tenant) else {
            return Outcome(count: 0, first: nil, last: nil, next: nil)
        }
        let count = try await log.countReplay(selection.part, limit: Int(Self.countSpan), in: tenant)
        return Outcome(count: count, first: nil, last: nil, next: selection.next)
    }

    /// Repeats one event. Throws `notFound`, also for one that retention has removed.
    package func replay(_ cursor: EventCursor, in tenant: TenantID) async throws -> Outcome {
        let position = try await log.position(in: tenant)
        let unknown = GatewayError(.notFound, "there is no such event, or none any more, or it is a repetition itself")
        guard cursor.epoch == position.epoch, cursor.sequence > 0 else { throw unknown }
        let part = ReplaySelection(range: cursor.sequence...cursor.sequence)
        let outcome = try await replay(Selection(part: part, epoch: position.epoch, end: cursor.sequence), in: tenant)
        guard outcome.count == 1 else { throw unknown }
        return outcome
    }

    /// What one call looks at, of what was asked for.
    private struct Selection {
        let part: ReplaySelection
        let epoch: Int64
        /// Where what was asked for ends.
        let end: Int64

        var next: EventCursor? { part.range.upperBound < end ? cursor(part.range.upperBound) : nil }

        func cursor(_ sequence: Int64?) -> EventCursor? { sequence.map { EventCursor(epoch: epoch, sequence: $0) } }
    }

    /// Nil when it is empty.
    private func selection(
        _ after: EventCursor?, _ until: EventCursor?, _ filter: EventFilter, span: Int64, in tenant: TenantID
    ) async throws -> Selection? {
        let log = try await log.position(in: tenant)
        for (cursor, field) in [(after, "after"), (until, "until")] {
            guard let cursor, cursor.epoch != log.epoch || cursor.sequence > log.last else { continue }
            throw GatewayError(.invalid, "is no cursor of this log", field: field)
        }
        let first = max(after.map { $0.sequence + 1 } ?? log.first, log.first)
        let end = until?.sequence ?? log.last
        guard first <= end else { return nil }
        return Selection(
            part: ReplaySelection(range: first...min(end, first + span - 1), filter: filter), epoch: log.epoch, end: end
        )
    }

    private func replay(_ selection: Selection, in tenant: TenantID) async throws -> Outcome {
        let (copies, last, hasMore) = try await log.replay(selection.part, limit: Self.limit, in: tenant)
        return Outcome(
            count: copies.count, first: selection.cursor(copies.first), last: selection.cursor(copies.last),
            next: hasMore ? selection.cursor(last) : selection.next)
    }

    // MARK: Made up

    /// Puts a made-up event into the log. The payload stays as it is, byte for byte.
    ///
    /// Throws `invalid` for a type of the gateway's own or one that is no name, a type without a payload that nobody knows,
    /// and when it is not clear which broadcaster is meant; `notFound` for one that the tenant has no login of.
    package func test(_ test: Test, in tenant: TenantID) async throws -> Event {
        try Self.check(test)
        let type = EventType(rawValue: test.type)
        let broadcaster = try await broadcaster(of: test, in: tenant)
        let sample = EventSamples.body(of: type, broadcaster: broadcaster, id: "test_\(Self.name())", at: .now())
        guard let payload = test.payload ?? sample else {
            throw GatewayError(
                .invalid, "is needed: \(type) is not one of the types that there is an example of", field: "payload")
        }
        let cursor = try await log.appendTest(
            type: test.type, broadcasterUserID: broadcaster.userID, body: payload, in: tenant)
        guard let cursor, let event = try await log.event(at: cursor.sequence, in: tenant) else {
            throw GatewayError(.internal, "the tenant has no log")
        }
        return event
    }

    private static func name() -> String {
        String(UInt64.random(in: .min ... .max), radix: 36)
    }

    private static func check(_ test: Test) throws(GatewayError) {
        let isName = test.type.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard (1...100).contains(test.type.utf8.count), isName else {
            throw GatewayError(.invalid, "must be the name of an event type, such as channel.followed", field: "type")
        }
        guard !test.type.hasPrefix(GatewayEvent.prefix) else {
            throw GatewayError(.invalid, "is a type of the gateway's own", field: "type")
        }
        guard test.payload?.count ?? 0 <= payloadLimit else {
            throw GatewayError(.tooLarge, "must be at most \(payloadLimit) bytes", field: "payload")
        }
    }

    private func broadcaster(of test: Test, in tenant: TenantID) async throws -> EventSamples.Broadcaster {
        // A claim is on nobody's channel.
        if test.type == EventType.dropsClaim.rawValue, test.broadcasterUserID ?? 0 == 0 {
            return EventSamples.Broadcaster(userID: 0, username: "", slug: nil)
        }
        let logins = try await logins.logins(in: tenant)
        let named = test.broadcasterUserID ?? test.payload.flatMap(BroadcasterScanner.broadcasterUserID)
        guard let id = named ?? (logins.count == 1 ? logins[0].kickUserID : nil) else {
            throw GatewayError(.invalid, "is needed: the tenant has not just one login", field: "broadcaster_user_id")
        }
        guard let login = logins.first(where: { $0.kickUserID == id }) else {
            throw GatewayError(.notFound, "the tenant has no login of the broadcaster \(id)")
        }
        return EventSamples.Broadcaster(userID: id, username: login.username, slug: login.slug)
    }
}
