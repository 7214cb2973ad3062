import Glibc
import Net
import ProcessKit

/// Three replicas, many tenants and many readers who come and go, while replicas are killed and PostgreSQL is restarted
/// and killed: every acknowledged webhook is in the log once, and every reader gets every event once and in order.
struct LedgerRun: Sendable {
    let workshop: Workshop
    let server: DatabaseServer

    private var options: Options { workshop.options }
    private var seconds: Double { options.seconds ?? 600 }

    func run() async throws -> Outcome {
        let (rate, count) = (Double(options.rate ?? 1000), options.replicas ?? 3)
        let (tenantCount, readerCount) = (options.tenants ?? 200, options.readers ?? 2000)
        let site = try await Site.make("ledger", workshop, server) { _ in }
        // One line for every request would be a hundred megabytes.
        let fleet = try await Fleet.start(count, on: site, settings: ["GATEWAY_LOG_LEVEL": "notice"])
        let tenants = try await site.makeTenants(tenantCount, through: try await fleet.replicas[0].untilListening())
        let board = ReplicaBoard()
        let spreading = Spreading(tenants: tenantCount)
        let sender = WebhookSender(
            loop: workshop.loops.loops[1],
            settings: WebhookSender.Settings(
                spreading: spreading, broadcasters: tenants.broadcasters,
                capacity: Int(rate * seconds) + 1000, twinEvery: 100),
            board: board, maker: WebhookMaker(key: workshop.signingKey))
        for replica in fleet.replicas { try await sender.introduce(replica.place()) }
        let readers = LedgerReaders(
            loop: workshop.loops.loops[2], count: readerCount, keys: tenants.keys,
            manner: ReaderManner(longestStay: min(60, seconds / 3), longestPause: min(70, seconds / 3)),
            board: board, times: sender.times)
        try await readers.start()
        say("\(readerCount) readers of \(tenantCount) tenants are connected")

        let sampler = Sampler(site)
        let sampling = workshop.loops.next().spawn { await sampler.run() }
        let cpu = (fleet: fleet.cpuNanoseconds, own: ProcessAccounting.cpuNanoseconds(of: getpid()) ?? 0)
        let begin = Deadline.now()
        let deadline = Deadline.after(.seconds(seconds))
        let sending = sender.loop.spawn { await sender.run(perSecond: rate, until: deadline) }
        let telling = workshop.loops.next().spawn { await tell(sender, readers) }
        let kills = try await disturb(fleet, board, sender, until: deadline)
        await sending.value

        // From here on nothing is killed: everything is acknowledged, and every reader comes to the end of its log.
        let isSettled = await sender.settle(deadline: .after(.seconds(60)))
        let time = (Deadline.now() - begin) / .seconds(1)
        let usage = (
            fleet: fleet.cpuNanoseconds - cpu.fleet, database: sampler.databaseCPU(),
            own: (ProcessAccounting.cpuNanoseconds(of: getpid()) ?? 0) - cpu.own
        )
        let isCaughtUp = await readers.finish(at: try await site.ends(of: tenants), deadline: .after(.seconds(90)))
        for task in [sampling, telling] { task.cancel() }
        for task in [sampling, telling] { await task.value }
        let peak = fleet.replicas.compactMap { ProcessAccounting.peakResident(of: $0.process.pid) }.max() ?? 0
        await sender.close()
        try await fleet.stop()
        let sent = await sender.loop.run { (counts: sender.counts, acknowledged: sender.acknowledged) }
        say("comparing the logs")
        let check = try await LogCheck.run(
            site, tenants, acknowledged: sent.acknowledged, spreading: spreading
        ) { await readers.digests(of: $0) }
        let read = await readers.loop.run { (counts: readers.counts, latencies: readers.latencies) }
        let findings = try await fleet.findings()
        await site.close()

        var outcome = Outcome()
        func perEvent(_ nanoseconds: UInt64) -> String {
            "\((Double(nanoseconds) / 1000 / Double(max(1, check.events))).shortText) µs"
        }
        var table = Outcome.Table(columns: ["What", "#Figure"])
        table.rows = [
            ["replicas, tenants, readers", "\(count), \(tenantCount.grouped), \(readerCount.grouped)"],
            ["time", "\((time / 60).text(1)) min"],
            ["replicas killed", "\(kills)"],
            ["PostgreSQL restarted; killed", "1; 1"],
            [
                "webhooks acknowledged",
                "\(sent.counts.acknowledged.grouped) (\((Double(sent.counts.acknowledged) / time).text(0))/s)",
            ],
            ["events in the logs", check.events.grouped],
            ["sent twice at once on purpose", sent.counts.twins.grouped],
            ["sent again after 503", sent.counts.unavailable.grouped],
            [
                "sent again after no answer; because nobody was there",
                "\((sent.counts.lost + sent.counts.timeouts).grouped); \(sent.counts.notConnected.grouped)",
            ],
            ["deliveries to readers", read.counts.delivered.grouped],
            [
                "readers left; in the middle of an event",
                "\(read.counts.leaves.grouped); \(read.counts.halfRead.grouped)",
            ],
            [
                "stopped reading for a while; were cut for it",
                "\(read.counts.pauses.grouped); \(read.counts.slowCuts.grouped)",
            ],
            ["lost their replica by its death", read.counts.deaths.grouped],
            [
                "were ended by the gateway otherwise; refused",
                "\(read.counts.ended.grouped); \(read.counts.refused.grouped)",
            ],
            [
                "went on from a cursor; on another replica",
                "\(read.counts.resumes.grouped); \(read.counts.moves.grouped)",
            ],
            ["from the attempt to a reader who reads, p50 / p99 / longest", read.latencies.spreadText],
            ["CPU per event, gateways with their starts", perEvent(usage.fleet)],
            ["CPU per event, PostgreSQL", perEvent(usage.database)],
            ["CPU per event, senders and readers", perEvent(usage.own)],
            ["largest RSS of a gateway", "\((Double(peak) / 1024).text(1)) MiB"],
        ]
        outcome.tables = [table]
        outcome.notes = ["Warnings and errors in the gateways' logs: \(findings.summary)."]
        if !sent.counts.connectErrors.isEmpty {
            outcome.notes.append("Why nobody was there: \(sent.counts.connectErrors).")
        }
        outcome.expect(
            isSettled && sent.counts.acknowledged == sent.counts.begun, "every webhook was acknowledged in the end",
            broken: "\(sent.counts.begun - sent.counts.acknowledged) were not")
        outcome.expect(
            check.isGood && check.repeats == 0,
            "every acknowledged webhook is in its tenant's log exactly once, unchanged, and numbers have no gaps",
            broken: check.summary)
        outcome.expect(
            isCaughtUp && read.counts.failureCount == 0,
            "every reader got every event after its first cursor exactly once, in order, as it stands in the log",
            broken: "\(read.counts.failureCount): \(read.counts.failures.joined(separator: "; "))")
        outcome.expect(
            read.counts.slowCuts > 0, "readers that fell behind were cut, and caught up",
            broken: "none was cut in \(read.counts.pauses) pauses")
        outcome.expect(
            sent.counts.strange.isEmpty && sent.counts.timeouts == 0, "webhooks were answered 200 or 503, in time",
            broken: "\(sent.counts.strange), \(sent.counts.timeouts) not in time")
        return outcome
    }

    /// Kills and restarts until the time is over; how many replicas were killed.
    private func disturb(
        _ fleet: Fleet, _ board: ReplicaBoard, _ sender: WebhookSender, until deadline: Deadline
    ) async throws -> Int {
        let begin = Deadline.now()
        var kills = 0
        var (wasRestarted, wasKilled) = (false, false)
        var arriving: [Task<Void, Never>] = []
        let failure = FirstFailure()
        func replaceOne() async throws {
            board.remove(try await fleet.kill(Int.random(in: 0..<64)).process.pid)
            kills += 1
            let fresh = try fleet.startOne()
            arriving.append(
                sender.loop.spawn { await failure.note { try await sender.introduce(fresh.place()) } })
        }
        while true {
            let pause = seconds >= 120 ? Double.random(in: 20...30) : seconds / 6
            let next = Deadline.after(.seconds(pause))
            guard next + .seconds(min(10, seconds / 10)) < deadline else { break }
            try await sleep(until: next)
            try failure.check()
            let part = (Deadline.now() - begin) / .seconds(seconds)
            if part > 0.3, !wasRestarted {
                wasRestarted = true
                say("PostgreSQL is restarted")
                await server.stop()
                try await server.startAgain()
            } else if part > 0.6, !wasKilled {
                wasKilled = true
                say("PostgreSQL is killed, and a replica")
                let old = server.killPostmaster()
                try await replaceOne()
                try await until("PostgreSQL again", within: .seconds(60)) { server.pid != nil && server.pid != old }
            } else {
                try await replaceOne()
            }
        }
        try await sleep(until: deadline)
        for task in arriving { await task.value }
        try failure.check()
        guard wasRestarted, wasKilled else { throw ProcessError("the time was too short for PostgreSQL to be killed") }
        return kills
    }

    private func tell(_ sender: WebhookSender, _ readers: LedgerReaders) async {
        while !Task.isCancelled {
            try? await sleep(for: .seconds(10))
            let sent = await sender.loop.run { sender.counts }
            let read = await readers.loop.run { readers.counts }
            say(
                "\(sent.acknowledged) of \(sent.begun) acknowledged, \(sent.unavailable) × 503, \(sent.lost) without an "
                    + "answer; \(read.delivered) deliveries, \(read.resumes) resumes, \(read.slowCuts) slow cuts, "
                    + "\(read.failureCount) failures")
        }
    }
}
