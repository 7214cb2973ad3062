import Model
import Net
import Postgres
import ProcessKit
import Store

/// The logs of a run's tenants, compared with what was acknowledged and with what readers saw.
struct LogCheck: Sendable {
    /// Events of all logs, and those of them that repeat a fact.
    private(set) var events = 0
    private(set) var repeats = 0
    /// Acknowledged webhooks that are in no log, and webhooks that are there more than once.
    private(set) var lost = 0
    private(set) var doubles = 0
    /// Stored and never acknowledged: its answer was lost, or the sender gave up.
    private(set) var unacknowledged = 0
    /// Numbers that are missing or out of place, events in the wrong log or with other bytes than were sent.
    private(set) var misplaced = 0
    /// Events that readers saw otherwise than they stand in the log.
    private(set) var differences = 0
    /// The last number of each log.
    private(set) var ends: [Int64] = []
    /// Numbers of events that repeat a fact, by tenant.
    private(set) var hidden: [Set<Int64>] = []

    var isGood: Bool { lost == 0 && doubles == 0 && misplaced == 0 && differences == 0 }

    var summary: String {
        "\(lost) acknowledged and not in the log, \(doubles) there more than once, \(misplaced) out of place or changed, "
            + "\(differences) seen otherwise by a reader"
    }

    private static let page: Int64 = 2000

    /// Reads all logs. Nothing may be written meanwhile.
    ///
    /// - Parameter acknowledged: by number of the webhook.
    static func run(
        _ site: Site, _ tenants: EventTenants, acknowledged: [Bool], spreading: Spreading,
        digests: (Int) async -> [UInt64]
    ) async throws -> LogCheck {
        var check = LogCheck()
        var seen = [UInt8](repeating: 0, count: acknowledged.count)
        for (number, tenant) in tenants.ids.enumerated() {
            let known = await digests(number)
            var position: Int64 = 0
            var hidden: Set<Int64> = []
            while true {
                let rows = try await site.database.query(
                    """
                    SELECT seq, message_id, body, duplicate_of IS NOT NULL AS repeats FROM events
                    WHERE tenant_id = \(tenant) AND seq > \(position) ORDER BY seq LIMIT \(Self.page)
                    """)
                for row in rows {
                    let sequence = try row["seq", as: Int64.self]
                    let messageID = try row["message_id", as: String.self]
                    let body = try row["body", as: [UInt8].self]
                    check.events += 1
                    if sequence != position + 1 { check.misplaced += 1 }
                    position = sequence
                    if try row["repeats", as: Bool.self] {
                        check.repeats += 1
                        hidden.insert(sequence)
                    }
                    if Int(sequence) < known.count, known[Int(sequence)] != 0,
                        known[Int(sequence)] != EventDigest.of(messageID: messageID, payload: body)
                    {
                        check.differences += 1
                    }
                    guard let index = Webhook.index(in: messageID), index < seen.count else { continue }
                    seen[index] = min(seen[index] + 1, 2)
                    let webhook = Webhook(index: index, broadcaster: tenants.broadcasters[number])
                    if spreading.tenant(of: index) != number || webhook.body != body { check.misplaced += 1 }
                }
                if rows.count < Int(Self.page) { break }
            }
            let end = try await site.database.query("SELECT last_seq FROM event_logs WHERE tenant_id = \(tenant)")
            if try end.first?["last_seq", as: Int64.self] != position { check.misplaced += 1 }
            check.ends.append(position)
            check.hidden.append(hidden)
        }
        for (index, count) in seen.enumerated() {
            if count == 0, acknowledged[index] { check.lost += 1 }
            if count > 1 { check.doubles += 1 }
            if count > 0, !acknowledged[index] { check.unacknowledged += 1 }
        }
        return check
    }
}

extension Site {
    /// The last number of each tenant's log.
    func ends(of tenants: EventTenants) async throws -> [Int64] {
        let known = Dictionary(
            uniqueKeysWithValues: try await EventLog(database: database).lastSequences(of: tenants.ids))
        return tenants.ids.map { known[$0] ?? 0 }
    }
}
