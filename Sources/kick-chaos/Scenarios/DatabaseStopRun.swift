import Glibc
import Net
import ProcessKit
import Synchronization

/// PostgreSQL is away for a minute under load, once ended and once frozen: nothing that was acknowledged is lost, whoever
/// comes meanwhile gets 503, memory is bounded, and soon after its return everything is as fast as before.
struct DatabaseStopRun: Sendable {
    let workshop: Workshop
    let server: DatabaseServer

    private var options: Options { workshop.options }

    /// Load before the first outage, and after each.
    private static let before = Duration.seconds(10)
    private static let after = Duration.seconds(45)
    /// How soon after its return webhooks have to be stored at the full rate again.
    private static let patience = 5.0
    /// No webhook may wait longer for its answer: the gateway's own deadline for a request, and a moment.
    private static let longestAnswer = 32.0
    /// More than before, a gateway may take, in MiB.
    private static let memoryBound = 256.0

    func run() async throws -> Outcome {
        let (rate, count) = (Double(options.rate ?? 1000), options.replicas ?? 1)
        let (tenantCount, readerCount) = (options.tenants ?? 20, options.readers ?? 200)
        let outage = Duration.seconds(options.seconds ?? 60)
        let site = try await Site.make("database_stop", workshop, server) { _ in }
        let fleet = try await Fleet.start(count, on: site, settings: ["GATEWAY_LOG_LEVEL": "notice"])
        let tenants = try await site.makeTenants(tenantCount, through: try await fleet.replicas[0].untilListening())
        let board = ReplicaBoard()
        let spreading = Spreading(tenants: tenantCount)
        let length = Self.before + (outage + Self.after) * 2 + .seconds(30)
        let sender = WebhookSender(
            loop: workshop.loops.loops[1],
            settings: WebhookSender.Settings(
                spreading: spreading, broadcasters: tenants.broadcasters,
                capacity: Int(rate * (length / .seconds(1))) + 1000, longestPause: .seconds(30)),
            board: board, maker: WebhookMaker(key: workshop.signingKey))
        for replica in fleet.replicas { try await sender.introduce(replica.place()) }
        let readers = LedgerReaders(
            loop: workshop.loops.loops[2], count: readerCount, keys: tenants.keys,
            manner: ReaderManner(isRestless: false), board: board, times: sender.times)
        try await readers.start()
        let memory = MemoryWatch(fleet)
        let watching = workshop.loops.next().spawn { await memory.run() }
        let sending = sender.loop.spawn { await sender.run(perSecond: rate, until: .after(length)) }
        let telling = workshop.loops.next().spawn { await tell(sender, fleet) }
        try await sleep(for: Self.before)

        var outages: [Away] = []
        for kind in Away.Kind.allCases {
            say("PostgreSQL is \(kind.rawValue)")
            var away = Away(kind: kind)
            away.memoryBefore = memory.now()
            memory.reset()
            let start = await sender.loop.run { (sender.counts, sender.now) }
            switch kind {
            case .ended: await server.stopAtOnce()
            case .frozen: server.freeze()
            }
            away.begin = await sender.loop.run { sender.now }
            try await sleep(for: outage)
            away.memoryMeanwhile = memory.greatest()
            let last = await sender.loop.run { (sender.counts, sender.now) }
            away.take(start.0, last.0)
            switch kind {
            case .ended: try await server.startAgain()
            case .frozen: server.thaw()
            }
            away.end = await sender.loop.run { sender.now }
            say("PostgreSQL is back")
            try await sleep(for: Self.after)
            away.memoryAfter = memory.now()
            away.memoryPeak = memory.greatest()
            away.recovery = await sender.loop.run { [away] in
                sender.secondsUntilRate(rate, from: away.end)
            }
            outages.append(away)
        }
        await sending.value
        let isSettled = await sender.settle(deadline: .after(.seconds(120)))
        let isCaughtUp = await readers.finish(at: try await site.ends(of: tenants), deadline: .after(.seconds(60)))
        for task in [watching, telling] { task.cancel() }
        for task in [watching, telling] { await task.value }
        await sender.close()
        try await fleet.stop()
        let sent = await sender.loop.run { (counts: sender.counts, acknowledged: sender.acknowledged) }
        let check = try await LogCheck.run(
            site, tenants, acknowledged: sent.acknowledged, spreading: spreading
        ) { await readers.digests(of: $0) }
        let counts = await readers.loop.run { readers.counts }
        let findings = try await fleet.findings()
        await site.close()
        return report(
            outages, rate, outage, sent.counts, check, counts, isSettled: isSettled, isCaughtUp: isCaughtUp,
            errors: findings.summary)
    }

    private func tell(_ sender: WebhookSender, _ fleet: Fleet) async {
        let pause = 5.0
        var (before, cpu) = (await sender.loop.run { sender.counts }, fleet.cpuNanoseconds)
        while !Task.isCancelled {
            try? await sleep(for: .seconds(pause))
            let (now, underWay) = await sender.loop.run { (sender.counts, sender.underWay) }
            func rate(_ part: KeyPath<WebhookSender.Counts, Int>) -> String {
                (Double(now[keyPath: part] - before[keyPath: part]) / pause).text(0)
            }
            let cores = Double(fleet.cpuNanoseconds - cpu) / 1e9 / pause
            say(
                "\(now.begun - now.acknowledged) wait; per second: \(rate(\.acknowledged)) acknowledged, "
                    + "\(rate(\.unavailable)) × 503, \(rate(\.attempts)) attempts; \(underWay) under way; "
                    + "the gateway uses \(cores.text(2)) cores")
            (before, cpu) = (now, fleet.cpuNanoseconds)
        }
    }

    private func report(
        _ outages: [Away], _ rate: Double, _ outage: Duration, _ sent: WebhookSender.Counts, _ check: LogCheck,
        _ read: ReaderCounts, isSettled: Bool, isCaughtUp: Bool, errors: String
    ) -> Outcome {
        var outcome = Outcome()
        var table = Outcome.Table(
            "PostgreSQL is away for \((outage / .seconds(1)).text(0)) s, \(rate.text(0)) new webhooks per second",
            columns: ["What"] + outages.map { "#\($0.kind.rawValue)" })
        func row(_ name: String, _ value: (Away) -> String) { table.rows.append([name] + outages.map(value)) }
        row("answered 503 meanwhile") { $0.unavailable.grouped }
        row("answered 200 meanwhile") { $0.acknowledged.grouped }
        row("answered otherwise") { $0.strange.isEmpty ? "0" : "\($0.strange)" }
        row("without an answer in time; connections broken or refused") { "\($0.timeouts); \($0.lost)" }
        row("slowest answer so far") { "\($0.slowest.text(1)) s" }
        row("s from its return to \(rate.text(0)) stored per second") { $0.recovery?.text(1) ?? "never" }
        row("RSS before") { "\($0.memoryBefore.text(1)) MiB" }
        row("RSS meanwhile, at the most") { "\($0.memoryMeanwhile.text(1)) MiB" }
        row("RSS at the most with the rush that follows") { "\($0.memoryPeak.text(1)) MiB" }
        row("RSS \((Self.after / .seconds(1)).text(0)) s after its return") { "\($0.memoryAfter.text(1)) MiB" }
        outcome.tables = [table]
        outcome.notes = [
            "\(sent.begun.grouped) webhooks, \(sent.acknowledged.grouped) acknowledged, \(sent.attempts.grouped) attempts; "
                + "\(read.delivered.grouped) deliveries to readers, of whom the gateway ended \(read.ended). "
                + "Webhooks that waited because too many were under way: \(sent.heldBack.grouped).",
            "Errors in the gateways' logs: \(errors.isEmpty ? "none" : errors).",
        ]
        outcome.expect(
            isSettled && check.isGood,
            "every acknowledged webhook is in the log exactly once, and all were acknowledged in the end",
            broken: "\(check.summary); \(sent.begun - sent.acknowledged) never acknowledged")
        outcome.expect(
            isCaughtUp && read.failureCount == 0, "every reader got every event exactly once and in order",
            broken: read.failures.joined(separator: "; "))
        for away in outages {
            outcome.expect(
                away.strange.isEmpty && away.timeouts == 0 && away.lost == 0 && away.slowest < Self.longestAnswer,
                "\(away.kind.rawValue): nothing but 503 meanwhile, in time",
                broken: "\(away.strange), \(away.timeouts) timeouts, \(away.lost) lost, \(away.slowest.text(1)) s")
            outcome.expect(
                away.recovery.map { $0 <= Self.patience } ?? false,
                "\(away.kind.rawValue): the full rate is back within \(Self.patience.text(0)) s",
                broken: away.recovery.map { "\($0.text(1)) s" } ?? "never")
            outcome.expect(
                max(away.memoryPeak, away.memoryMeanwhile) - away.memoryBefore <= Self.memoryBound,
                "\(away.kind.rawValue): at most \(Self.memoryBound.text(0)) MiB more memory than before",
                broken: "\((away.memoryPeak - away.memoryBefore).text(0)) MiB")
        }
        return outcome
    }
}

/// What was seen of one absence.
private struct Away: Sendable {
    enum Kind: String, CaseIterable { case ended, frozen }

    let kind: Kind
    /// Slots of the sender's timeline.
    var begin = 0
    var end = 0
    var unavailable = 0
    var acknowledged = 0
    var strange: [Int: Int] = [:]
    var timeouts = 0
    var lost = 0
    var slowest = 0.0
    var recovery: Double?
    /// MiB.
    var memoryBefore = 0.0
    var memoryMeanwhile = 0.0
    var memoryPeak = 0.0
    var memoryAfter = 0.0

    init(kind: Kind) {
        self.kind = kind
    }

    mutating func take(_ first: WebhookSender.Counts, _ last: WebhookSender.Counts) {
        unavailable = last.unavailable - first.unavailable
        acknowledged = last.acknowledged - first.acknowledged
        for (status, count) in last.strange where count > first.strange[status] ?? 0 {
            strange[status] = count - (first.strange[status] ?? 0)
        }
        timeouts = last.timeouts - first.timeouts
        lost = last.lost + last.notConnected - first.lost - first.notConnected
        slowest = Double(last.slowest) / 1e9
    }
}

extension WebhookSender {
    /// The present slot of the timeline.
    fileprivate var now: Int { Int((Deadline.now() - timelineBegin) / Self.slot) }

    /// Seconds from the beginning of a slot until the first second in which as many were acknowledged as `rate`; nil when
    /// there was none.
    fileprivate func secondsUntilRate(_ rate: Double, from slot: Int) -> Double? {
        let width = Int(.seconds(1) / Self.slot)
        guard slot >= 0, timeline.count >= slot + width else { return nil }
        for first in slot...(timeline.count - width) {
            let sum = timeline[first..<(first + width)].reduce(0) { $0 + $1.acknowledged }
            if Double(sum) >= rate { return Double(first - slot) * (Self.slot / .seconds(1)) }
        }
        return nil
    }
}

/// Looks at the gateways' memory all the time.
private final class MemoryWatch: Sendable {
    private let fleet: Fleet
    private let most = Mutex(0.0)

    init(_ fleet: Fleet) {
        self.fleet = fleet
    }

    func run() async {
        while !Task.isCancelled {
            let value = now()
            most.withLock { $0 = max($0, value) }
            try? await sleep(for: .milliseconds(200))
        }
    }

    /// RSS of the largest, in MiB.
    func now() -> Double {
        Double(fleet.replicas.compactMap { ProcessAccounting.memory(of: $0.process.pid)?.resident }.max() ?? 0) / 1024
    }

    func greatest() -> Double { most.withLock { $0 } }

    func reset() {
        most.withLock { $0 = 0 }
    }
}
