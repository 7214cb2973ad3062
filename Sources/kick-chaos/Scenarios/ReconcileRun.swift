import Net
import Postgres
import ProcessKit
import Sandbox

/// What Kick does with subscriptions on its bad days, one after the other: each time Kick comes to have exactly what is
/// wanted, and is asked no more than that takes.
struct ReconcileRun: Sendable {
    let workshop: Workshop
    let server: DatabaseServer

    private var options: Options { workshop.options }

    /// Kick forgets, and the gateway waits, so many times faster than they do.
    static let speed = 60
    private static let patience = Duration.seconds(120)

    func run() async throws -> Outcome {
        let (count, broadcasters) = (options.replicas ?? 2, options.logins ?? 50)
        var outcome = Outcome()
        var table = Outcome.Table(columns: [
            "Kick's fault", "#s until Kick had what is wanted", "#asked for", "#of them needed", "#made", "#deleted",
            "#requests: create, list, delete",
        ])
        for trial in Trial.all(broadcasters) {
            say("reconcile: \(trial.name)")
            let finding = try await conduct(trial, replicas: count, broadcasters: broadcasters)
            table.rows.append([
                trial.name, finding.seconds.map { $0.text(1) } ?? "never", finding.asked.grouped,
                finding.needed.grouped, finding.kick.created.grouped, finding.kick.deleted.grouped,
                "\(finding.kick.creates.grouped), \(finding.kick.lists.grouped), \(finding.kick.deletes.grouped)",
            ])
            outcome.expect(
                finding.seconds != nil, "\(trial.name): Kick has exactly what is wanted, and the gateway knows it",
                broken: finding.kick.text)
            outcome.expect(
                finding.asked <= finding.needed + trial.slack && finding.isQuiet,
                "\(trial.name): Kick was asked for what was missing, and for nothing after that",
                broken: "\(finding.asked) for \(finding.needed); \(finding.isQuiet ? "quiet" : "not quiet") in the end")
        }
        outcome.tables = [table]
        outcome.notes = [
            "\(count) replicas, \(broadcasters) broadcasters with \(KickTruth.types) types each. Kick's delays and the gateway's "
                + "patience are \(Self.speed) times shorter than in reality. Needed is what is wanted and was not there: at first, "
                + "after a loss, and again for each phantom and each error inside a 200."
        ]
        return outcome
    }

    private struct Finding: Sendable {
        var seconds: Double?
        /// Types that Kick was asked for, one broadcaster's each, as the gateway counts them.
        var asked = 0
        var needed = 0
        var kick = KickTruth()
        /// Whether nothing more was asked for while nothing was the matter.
        var isQuiet = false
    }

    private func conduct(_ trial: Trial, replicas: Int, broadcasters: Int) async throws -> Finding {
        let site = try await Site.make("reconcile_\(trial.id)", workshop, server) { _ in }
        try await site.kick.setSubscriptionPolicy(trial.policy)
        let fleet = try await Fleet.start(
            replicas, on: site, order: HostedGateway.Order(speed: Self.speed),
            settings: ["GATEWAY_LOG_LEVEL": "notice"])
        var begin = Deadline.now()
        var finding = Finding()
        let all = broadcasters * KickTruth.types
        let logins = try await site.makeLogins(broadcasters, tokenSeconds: 86_400, wantsEvents: true) {
            .seconds(80_000)
        }
        finding.needed = all
        if let act = trial.act {
            guard try await converges(site, trial, trial.wantedAtFirst ?? all) != nil else {
                return try await close(site, fleet, finding)
            }
            let stage = Stage(site: site, logins: logins, gateway: try await fleet.replicas[0].untilListening())
            begin = .now()
            finding.needed += try await act(stage)
        }
        if let end = try await converges(site, trial, trial.wanted ?? all) {
            finding.seconds = (end - begin) / .seconds(1)
            // As long as the gateway would wait before it asks again.
            let asked = try await site.askedSubscriptions()
            try await sleep(for: .seconds(15))
            finding.isQuiet = try await site.askedSubscriptions() == asked
        }
        return try await close(site, fleet, finding)
    }

    private func close(_ site: Site, _ fleet: Fleet, _ finding: Finding) async throws -> Finding {
        var finding = finding
        finding.kick = try await site.kick.subscriptions()
        finding.needed += finding.kick.phantoms + finding.kick.partialErrors
        finding.asked = try await site.askedSubscriptions()
        try await fleet.stop()
        await site.close()
        return finding
    }

    /// When Kick had what is wanted, once each, and the gateway knew it; nil when it did not come about.
    private func converges(_ site: Site, _ trial: Trial, _ wanted: Int) async throws -> Deadline? {
        do {
            try await until("Kick has what is wanted", within: Self.patience, every: .milliseconds(100)) {
                let kick = try await site.kick.subscriptions()
                guard kick.subscriptions == wanted, kick.duplicates == 0 else { return false }
                let states = try await site.subscriptionStates()
                return states["active"] == wanted && (trial.mayBeLimited || states.count == 1)
            }
            return .now()
        } catch let error as ProcessError {
            say(
                "\(trial.name): \(error); \(try await site.kick.subscriptions().text); \(try await site.subscriptionStates())"
            )
            return nil
        }
    }
}

/// What an act of a trial works on.
private struct Stage: Sendable {
    let site: Site
    let logins: [KnownLogin]
    let gateway: SocketAddress
}

/// One fault, and what becomes of it.
private struct Trial: Sendable {
    let id: String
    let name: String
    var policy: JSON = [:]
    /// What happens when everything is in place; how many subscriptions are missing afterwards.
    var act: (@Sendable (Stage) async throws -> Int)?
    /// How many subscriptions there are to be before the act, and in the end; nil: all.
    var wantedAtFirst: Int?
    var wanted: Int?
    var mayBeLimited = false
    /// How many may be asked for in vain.
    var slack = 0

    static func all(_ broadcasters: Int) -> [Trial] {
        let types = KickTruth.types
        // Two replicas with eight reviews at once learn of a limit at the same time, type by type, after each pause.
        let atOnce = 2 * 8 * types
        let (all, part) = (broadcasters * types, broadcasters * 3 / 5)
        return [
            Trial(id: "calm", name: "none"),
            Trial(id: "stale", name: "the list is 3 s old", policy: ["list_delay_seconds": 3]),
            Trial(
                id: "phantom", name: "a fifth of what it makes are phantoms",
                policy: ["phantom_creates": .integer(all / 5)]),
            Trial(
                id: "partial", name: "a fifth fail inside a 200", policy: ["partial_errors": .integer(all / 5)]),
            Trial(id: "doubles", name: "somebody subscribes a second time", policy: ["duplicates": true]) { stage in
                for login in stage.logins { try await stage.site.kick.subscribeAgain(to: Int(login.userID)) }
                return 0
            },
            Trial(id: "lost", name: "a type ends without a word") { stage in
                try await stage.site.kick.dropSubscriptions(["event": "chat.message.sent"])
            },
            Trial(id: "dashboard", name: "webhooks are switched off, and on after 5 s") { stage in
                let before = try await stage.site.kick.subscriptions().subscriptions
                try await stage.site.kick.setWebhooks(isEnabled: false)
                let missing = before - (try await stage.site.kick.subscriptions().subscriptions)
                try await sleep(for: .seconds(5))
                try await stage.site.kick.setWebhooks(isEnabled: true)
                return missing
            },
            Trial(
                id: "unsubscribed", name: "deliveries fail until Kick ends the subscriptions",
                policy: ["auto_unsubscribe_seconds": 1]
            ) { stage in try await stage.site.kick.failDeliveries(to: stage.logins.map { Int($0.userID) }) },
            Trial(
                id: "deletes", name: "half of the wishes end, and 20 deletions do nothing",
                act: { stage in
                    try await stage.site.kick.setSubscriptionPolicy(["ignored_deletes": 20])
                    try await stage.site.wishForNothing(stage.logins.prefix(stage.logins.count / 2).map(\.userID))
                    return 0
                }, wanted: (broadcasters - broadcasters / 2) * types),
            Trial(
                id: "quota", name: "Kick allows too few",
                policy: ["limit_per_type": .integer(part), "unverified_chat_limit": .integer(part)],
                wanted: part * types, mayBeLimited: true, slack: atOnce),
            Trial(
                id: "more", name: "Kick allows too few, and then more",
                policy: ["limit_per_type": .integer(part), "unverified_chat_limit": .integer(part)],
                act: { stage in
                    try await stage.site.kick.setSubscriptionPolicy([
                        "limit_per_type": 10_000, "unverified_chat_limit": 1000,
                    ])
                    return 0
                }, wantedAtFirst: part * types, mayBeLimited: true, slack: atOnce),
            Trial(
                id: "everything", name: "an old list, phantoms and errors at once",
                policy: [
                    "list_delay_seconds": 3, "phantom_creates": .integer(all / 10),
                    "partial_errors": .integer(all / 10), "duplicates": true,
                ]),
        ]
    }
}
