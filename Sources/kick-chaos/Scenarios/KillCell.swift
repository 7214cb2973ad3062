import Gateway
import Glibc
import Model
import Net
import Postgres
import ProcessKit
import Sandbox
import Store
import Telemetry

/// One cell of the matrix: processes that are killed at one step, and then a healthy one that mends what they left.
struct KillCell: Sendable {
    let mode: RefreshMode
    let point: KillPoint
    let times: Int

    struct Finding: Sendable {
        let cell: KillCell
        var kills = 0
        /// Kills that met a login which an earlier one had met.
        var secondKills = 0
        /// Logins there were.
        var logins = 0
        /// Connected in the end; they work, and have been refreshed once more.
        var recovered = 0
        var reconnectRequired = 0
        var lostSilently = 0
        var supersededUses = 0
        /// From the end of the dead process's lease, or from the start of the healthy process if that was later, until
        /// the pair was stored.
        var recoverySeconds = Spread([])
        /// What should not have been.
        var problems: [String] = []
    }

    var name: String { "\(mode) × \(point.rawValue)" }

    /// Seconds that a killed process's lease holds up the next one. What is shipped is longer, which changes nothing but
    /// how long a recovery takes.
    private static let lease = 3

    func run(_ workshop: Workshop, _ server: DatabaseServer, name database: String) async throws -> Finding {
        let site = try await Site.make(database, workshop, server) { policy in
            policy.refreshMode = mode
            policy.accessTokenSeconds = 3600
        }
        do {
            var finding = try await run(on: site)
            await site.close()
            say("\(name): \(finding.recovered) of \(finding.logins) recovered after \(finding.kills) kills")
            finding.problems = Array(finding.problems.prefix(5))
            return finding
        } catch {
            await site.close()
            throw ProcessError("\(name): \(error)")
        }
    }

    private func run(on site: Site) async throws -> Finding {
        var finding = Finding(cell: self)
        let logins = try await site.makeLogins(times, tokenSeconds: 3600) { .seconds(86_400) }
        finding.logins = logins.count
        // The last kill that met a login, by the login.
        var met: [LoginID: Int64] = [:]
        let start = Deadline.now()
        for (number, login) in logins.enumerated() {
            if number % 4 != 3 {
                // This process meets the fresh login first.
                try await site.makeDue(login.id, after: .seconds(-60 * (number + 1)))
            } else {
                // Every fourth meets what others have left, if they have left anything, and dies at a second attempt. If
                // that ends without coming to the step, it goes on to the fresh one.
                try await untilALeaseHasRunOut(on: site)
                try await site.makeDue(login.id, after: .zero)
            }
            if let id = try await killOne(on: site) {
                if met[id] != nil { finding.secondKills += 1 }
                met[id] = Timestamp.now().microseconds
            }
            finding.kills += 1
        }

        try await site.kick.forgetFaults()
        let healthy = try site.startReplica(HostedGateway.Order(lease: Self.lease))
        try await healthy.untilListening()
        let begin = Timestamp.now().microseconds
        try await until("\(name): settled", within: .seconds(90)) {
            try await site.count(where: "refresh_attempt_started_at IS NOT NULL OR refresh_due_at <= now()") == 0
        }
        if case .singleUseWithGrace(let seconds) = mode, start + .seconds(seconds) <= .now() {
            finding.problems.append("the machine is too slow: the grace period was over before the last recovery")
        }
        let counters = try await site.kick.counters()
        finding.supersededUses = counters.supersededUses
        let settled = try await site.rows()
        finding.recoverySeconds = Spread(
            settled.compactMap { row in
                guard let kill = met[row.id], let stored = row.refreshedAt, row.isConnected, stored > kill else {
                    return nil
                }
                return max(0, Double(stored - max(kill + Int64(Self.lease) * 1_000_000, begin)) / 1e6)
            })
        try await judge(settled, met, on: site, &finding)
        if counters.greatestInFlight > 1 { finding.problems.append("two refreshes of one login at once") }
        if mode != .singleUse, counters.refused > 0 { finding.problems.append("Kick refused \(counters.refused)") }
        if !point.losesThePair, counters.supersededUses > 0 {
            finding.problems.append("\(counters.supersededUses) superseded uses without need")
        }
        try await healthy.stop()
        return finding
    }

    // MARK: Killing

    private func untilALeaseHasRunOut(on site: Site) async throws {
        guard try await site.count(where: "refresh_attempt_started_at IS NOT NULL") > 0 else { return }
        try await until("\(name): a lease has run out", within: .seconds(30)) {
            try await site.count(where: "refresh_attempt_started_at IS NOT NULL AND refresh_lease_until < now()") > 0
        }
    }

    /// Starts a process that ends at the step. The login that it was at; nil when it had none yet.
    private func killOne(on site: Site) async throws -> LoginID? {
        var order = HostedGateway.Order(dieAt: point.step, lease: Self.lease, timeout: 1)
        let before = try await site.kick.counters().settled
        if point == .afterSend {
            order = HostedGateway.Order(tellAt: point.step, lease: Self.lease, timeout: 30)
            try await site.kick.forgetFaults()
            try await site.kick.holdAnswers(1, milliseconds: 5000)
        }
        let replica = try site.startReplica(order, settings: ["GATEWAY_REFRESH_CONCURRENCY": "1"])
        var ending: Cleanup.Ending?
        try await until("a process at \(point.rawValue)", within: .seconds(60), every: .milliseconds(5)) {
            if point == .afterSend, try await site.kick.counters().settled > before {
                ending = try await replica.kill()
            } else {
                ending = replica.ending
            }
            return ending != nil
        }
        guard ending?.signal == SIGKILL else {
            throw ProcessError("a process ended by itself:\n\(replica.process.lastWords)")
        }
        let log = Files.text(replica.process.log) ?? ""
        let line = log.split(separator: "\n").last { $0.hasPrefix(HostedGateway.mark) }
        guard let line else {
            throw ProcessError("a process was killed before the step:\n\(replica.process.lastWords)")
        }
        return line.split(separator: " ").dropFirst(2).first.flatMap { LoginID(String($0)) }
    }

    // MARK: Judging

    private func judge(
        _ rows: [LoginRow], _ met: [LoginID: Int64], on site: Site, _ finding: inout Finding
    ) async throws {
        var silent: Set<LoginID> = []
        let connected = rows.filter(\.isConnected)
        for login in try await site.unusable(connected.map { KnownLogin(id: $0.id, userID: $0.userID) }) {
            silent.insert(login.id)
        }
        // One more refresh shows that the refresh token is good as well.
        try await site.makeAllDue(after: .zero)
        let generations = Dictionary(uniqueKeysWithValues: connected.map { ($0.id, $0.generation) })
        do {
            try await until("\(name): one more refresh", within: .seconds(60)) {
                try await site.rows().allSatisfy { row in
                    !row.isConnected || generations[row.id].map { row.generation > $0 } ?? true
                }
            }
        } catch let error as ProcessError {
            finding.problems.append("\(error)")
        }
        for row in try await site.rows() {
            guard let generation = generations[row.id] else { continue }
            if !row.isConnected || row.generation <= generation { silent.insert(row.id) }
        }
        for login in try await site.unusable(connected.map { KnownLogin(id: $0.id, userID: $0.userID) }) {
            silent.insert(login.id)
        }

        let lost = rows.filter { $0.state == LoginState.reconnectRequired.rawValue }
        let told = try await site.accountsToldToReconnect()
        for row in lost {
            let count = told.count { $0 == row.userID }
            if count != 1 { finding.problems.append("\(row.id): told \(count) times to reconnect") }
            if count == 0 { silent.insert(row.id) }
            if mode != .singleUse || met[row.id] == nil {
                finding.problems.append("\(row.id) was lost without a reason")
            }
            if try await kickTakesAny(of: row, on: site) {
                finding.problems.append("\(row.id) was given up, and Kick takes one of its tokens")
            }
        }
        if rows.count != finding.logins || lost.count + connected.count != rows.count {
            finding.problems.append("there are \(rows.count) logins, \(connected.count) of them connected")
        }
        finding.reconnectRequired = lost.count
        finding.lostSilently = silent.count
        finding.recovered = connected.count { !silent.contains($0.id) }
    }

    /// Asks Kick with every refresh token that is held, past the gateway.
    private func kickTakesAny(of row: LoginRow, on site: Site) async throws -> Bool {
        let claim = try await site.store.claimRefresh(
            of: row.id, generation: row.generation, in: site.tenant.id, lease: .seconds(1), isForced: true)
        guard case .leased(let lease) = claim else { return false }
        for token in [lease.refreshToken, lease.previousRefreshToken].compactMap(\.self) {
            if try await site.kick.takes(refreshToken: token.reveal()) { return true }
        }
        return false
    }
}
