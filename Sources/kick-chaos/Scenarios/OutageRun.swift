import HTTP
import Model
import Net
import Postgres
import ProcessKit
import Sandbox
import Synchronization

/// Refreshes whose result has nowhere to go, in the mode that forgives nothing: PostgreSQL is stopped while Kick answers,
/// and a caller hangs up in the middle of a refresh that it asked for.
struct OutageRun: Sendable {
    let workshop: Workshop
    let server: DatabaseServer

    /// Refreshes under way when the database goes: as many as the shipped limit lets through at once.
    private static let size = 16
    private static let outage = Duration.seconds(10)

    func run() async throws -> Outcome {
        let times = workshop.options.times ?? 5
        let site = try await Site.make("outage", workshop, server) { policy in
            policy.refreshMode = .singleUse
            policy.accessTokenSeconds = 3600
        }
        let logins = try await site.makeLogins(Self.size, tokenSeconds: 3600) { .seconds(86_400) }
        let watch = try await TokenWatch.start(site, logins)
        let replica = try site.startReplica(settings: ["KICK_API_URL": watch.url])
        let gateway = "http://\(try await replica.untilListening())"
        let calls = HTTPCaller(client: workshop.client, base: gateway, key: try await makeKey(site, gateway))

        var outcome = Outcome()
        var table = Outcome.Table(
            "PostgreSQL is stopped while Kick answers \(Self.size) refreshes, and started \(Int(Self.outage / .seconds(1))) s "
                + "later",
            columns: [
                "#Round", "#pairs stored", "#s from its return until all were", "#callers that waited",
                "#of them served",
                "#served while it was away", "#logins lost",
            ])
        for round in 1...times {
            say("outage, round \(round)")
            let finding = try await stopWhileKickAnswers(site, logins, calls)
            table.rows.append([
                "\(round)", "\(finding.stored)", finding.seconds.text(1), "\(finding.callers)", "\(finding.served)",
                "\(finding.servedEarly)", "\(finding.lost)",
            ])
            outcome.expect(
                finding.stored == Self.size && finding.lost == 0 && finding.served == finding.callers
                    && finding.servedEarly == 0,
                "outage \(round): every pair was stored when the database was back, and nobody was served before",
                broken: "\(finding)")
        }
        var second = Outcome.Table(
            "A caller hangs up while Kick answers the refresh that it asked for",
            columns: ["#Rounds", "#hung up before the answer", "#pairs stored", "#logins lost"])
        var (early, stored) = (0, 0)
        for round in 0..<times {
            let finding = try await hangUp(site, logins[round % logins.count], gateway, calls)
            early += finding.wasEarly ? 1 : 0
            stored += finding.isStored ? 1 : 0
        }
        let unusable = try await site.unusable(logins)
        second.rows = [["\(times)", "\(early)", "\(stored)", "\(unusable.count)"]]
        outcome.expect(
            early == times && stored == times && unusable.isEmpty,
            "a caller that hangs up in the middle of a refresh loses nothing")
        let uses = watch.uses
        let counters = try await site.kick.counters()
        try await replica.stop()
        await watch.stop()
        await site.close()
        outcome.tables = [table, second]
        outcome.notes = [
            "Strict single-use mode, shipped limits. \(uses.all) calls with an access token reached Kick's API; before each "
                + "of them the token stood in its row. Kick refused \(counters.refused) refreshes."
        ]
        outcome.expect(
            uses.strangers == 0 && uses.all > 0, "no access token was used before it was stored",
            broken: "\(uses.strangers) of \(uses.all) calls")
        outcome.expect(
            counters.refused == 0 && counters.supersededUses == 0, "no refresh token was used twice",
            broken: "\(counters.refused) refused, \(counters.supersededUses) superseded")
        return outcome
    }

    // MARK: The database goes

    private struct Finding: Sendable {
        var stored = 0
        var seconds = 0.0
        var callers = 0
        var served = 0
        var servedEarly = 0
        var lost = 0
    }

    private func stopWhileKickAnswers(
        _ site: Site, _ logins: [KnownLogin], _ calls: HTTPCaller
    ) async throws -> Finding {
        var finding = Finding()
        let before = Dictionary(uniqueKeysWithValues: try await site.rows().map { ($0.id, $0.generation) })
        let settled = try await site.kick.counters().settled
        try await site.kick.holdAnswers(Self.size, milliseconds: 5000)
        // Expired as well, so that whoever uses a login has to wait for the new pair.
        try await site.database.execute("UPDATE logins SET access_expires_at = now()")
        try await site.makeAllDue(after: .zero)
        try await until("Kick has rotated all", within: .seconds(30), every: .milliseconds(10)) {
            try await site.kick.counters().settled == settled + Self.size
        }
        let callers = logins.map { Caller($0, calls) }
        let asking = callers.map { caller in workshop.loops.next().spawn { await caller.run() } }
        // They have read what is stored and wait for the flights.
        try await until("callers wait", within: .seconds(4), every: .milliseconds(10)) {
            callers.allSatisfy(\.hasAsked)
        }
        try await sleep(for: .milliseconds(200))
        await server.stop()
        guard try await site.kick.counters().requests == Self.size else {
            throw ProcessError("Kick's answers came before the database had stopped: the machine is too slow")
        }
        try await sleep(for: Self.outage)
        finding.servedEarly = callers.count { $0.isServed }
        try await server.startAgain()
        let back = Deadline.now()
        do {
            try await until("all pairs stored", within: .seconds(60)) {
                let rows = try await site.rows()
                finding.stored = rows.count { row in before[row.id].map { row.generation == $0 + 1 } ?? false }
                return finding.stored == logins.count
            }
        } catch let error as ProcessError {
            // The figures tell.
            say("\(error)")
        }
        finding.seconds = (Deadline.now() - back) / .seconds(1)
        for task in asking { await task.value }
        finding.callers = callers.count
        finding.served = callers.count { $0.isServed }
        finding.lost = try await site.unusable(logins).count
        return finding
    }

    /// Somebody who wants to use a login and asks until it works.
    private final class Caller: Sendable {
        private struct State {
            var hasAsked = false
            var isServed = false
        }

        private let login: KnownLogin
        private let calls: HTTPCaller
        private let state = Mutex(State())

        init(_ login: KnownLogin, _ calls: HTTPCaller) {
            self.login = login
            self.calls = calls
        }

        var hasAsked: Bool { state.withLock { $0.hasAsked } }
        var isServed: Bool { state.withLock { $0.isServed } }

        func run() async {
            let deadline = Deadline.after(.seconds(90))
            while !isServed, !deadline.hasPassed {
                state.withLock { $0.hasAsked = true }
                let answer = try? await calls.answer(.post, "/v1/logins/\(login.id)/check")
                if answer?.status == .ok, answer?.json["works"]?.boolValue == true {
                    state.withLock { $0.isServed = true }
                } else {
                    try? await sleep(for: .milliseconds(200))
                }
            }
        }
    }

    // MARK: The caller goes

    private func hangUp(
        _ site: Site, _ login: KnownLogin, _ gateway: String, _ calls: HTTPCaller
    ) async throws -> (wasEarly: Bool, isStored: Bool) {
        guard let address = HTTPURL(gateway)?.authority, let server = SocketAddress(parsing: address),
            let key = calls.key, let before = try await site.rows().first(where: { $0.id == login.id })
        else { throw ProcessError("\(gateway) is no address") }
        let settled = try await site.kick.counters().settled
        try await site.kick.holdAnswers(1, milliseconds: 1000)
        try await site.database.execute(
            """
            UPDATE logins SET access_expires_at = now(), refresh_due_at = now() + interval '1 day'
            WHERE id = \(login.id)
            """)
        let stream = try await ByteStream.connect(to: server, deadline: .after(.seconds(5)))
        let request = """
            POST /v1/logins/\(login.id)/check HTTP/1.1\r
            Host: \(address)\r
            Authorization: Bearer \(key)\r
            Content-Length: 0\r
            \r

            """
        try await stream.write(Array(request.utf8), deadline: .after(.seconds(5)))
        try await until("Kick has rotated", within: .seconds(30), every: .milliseconds(5)) {
            try await site.kick.counters().settled == settled + 1
        }
        stream.close()
        let wasEarly = try await site.kick.counters().requests == 1
        try await until("the pair is stored", within: .seconds(30)) {
            try await site.rows().contains { $0.id == login.id && $0.generation == before.generation + 1 }
        }
        let (status, json) = try await calls.answer(.post, "/v1/logins/\(login.id)/check")
        return (wasEarly, status == .ok && json["works"]?.boolValue == true)
    }

    private func makeKey(_ site: Site, _ gateway: String) async throws -> String {
        let admin = HTTPCaller(client: workshop.client, base: gateway, key: site.adminKey)
        let answer = try await admin.json(.post, "/admin/v1/tenants/\(site.tenant.id)/keys", ["name": "chaos"])
        guard let secret = answer["secret"]?.stringValue else { throw ProcessError("there is no API key") }
        return secret
    }
}
