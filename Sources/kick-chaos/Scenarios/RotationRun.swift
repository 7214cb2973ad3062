import HTTP
import Net
import Postgres
import ProcessKit
import Sandbox

/// The key at rest is rotated, several times, while logins with short tokens refresh on several replicas.
struct RotationRun: Sendable {
    let workshop: Workshop
    let server: DatabaseServer

    private var options: Options { workshop.options }

    func run() async throws -> Outcome {
        let (count, size, life) = (options.replicas ?? 2, options.logins ?? 2000, options.tokenSeconds)
        // The mode that forgives nothing: a pair that is not stored is a login that is lost.
        let site = try await Site.make("rotation", workshop, server) { policy in
            policy.refreshMode = .singleUse
            policy.accessTokenSeconds = life
        }
        // Spread over the whole life, so that refreshes never pause.
        let logins = try await site.makeLogins(size, tokenSeconds: life) {
            .seconds(life) * Double.random(in: 0...0.85)
        }
        let fleet = try await Fleet.start(
            count, on: site, settings: ["GATEWAY_REFRESH_RATE": String(options.refreshRate)])
        var calls = HTTPCaller(
            client: workshop.client, base: "http://\(try await fleet.replicas[0].untilListening())")
        calls.key = site.adminKey
        try await untilRefreshed(site, size)

        var outcome = Outcome()
        var table = Outcome.Table(columns: [
            "#Rotation", "#until no row was under the old key", "#refreshes meanwhile", "deleted at once",
            "deleted then",
        ])
        for number in 1...(options.times ?? 3) {
            let old = try await writingKey(calls)
            let (begin, before) = (Deadline.now(), try await site.kick.counters().refreshes)
            try await calls.json(.post, "/admin/v1/encryption-keys/rotate")
            let early = try await calls.answer(.delete, "/admin/v1/encryption-keys/\(old)").status
            try await until("rotation \(number): nothing under the old key", within: .seconds(180)) {
                try await uses(of: old, calls) == 0
            }
            let seconds = (Deadline.now() - begin) / .seconds(1)
            let refreshes = try await site.kick.counters().refreshes - before
            let late = try await calls.answer(.delete, "/admin/v1/encryption-keys/\(old)").status
            say("rotation \(number): \(seconds.text(1)) s, \(refreshes) refreshes meanwhile")
            table.rows.append([
                "\(number)", "\(seconds.text(1)) s", refreshes.grouped, "\(early.code)", "\(late.code)",
            ])
            outcome.expect(early == .conflict, "rotation \(number): a key in use is not deleted", broken: "\(early)")
            outcome.expect(late == .ok, "rotation \(number): the old key is deleted then", broken: "\(late)")
            // All logins again, so that whoever still has the old key at hand shows it.
            try await untilRefreshed(site, size)
        }
        let newest = try await writingKey(calls)
        let strangers = try await site.count(
            where: """
                access_token_key_id <> \(newest) OR refresh_token_key_id <> \(newest)
                    OR previous_refresh_token_key_id <> \(newest)
                """)
        try await site.kick.setTokenLife(seconds: 3600)
        try await until("all logins at rest", within: .seconds(60)) {
            try await site.count(
                where: "state = 'connected' AND refresh_due_at < now() + interval '60 seconds'") == 0
        }
        let unusable = try await site.unusable(logins)
        let connected = try await site.count(where: "state = 'connected'")
        let counters = try await site.kick.counters()
        try await fleet.stop()
        let findings = try await fleet.findings()
        await site.close()

        outcome.tables = [table]
        outcome.notes = [
            "\(count) replicas, \(size.grouped) logins with \(life) s tokens in the strict single-use mode, "
                + "\(counters.refreshes.grouped) refreshes in all."
        ]
        outcome.expect(strangers == 0, "in the end every row is under the newest key", broken: "\(strangers) are not")
        outcome.expect(
            findings.errors == 0 && findings.warnings == 0, "no error and no warning in the gateways' logs",
            broken: findings.summary)
        outcome.expect(
            connected == size && unusable.isEmpty && counters.refused == 0,
            "no login lost: all are connected, and Kick takes their tokens",
            broken: "\(connected) connected, \(unusable.count) of them unusable, \(counters.refused) refused")
        outcome.expect(counters.greatestInFlight == 1, "at most one refresh of a login at once")
        return outcome
    }

    /// Waits until every login has been refreshed once more.
    private func untilRefreshed(_ site: Site, _ size: Int) async throws {
        let before = Dictionary(uniqueKeysWithValues: try await site.rows().map { ($0.id, $0.generation) })
        try await until("every login refreshed again", within: .seconds(120), every: .milliseconds(500)) {
            try await site.rows().allSatisfy { $0.generation > before[$0.id] ?? 0 }
        }
    }

    private func writingKey(_ calls: HTTPCaller) async throws -> String {
        let keys = try await calls.json(.get, "/admin/v1/encryption-keys")["keys"]?.arrayValue ?? []
        guard let id = keys.first(where: { $0["writes"]?.boolValue == true })?["id"]?.stringValue else {
            throw ProcessError("no encryption key writes")
        }
        return id
    }

    /// Values that are sealed under a key.
    private func uses(of key: String, _ calls: HTTPCaller) async throws -> Int {
        let keys = try await calls.json(.get, "/admin/v1/encryption-keys")["keys"]?.arrayValue ?? []
        let uses = keys.first { $0["id"]?.stringValue == key }?["uses"]?.arrayValue ?? []
        return uses.reduce(0) { $0 + ($1["count"]?.integerValue ?? 0) }
    }
}
