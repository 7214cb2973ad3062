import Net
import Postgres
import ProcessKit
import Sandbox

/// All logins fall due in the same second, with one gateway; and what has become of the herd in the cycles after it.
struct HerdRun: Sendable {
    let workshop: Workshop
    let server: DatabaseServer

    private var options: Options { workshop.options }

    /// What one drain took.
    private struct Drain {
        var seconds = 0.0
        var lateness = Spread([])
        var counters = KickStandIn.Counters()
        var kickConnections = 0
        var databaseConnections = 0
        var gatewayNanoseconds: UInt64 = 0
        var databaseNanoseconds: UInt64 = 0
        var residentBefore = 0
        var residentPeak = 0
        /// Seconds of Unix time.
        var dueAt = 0.0
        /// When each login is due next, in seconds of Unix time.
        var next: [Double] = []
    }

    func run() async throws -> Outcome {
        let size = options.logins ?? 10_000
        var outcome = Outcome()
        let shipped = try await drainAsShipped(size, &outcome)
        let slow = try await drainFromSlowKick(size)
        let lifted = try await drainWithoutRate(size, &outcome)
        var table = Outcome.Table(
            "\(size.grouped) logins, all due in the same second",
            columns: ["What", "#as shipped", "#rate lifted", "#rate lifted, Kick answers at once"])
        func row(_ name: String, _ text: (Drain) -> String) {
            table.rows.append([name] + [shipped, slow, lifted].map(text))
        }
        row("time until all were refreshed") { "\($0.seconds.text(1)) s" }
        row("refreshes per second") { (Double(size) / $0.seconds).text(0) }
        row("from due to stored, p50 / p99 / longest") { "\($0.lateness.text(digits: 1)) s" }
        row("token requests in flight, at the most") { "\($0.counters.greatestRequests)" }
        row("connections to Kick, at the most") { "\($0.kickConnections)" }
        row("connections to PostgreSQL, at the most") { "\($0.databaseConnections)" }
        row("CPU per refresh, gateway") { "\((Double($0.gatewayNanoseconds) / 1000 / Double(size)).shortText) µs" }
        row("CPU per refresh, PostgreSQL") { "\((Double($0.databaseNanoseconds) / 1000 / Double(size)).shortText) µs" }
        row("RSS of the gateway before, and at its peak") {
            "\((Double($0.residentBefore) / 1024).text(1)), \((Double($0.residentPeak) / 1024).text(1)) MiB"
        }
        outcome.tables.insert(table, at: 0)
        outcome.notes.insert(
            "Kick's token endpoint takes \(Self.delay) ms, in the last column less than one. Lifted: "
                + "`GATEWAY_REFRESH_RATE=\(options.refreshRate)`; 16 token requests at once as shipped.", at: 0)
        for (name, drain) in [
            ("as shipped", shipped), ("with the rate lifted", slow), ("with an immediate answer", lifted),
        ] {
            outcome.expect(
                drain.counters.refreshes == size && drain.counters.refused == 0 && drain.counters.supersededUses == 0,
                "\(name): each login was refreshed once, nothing was refused",
                broken: "\(drain.counters.refreshes) refreshes, \(drain.counters.refused) refused")
            outcome.expect(
                drain.counters.greatestRequests <= 16 && drain.counters.greatestInFlight == 1,
                "\(name): never more than 16 token requests in flight, nor two of one login")
        }
        return outcome
    }

    /// How long the token endpoint takes, in milliseconds.
    private static let delay = 100

    // MARK: The limits as shipped

    private func drainAsShipped(_ size: Int, _ outcome: inout Outcome) async throws -> Drain {
        say("\(size) logins, limits as shipped")
        let site = try await Site.make("shipped", workshop, server) { $0.answerDelayMilliseconds = Self.delay }
        _ = try await site.makeLogins(size, tokenSeconds: 7200) { .seconds(86_400) }
        let fleet = try await Fleet.start(1, on: site)
        let drain = try await drain(site, fleet, size)
        try await fleet.stop()
        await site.close()
        let (first, last) = (drain.next.min() ?? 0, drain.next.max() ?? 0)
        let minutes = Self.buckets(drain.next, from: first, width: 60)
        let perSecond = Self.buckets(drain.next, from: first, width: 1)
        let mean = Double(size) / max(1, last - first)
        outcome.tables.append(
            Self.table(
                "The next cycle as it stands in the database, limits as shipped, 2 h tokens",
                [
                    [
                        "2", size.grouped, ((last - first) / 60).text(1) + " min", mean.text(1),
                        "\(perSecond.max() ?? 0)", (Double(minutes.max() ?? 0) / 60 / mean).text(2),
                    ]
                ]))
        outcome.expect(
            Double(minutes.max() ?? 0) <= 2 * mean * 60,
            "as shipped: in the next cycle the busiest minute has at most twice the mean of the cycle's minutes")
        return drain
    }

    // MARK: Without the rate

    private func drainFromSlowKick(_ size: Int) async throws -> Drain {
        say("\(size) logins, rate lifted, \(Self.delay) ms for an answer")
        let site = try await Site.make("slow", workshop, server) { $0.answerDelayMilliseconds = Self.delay }
        _ = try await site.makeLogins(size, tokenSeconds: 7200) { .seconds(86_400) }
        let fleet = try await Fleet.start(1, on: site, settings: ["GATEWAY_REFRESH_RATE": String(options.refreshRate)])
        let drain = try await drain(site, fleet, size)
        try await fleet.stop()
        await site.close()
        return drain
    }

    /// Life of the tokens: several cycles fit into a run.
    private static let life = 60
    /// The mean time from one refresh of a login to the next.
    private static let cycle = Double(life) * 0.775
    private static let cycles = 6

    private func drainWithoutRate(_ size: Int, _ outcome: inout Outcome) async throws -> Drain {
        say("\(size) logins, rate lifted, tokens of \(Self.life) s")
        let site = try await Site.make("lifted", workshop, server) { $0.accessTokenSeconds = Self.life }
        let logins = try await site.makeLogins(size, tokenSeconds: 7200) { .seconds(86_400) }
        let fleet = try await Fleet.start(1, on: site, settings: ["GATEWAY_REFRESH_RATE": String(options.refreshRate)])
        let drain = try await drain(site, fleet, size)
        say("waiting for \(Self.cycles) cycles")
        let end = drain.dueAt + (Double(Self.cycles) + 0.5) * Self.cycle
        try await until("the cycles", within: .seconds(Double(Self.cycles + 2) * Self.cycle), every: .seconds(1)) {
            let counters = try await site.kick.counters()
            return Double(counters.histogramStart + counters.histogram.count) > end
        }
        let counters = try await site.kick.counters()
        let unusable = try await site.unusable(logins)
        try await fleet.stop()
        await site.close()
        var rows: [[String]] = []
        for cycle in 0..<Self.cycles {
            // Half a cycle to either side of where it would be without any spread.
            let begin = drain.dueAt + (Double(cycle) - 0.5) * Self.cycle
            let seconds = counters.histogram.indices.filter { index in
                (begin..<begin + Self.cycle).contains(Double(counters.histogramStart + index))
            }.map { counters.histogram[$0] }
            let busy = seconds.drop { $0 == 0 }.reversed().drop { $0 == 0 }
            let sum = busy.reduce(0, +)
            let mean = Double(sum) / Double(max(1, busy.count))
            rows.append([
                "\(cycle + 1)", sum.grouped, "\(busy.count) s", mean.text(0), "\(busy.max() ?? 0)",
                (Double(busy.max() ?? 0) / mean).text(2),
            ])
        }
        outcome.tables.append(
            Self.table("Cycles as the sandbox saw them, rate lifted, \(Self.life) s tokens", rows))
        outcome.notes.append(
            "A cycle is the time from half a mean refresh interval (\(Self.cycle.text(1)) s) before to half of one after "
                + "the moment at which all would be due without any spread; spread evenly over it \(size.grouped) logins "
                + "are \((Double(size) / Self.cycle).text(0)) refreshes per second.")
        outcome.expect(unusable.isEmpty, "after \(Self.cycles) cycles Kick takes every login's token")
        return drain
    }

    // MARK: Measuring

    private func drain(_ site: Site, _ fleet: Fleet, _ size: Int) async throws -> Drain {
        guard let gateway = fleet.replicas.first else { throw ProcessError("there is no gateway") }
        var drain = Drain()
        try await site.kick.resetCounters()
        drain.residentBefore = ProcessAccounting.memory(of: gateway.process.pid)?.resident ?? 0
        let dueAt = try await site.makeAllDue(after: .seconds(3))
        drain.dueAt = Double(dueAt) / 1e6
        let (cpu, database) = (fleet.cpuNanoseconds, server.cpuNanoseconds ?? 0)
        // Few looks, so that they are not what is measured; the sandbox counts for itself.
        try await until("all refreshed", within: .seconds(Double(size) / 20 + 60), every: .seconds(1)) {
            drain.databaseConnections = max(drain.databaseConnections, try await connections(site))
            drain.kickConnections = max(
                drain.kickConnections,
                ProcessAccounting.connections(of: gateway.process.pid, toPort: site.kick.port))
            guard try await site.kick.counters().refreshes >= size else { return false }
            return try await site.count(where: "generation < 2") == 0
        }
        drain.gatewayNanoseconds = fleet.cpuNanoseconds - cpu
        drain.databaseNanoseconds = (server.cpuNanoseconds ?? database) - database
        drain.counters = try await site.kick.counters()
        drain.residentPeak = ProcessAccounting.peakResident(of: gateway.process.pid) ?? 0
        // With short tokens the first are due again already; they are not counted twice.
        let first = try await site.rows().filter { $0.generation == 2 }
        drain.lateness = Spread(first.compactMap { $0.refreshedAt.map { Double($0 - dueAt) / 1e6 } })
        drain.seconds = drain.lateness.greatest ?? 0
        drain.next = first.compactMap { $0.dueAt.map { Double($0) / 1e6 } }
        say("drained in \(drain.seconds.text(1)) s")
        return drain
    }

    private func connections(_ site: Site) async throws -> Int {
        let rows = try await site.database.query(
            """
            SELECT count(*) AS count FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'kick-gateway'
            """)
        return Int(try rows[0]["count", as: Int64.self])
    }

    private static func buckets(_ times: [Double], from first: Double, width: Double) -> [Int] {
        var counts: [Int] = []
        for time in times {
            let index = Int((time - first) / width)
            if index >= counts.count { counts += [Int](repeating: 0, count: index + 1 - counts.count) }
            counts[index] += 1
        }
        return counts
    }

    private static func table(_ title: String, _ rows: [[String]]) -> Outcome.Table {
        var table = Outcome.Table(
            title,
            columns: ["#Cycle", "#Refreshes", "#Spread over", "#Mean per s", "#Busiest second", "#Busiest / mean"])
        table.rows = rows
        return table
    }
}
