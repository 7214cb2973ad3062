import Net
import Postgres
import ProcessKit
import Sandbox
import Synchronization

/// Several gateways on one database, tokens that live for seconds, a replica killed every half minute, and PostgreSQL
/// restarted and killed under them, each time together with a replica.
struct ReplicasRun: Sendable {
    let workshop: Workshop
    let server: DatabaseServer

    private var options: Options { workshop.options }

    /// How long the token endpoint takes, in milliseconds, half of it after the rotation: so that a kill always meets some
    /// refreshes that are under way.
    private static let delay = 50

    func run() async throws -> Outcome {
        let (count, size) = (options.replicas ?? 4, options.logins ?? 2000)
        let life = options.tokenSeconds
        let site = try await Site.make("replicas", workshop, server) { policy in
            policy.accessTokenSeconds = life
            policy.answerDelayMilliseconds = Self.delay
        }
        // Spread over the whole life, so that refreshes never pause.
        let logins = try await site.makeLogins(size, tokenSeconds: life) {
            .seconds(life) * Double.random(in: 0...0.85)
        }
        let fleet = try await Fleet.start(
            count, on: site, settings: ["GATEWAY_REFRESH_RATE": String(options.refreshRate)])
        let sampler = Sampler(site)
        let sampling = workshop.loops.next().spawn { await sampler.run() }
        try await site.kick.resetCounters()
        let (begin, cpu) = (Deadline.now(), fleet.cpuNanoseconds)
        let telling = workshop.loops.next().spawn { await tell(site) }

        let kills = try await disturb(site, fleet)

        let counters = try await site.kick.counters()
        let seconds = (Deadline.now() - begin) / .seconds(1)
        let usage = (gateways: fleet.cpuNanoseconds - cpu, database: sampler.databaseCPU())
        for task in [sampling, telling] { task.cancel() }
        for task in [sampling, telling] { await task.value }
        say("\(counters.refreshes) refreshes; nothing is killed any more, waiting until all logins are at rest")

        // From here on a pair lasts: each login is refreshed once more, by whoever is left, and then rests.
        try await site.kick.setTokenLife(seconds: 3600)
        var outcome = Outcome()
        do {
            try await until("all logins at rest", within: .seconds(120), every: .milliseconds(500)) {
                try await site.count(
                    where: """
                        state = 'connected' AND (refresh_attempt_started_at IS NOT NULL
                            OR refresh_due_at < now() + interval '60 seconds')
                        """) == 0
            }
        } catch let error as ProcessError {
            outcome.expect(false, "\(error)")
        }
        let end = try await site.kick.counters()
        try await fleet.stop()
        let findings = try await fleet.findings()
        let unusable = try await site.unusable(logins)
        let connected = try await site.count(where: "state = 'connected'")
        let told = try await site.accountsToldToReconnect()
        await site.close()

        func perRefresh(_ nanoseconds: UInt64) -> String {
            "\((Double(nanoseconds) / 1000 / Double(max(1, counters.refreshes))).shortText) µs"
        }
        var table = Outcome.Table(columns: ["What", "#Figure"])
        table.rows = [
            ["replicas, logins, life of an access token", "\(count), \(size.grouped), \(life) s"],
            ["Kick's token endpoint takes", "\(Self.delay) ms"],
            ["time", "\((seconds / 60).text(1)) min"],
            ["replicas killed", "\(kills)"],
            ["PostgreSQL stopped and started; killed", "1; 1"],
            [
                "refreshes",
                "\(counters.refreshes.grouped) (\((Double(counters.refreshes) / seconds).text(0))/s)",
            ],
            ["logins lost", "\(size - connected + unusable.count)"],
            ["refreshes of one login at once, at the most", "\(end.greatestInFlight)"],
            ["attempts that their process did not end, made again by another", "\(findings.recoveries)"],
            ["calls without a whole answer", "\(findings.failures)"],
            ["uses of a superseded refresh token", "\(end.supersededUses)"],
            ["refused by Kick", "\(end.refused)"],
            ["from due to stored, p50 / p99 / longest", "\(sampler.lateness.text(digits: 2)) s"],
            ["CPU per refresh, gateways with their starts", perRefresh(usage.gateways)],
            ["CPU per refresh, PostgreSQL", perRefresh(usage.database)],
        ]
        outcome.tables = [table]
        outcome.notes = ["Warnings and errors in the gateways' logs: \(findings.summary)."]
        outcome.expect(
            connected == size && unusable.isEmpty && told.isEmpty,
            "no login lost: all are connected, were refreshed after the last kill, and Kick takes their tokens",
            broken: "\(connected) connected, \(unusable.count) of them unusable, \(told.count) told to reconnect")
        outcome.expect(end.greatestInFlight == 1, "at most one refresh of a login at once, across all replicas")
        outcome.expect(
            end.supersededUses <= findings.recoveries + findings.failures,
            "a superseded token was used only to mend an attempt that was cut off",
            broken: "\(end.supersededUses) uses for \(findings.recoveries + findings.failures) attempts")
        outcome.expect(end.refused == 0, "Kick refused nothing", broken: "\(end.refused)")
        return outcome
    }

    /// Kills and restarts until the time is over; how many replicas were killed.
    private func disturb(_ site: Site, _ fleet: Fleet) async throws -> Int {
        let length = options.minutes * 60
        let ticks = max(3, Int((length / 30).rounded()))
        let begin = Deadline.now()
        for tick in 1..<ticks {
            try await sleep(until: begin + .seconds(length) * (Double(tick) / Double(ticks)))
            switch tick {
            case max(1, ticks / 3):
                say("PostgreSQL is stopped, and a replica killed")
                await server.stop()
                try await fleet.kill(tick)
                try fleet.startOne()
                try await server.startAgain()
            case max(2, ticks * 2 / 3):
                say("PostgreSQL is killed, and a replica")
                let old = server.killPostmaster()
                try await fleet.kill(tick)
                try fleet.startOne()
                try await until("PostgreSQL again", within: .seconds(60)) { server.pid != nil && server.pid != old }
            default:
                try await fleet.kill(tick)
                try fleet.startOne()
            }
        }
        try await sleep(until: begin + .seconds(length))
        return ticks - 1
    }

    private func tell(_ site: Site) async {
        var before = 0
        while !Task.isCancelled {
            try? await sleep(for: .seconds(10))
            guard let counters = try? await site.kick.counters() else { continue }
            say(
                "\(counters.refreshes) refreshes, \((counters.refreshes - before) / 10)/s; at once for one login: "
                    + "\(counters.greatestInFlight); superseded uses: \(counters.supersededUses)")
            before = counters.refreshes
        }
    }
}
