import Model
import Net
import ProcessKit
import Store

/// Reading the log of the largest tenant, as streams and pages do.
struct ReadRows {
    let stage: LogStage
    let count: Int

    private var tenant: LogPlan.Tenant { stage.plan.largest }
    private var last: Int64 { tenant.events }
    /// The one with least events.
    private var smallBroadcaster: Int64 { tenant.broadcaster(tenant.broadcasters - 1) }

    func measure() async throws -> [Row] {
        try await resuming() + filtered() + single()
    }

    private func resuming() async throws -> [Row] {
        [
            try await resume("resume-end", "resume 100 events behind") { last - 100 - .random(in: 0..<50) },
            try await resume("resume-middle", "resume in the middle") { .random(in: last / 4..<last * 3 / 4) },
            try await resume("resume-start", "resume at the oldest event") { .random(in: 0..<last / 100) },
            try await stage.row(
                "resume-any", "resume 100 events behind, any tenant", unit: "page", count: count
            ) { index in
                let tenant = stage.plan.tenants[index % stage.plan.tenants.count]
                let slice = try await stage.log.slice(
                    after: tenant.events - 100, limits: EventSliceLimits(count: HistoryRows.page), in: tenant.id)
                guard slice.events.count == HistoryRows.page else { throw ProcessError("resume-any: too few events") }
            },
            try await stage.row("catch-up", "catch up 1,000 events", unit: "reader", count: count / 2) { _ in
                let found = try await catchUp(from: last - 1000)
                guard found == 1000 else { throw ProcessError("catch-up: too few events, or too many") }
            },
        ]
    }

    /// Reads to the end; the number of events.
    private func catchUp(from cursor: Int64) async throws -> Int {
        var position = cursor
        var found = 0
        while true {
            let slice = try await stage.log.slice(
                after: position, limits: EventSliceLimits(count: 200), in: tenant.id)
            found += slice.events.count
            position = slice.end
            if !slice.hasMore { return found }
        }
    }

    private func resume(_ name: String, _ title: String, from cursor: () -> Int64) async throws -> Row {
        try await stage.row(name, title, unit: "page", count: count) { _ in
            let slice = try await stage.log.slice(
                after: cursor(), limits: EventSliceLimits(count: HistoryRows.page), in: tenant.id)
            guard slice.events.count == HistoryRows.page else { throw ProcessError("\(name): too few events") }
        }
    }

    /// From a cursor in the first tenth of the log, so that there is a million events to pass by.
    private func filtered() async throws -> [Row] {
        let rare: EventTypes = ["gateway.login.recovered"]
        let gifts: EventTypes = ["channel.subscription.gifts"]
        let alerts: EventTypes = [
            "channel.followed", "channel.subscription.new", "channel.subscription.gifts", "kicks.gifted",
        ]
        let subscriptions = EventTypes(names: [], prefixes: ["channel.subscription."])
        return [
            try await page("type", "type: 1 event in 100,000", EventFilter(types: rare)),
            try await page("types", "types: four of the usual ones", EventFilter(types: alerts)),
            try await page("wildcard", "types: `channel.subscription.*`", EventFilter(types: subscriptions)),
            try await page("broadcaster", "one broadcaster", EventFilter(broadcasters: [smallBroadcaster])),
            try await page(
                "both", "one broadcaster's gifts", EventFilter(types: gifts, broadcasters: [smallBroadcaster])),
            try await page(
                "none", "one broadcaster, a type that it has not",
                EventFilter(types: ["livestream.unheard.of"], broadcasters: [smallBroadcaster])),
            try await page(
                "chat", "one broadcaster's chat",
                EventFilter(types: ["chat.message.sent"], broadcasters: [smallBroadcaster])),
            try await times(),
        ]
    }

    private func page(_ name: String, _ title: String, _ filter: EventFilter) async throws -> Row {
        var found = 0
        var row = try await stage.row(name, title, unit: "page", count: count / 2) { _ in
            found = try await page(after: .random(in: 0..<last / 10), filter)
        }
        row.notes.append("\(found) events")
        return row
    }

    /// Reads on until the page is full or the log ends; the number of events.
    private func page(after cursor: Int64, _ filter: EventFilter) async throws -> Int {
        var position = cursor
        var found = 0
        while found < HistoryRows.page {
            let slice = try await stage.log.slice(
                after: position, limits: EventSliceLimits(count: HistoryRows.page - found), filter: filter,
                hidesDuplicates: true, in: tenant.id)
            found += slice.events.count
            position = slice.end
            if !slice.hasMore { break }
        }
        return found
    }

    private func times() async throws -> Row {
        try await stage.row("time", "a page of a time, 1 hour long", unit: "page", count: count / 2) { _ in
            let since = Timestamp.now() - .seconds(.random(in: 86_400..<28 * 86_400))
            let span = EventSpan(since: since, until: since + .seconds(3600))
            let bounds = try await stage.log.bounds(of: span, after: 0, in: tenant.id)
            let slice = try await stage.log.slice(
                after: (bounds.first ?? 1) - 1, limits: EventSliceLimits(count: HistoryRows.page), span: span,
                in: tenant.id)
            let isRight = slice.events.allSatisfy { $0.receivedAt >= since && $0.receivedAt < since + .seconds(3600) }
            guard isRight, !slice.events.isEmpty else { throw ProcessError("time: wrong events, or none") }
        }
    }

    private func single() async throws -> [Row] {
        let all = stage.plan.tenants.map(\.id)
        return [
            try await stage.row("single", "one event by its cursor", unit: "event", count: count) { _ in
                let event = try await stage.log.event(at: .random(in: 1...last), in: tenant.id)
                guard event != nil else { throw ProcessError("an event is missing") }
            },
            try await stage.row("poll", "the slow poll, 200 tenants", unit: "poll", count: count) { _ in
                _ = try await stage.log.lastSequences(of: all)
            },
        ]
    }
}
