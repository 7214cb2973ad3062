import Model
import Net
import Postgres
import ProcessKit

/// The same delivery many times at the same moment to three replicas, and the same fact under another message id: one
/// event, everybody gets 200, and what repeats a fact is stored, marked and not streamed.
struct DuplicatesRun: Sendable {
    let workshop: Workshop
    let server: DatabaseServer

    private var options: Options { workshop.options }

    private static let tenants = 5
    private static let copies = 50
    private static let readersPerTenant = 3

    func run() async throws -> Outcome {
        let (times, count) = (options.times ?? 500, options.replicas ?? 3)
        let site = try await Site.make("duplicates", workshop, server) { _ in }
        let fleet = try await Fleet.start(count, on: site, settings: ["GATEWAY_LOG_LEVEL": "notice"])
        let tenants = try await site.makeTenants(
            Self.tenants, through: try await fleet.replicas[0].untilListening())
        let board = ReplicaBoard()
        let spreading = Spreading(tenants: Self.tenants)
        let maker = WebhookMaker(key: workshop.signingKey)
        let sender = WebhookSender(
            loop: workshop.loops.loops[1],
            settings: WebhookSender.Settings(
                spreading: spreading, broadcasters: tenants.broadcasters, capacity: count),
            board: board, maker: maker)
        for replica in fleet.replicas { try await sender.introduce(replica.place()) }
        let readers = LedgerReaders(
            loop: workshop.loops.loops[2], count: Self.tenants * Self.readersPerTenant, keys: tenants.keys,
            manner: ReaderManner(isRestless: false, mayHide: true), board: board, times: sender.times)
        try await readers.start()

        let volley = Volley(loop: workshop.loops.loops[1])
        let begin = Deadline.now()
        try await volley.connect(Self.copies, to: board.all)
        var answers: [Int: Int] = [:]
        for number in 0..<times {
            let fact = Fact(number: number, broadcaster: tenants.broadcasters[number % Self.tenants])
            for round in fact.rounds(maker, copies: Self.copies) {
                for status in try await volley.send(round) { answers[status, default: 0] += 1 }
            }
        }
        let seconds = (Deadline.now() - begin) / .seconds(1)
        await volley.close()

        // The newest event that is shown is where readers have to come to.
        let ends = try await shownEnds(site, tenants)
        let isCaughtUp = await readers.finish(at: ends, deadline: .after(.seconds(30)))
        let log = try await look(site, tenants)
        let (counts, tallies) = (await readers.loop.run { readers.counts }, await readers.tallies())
        try await fleet.stop()
        let findings = try await fleet.findings()
        await sender.close()
        await site.close()

        let deliveries = answers.values.reduce(0, +)
        var outcome = Outcome()
        var table = Outcome.Table(columns: ["What", "#Figure"])
        table.rows = [
            ["facts, in \(Fact.kinds) kinds of event", times.grouped],
            ["deliveries, \(Self.copies) at the same moment", deliveries.grouped],
            ["answered 200", (answers[200] ?? 0).grouped],
            ["events stored", (log.originals + log.marked).grouped],
            ["of them the same fact under another message id, marked", log.marked.grouped],
            ["shown to each of \(Self.readersPerTenant) readers of a tenant", log.originals.grouped],
            ["time", "\(seconds.text(1)) s (\((Double(deliveries) / seconds).text(0)) deliveries/s)"],
        ]
        outcome.tables = [table]
        outcome.notes = [
            "Warnings and errors in the gateways' logs: \(findings.summary.isEmpty ? "none" : findings.summary)."
        ]
        outcome.expect(
            answers == [200: deliveries] && deliveries == times * Self.copies * 3 / 2,
            "every delivery was answered 200", broken: "\(answers)")
        outcome.expect(
            log.messages == times * 3 / 2 && log.twice == 0, "every message is in the log exactly once",
            broken: "\(log.messages) of \(times * 3 / 2) are there, \(log.twice) more than once")
        outcome.expect(
            log.originals == times && log.marked == times / 2 && log.wronglyMarked == 0,
            "of each fact one event is shown, and every other says which one it repeats",
            broken: "\(log.originals) of \(times) originals, \(log.marked) marked, \(log.wronglyMarked) wrongly")
        let shown = tallies.allSatisfy { $0.events == log.shown[$0.tenant] }
        outcome.expect(
            isCaughtUp && counts.failureCount == 0 && shown,
            "readers got each fact once, in order, and no repetition",
            broken: "\(counts.failures.joined(separator: "; ")) \(tallies) of \(log.shown)")
        return outcome
    }

    // MARK: Looking

    private struct LogFinding: Sendable {
        var messages = 0
        var twice = 0
        var originals = 0
        var marked = 0
        var wronglyMarked = 0
        /// Events of the facts that readers had to get, by tenant.
        var shown: [Int] = []
    }

    /// Where each tenant's readers come to: the last event that is shown.
    private func shownEnds(_ site: Site, _ tenants: EventTenants) async throws -> [Int64] {
        var ends: [Int64] = []
        for tenant in tenants.ids {
            let rows = try await site.database.query(
                """
                SELECT coalesce(max(seq), 0) AS seq FROM events WHERE tenant_id = \(tenant) AND duplicate_of IS NULL
                """)
            ends.append(try rows[0]["seq", as: Int64.self])
        }
        return ends
    }

    private func look(_ site: Site, _ tenants: EventTenants) async throws -> LogFinding {
        var finding = LogFinding()
        for tenant in tenants.ids {
            var messages: Set<String> = []
            // Number of the event that is shown, by fact.
            var originals: [Int: Int64] = [:]
            var marks: [(fact: Int, of: Int64)] = []
            let rows = try await site.database.query(
                "SELECT seq, message_id, duplicate_of FROM events WHERE tenant_id = \(tenant) ORDER BY seq")
            for row in rows {
                let message = try row["message_id", as: String.self]
                guard let fact = Fact.number(in: message) else { continue }
                if !messages.insert(message).inserted { finding.twice += 1 }
                if let first = try row["duplicate_of", as: Int64?.self] {
                    marks.append((fact, first))
                } else {
                    finding.originals += 1
                    originals[fact] = try row["seq", as: Int64.self]
                }
            }
            finding.messages += messages.count
            finding.marked += marks.count
            finding.wronglyMarked += marks.count { originals[$0.fact] != $0.of }
            finding.shown.append(originals.count)
        }
        return finding
    }
}

/// Something that happened once, and how Kick tells it several times.
private struct Fact {
    static let kinds = 3
    private static let prefix = "01CHAOSFACT"

    let number: Int
    let broadcaster: Int64

    /// The message ids of all its deliveries begin alike.
    private func messageID(_ suffix: String) -> String { "\(Self.prefix)\(1_000_000 + number)\(suffix)" }

    static func number(in messageID: String) -> Int? {
        guard messageID.hasPrefix(prefix) else { return nil }
        return Int(messageID.dropFirst(prefix.utf8.count).prefix(7)).map { $0 - 1_000_000 }
    }

    /// What goes out at the same moment, and after its answers what goes out next. Of four facts one comes under one message
    /// id and then under another, one under both at once, and two come by one subscription alone.
    func rounds(_ maker: WebhookMaker, copies: Int) -> [[[UInt8]]] {
        let first = request(maker, "A")
        let second = request(maker, "B")
        switch number % 4 {
        case 0: return [Array(repeating: first, count: copies), Array(repeating: second, count: copies)]
        case 2:
            return [0, 1].map { shift in
                (0..<copies).map { ($0 + shift).isMultiple(of: 2) ? first : second }
            }
        default: return [Array(repeating: first, count: copies)]
        }
    }

    private func request(_ maker: WebhookMaker, _ suffix: String) -> [UInt8] {
        maker.request(
            messageID: messageID(suffix), type: type, subscription: "01CHAOSSUBSCRIPTION000000\(suffix)", body: body)
    }

    /// One with an id of its own, one with a time, and one with neither.
    private var type: String {
        ["chat.message.sent", "kicks.gifted", "channel.followed"][number / 4 % Self.kinds]
    }

    private var body: [UInt8] {
        let channel = #""broadcaster":{"user_id":\#(broadcaster),"username":"user\#(broadcaster)"}"#
        let text =
            switch type {
            case "chat.message.sent": #"{"message_id":"fact\#(number)",\#(channel),"content":"hello"}"#
            case "kicks.gifted": #"{\#(channel),"gift":{"amount":\#(number)},"created_at":"2026-01-14T16:08:06.123Z"}"#
            default: #"{\#(channel),"follower":{"user_id":\#(number),"username":"viewer\#(number)"}}"#
            }
        return Array(text.utf8)
    }
}

/// Connections that all send at the same moment. Loop-bound.
private final class Volley: @unchecked Sendable {
    private let loop: Loop
    private var lines: [PostLine] = []

    init(loop: Loop) {
        self.loop = loop
    }

    /// Opens so many, spread over the replicas.
    func connect(_ count: Int, to places: [ReplicaBoard.Place]) async throws {
        try await loop.perform { [self] in
            for index in 0..<count {
                lines.append(
                    try await PostLine.connect(
                        to: places[index % places.count].address, deadline: .after(.seconds(5))))
            }
        }
    }

    /// The statuses of the answers; 0 for a connection that broke.
    func send(_ requests: [[UInt8]]) async throws -> [Int] {
        await loop.perform { [self] in
            // All are written within a turn of the loop, before any answer can arrive.
            let tasks = zip(lines, requests).map { line, request in
                Task(executorPreference: loop) {
                    (try? await line.post(request, deadline: .after(.seconds(35)))) ?? 0
                }
            }
            var statuses: [Int] = []
            for task in tasks { statuses.append(await task.value) }
            return statuses
        }
    }

    func close() async {
        await loop.run { [self] in
            for line in lines { line.close() }
            lines = []
        }
    }
}
