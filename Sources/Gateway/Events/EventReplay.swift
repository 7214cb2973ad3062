import FoundationEssentials
package import Model
package import Store

/// Events once more, and made-up ones: for whoever builds or mends an overlay. They go through the log and reach every
/// stream like any other, and say where they come from.
package struct EventReplay: Sendable {
    /// What a replay came to.
    package struct Outcome: Sendable {
        package let count: Int
        /// The copies' first and last cursor; nil when there was nothing to repeat.
        package let first: EventCursor?
        package let last: EventCursor?
        /// Continue after this one when there is more; nil when all was repeated.
        package let next: EventCursor?
    }

    /// The most events that one call repeats.
    package static let limit = 1000
    /// Bytes of a made-up event's payload.
    package static let payloadLimit = 64 * 1024

    private let log: EventLog

    package init(log: EventLog) {
        self.log = log
    }

    /// Repeats what lies after one cursor, up to and including another.
    ///
    /// - Parameters:
    ///   - after: nil begins with the oldest event that is kept.
    ///   - until: nil goes up to the newest one.
    /// Throws `invalid` for a cursor of another life of the log.
    package func replay(
        after: EventCursor?, until: EventCursor?, filter: EventFilter, in tenant: TenantID
    ) async throws -> Outcome {
        let log = try await log.position(in: tenant)
        for (cursor, field) in [(after, "after"), (until, "until")] {
            guard let cursor, cursor.epoch != log.epoch || cursor.sequence > log.last else { continue }
            throw GatewayError(.invalid, "is no cursor of this log", field: field)
        }
        let first = max(after.map { $0.sequence + 1 } ?? log.first, log.first)
        let last = until?.sequence ?? log.last
        guard first <= last else { return Outcome(count: 0, first: nil, last: nil, next: nil) }
        let selection = ReplaySelection(range: first...last, filter: filter)
        return try await replay(selection, epoch: log.epoch, in: tenant)
    }

    /// Repeats one event. Throws `notFound`, also for one that retention has removed.
    package func replay(_ cursor: EventCursor, in tenant: TenantID) async throws -> Outcome {
        let position = try await log.position(in: tenant)
        guard cursor.epoch == position.epoch, cursor.sequence > 0 else { throw Self.unknown }
        let outcome = try await replay(
            ReplaySelection(range: cursor.sequence...cursor.sequence), epoch: position.epoch, in: tenant)
        guard outcome.count == 1 else { throw Self.unknown }
        return outcome
    }

    private static let unknown = GatewayError(
        .notFound, "there is no such event, or none any more, or it is a repetition itself")

    private func replay(_ selection: ReplaySelection, epoch: Int64, in tenant: TenantID) async throws -> Outcome {
        let (copies, last, hasMore) = try await log.replay(selection, limit: Self.limit, in: tenant)
        func cursor(_ sequence: Int64?) -> EventCursor? { sequence.map { EventCursor(epoch: epoch, sequence: $0) } }
        return Outcome(
            count: copies.count, first: cursor(copies.first), last: cursor(copies.last), next: hasMore ? cursor(last) : nil)
    }

    /// Puts a made-up event into the log.
    ///
    /// - Parameter payload: JSON; its `broadcaster` is not looked at.
    /// Throws `invalid` for a type of the gateway's own, or one that is no name.
    package func test(
        type: String, broadcasterUserID: Int64, payload: [UInt8], in tenant: TenantID
    ) async throws -> EventCursor {
        let isName = type.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard (1...100).contains(type.utf8.count), isName else {
            throw GatewayError(.invalid, "must be the name of an event type, such as channel.followed", field: "type")
        }
        guard !type.hasPrefix(GatewayEvent.prefix) else {
            throw GatewayError(.invalid, "is a type of the gateway's own", field: "type")
        }
        guard broadcasterUserID > 0 else {
            throw GatewayError(.invalid, "must be a whole number above 0", field: "broadcaster_user_id")
        }
        guard payload.count <= Self.payloadLimit else {
            throw GatewayError(.tooLarge, "must be at most \(Self.payloadLimit) bytes", field: "payload")
        }
        let cursor = try await log.appendTest(
            type: type, broadcasterUserID: broadcasterUserID, body: payload, in: tenant)
        guard let cursor else { throw GatewayError(.internal, "the tenant has no log") }
        return cursor
    }
}
