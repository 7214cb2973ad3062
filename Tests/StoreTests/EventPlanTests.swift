import Foundation
import Model
import Net
import Postgres
import Store
import TestKit
import Testing

/// How the log is looked up, whatever its size: every plan of the statements that the store really sends, as the server's
/// auto_explain tells them.
@Suite("EventLog: plans", .timeLimit(.minutes(2)))
struct EventPlanTests {
    private static let byNumber = "pkey"
    private static let byType = "tenant_id_type_expr_idx"
    private static let byBroadcaster = "tenant_id_broadcaster_user_id_expr_idx"
    private static let byMessage = "tenant_id_message_id_idx"
    private static let byFingerprint = "tenant_id_fingerprint_seq_idx"

    @Test("no statement reads a partition from end to end, and each uses the index that is meant for it")
    func indices() async throws {
        try await Self.run { tenant, fixture, plans in
            let log = plans.log
            func slice(_ filter: EventFilter, span: EventSpan = .all) -> @Sendable () async throws -> Void {
                {
                    _ = try await log.slice(
                        after: 10, limits: EventSliceLimits(count: 5), filter: filter, span: span,
                        hidesDuplicates: true,
                        in: tenant.id)
                }
            }
            let dayAgo = Timestamp.now() - .seconds(86_400)
            let wildcard = EventTypes(names: ["a.b"], prefixes: ["channel.subscription."])
            let span = EventSpan(since: dayAgo, until: .now())

            // Reading.
            try await plans.expect([Self.byNumber], "everything", slice(.everything))
            try await plans.expect([Self.byNumber], "a time", slice(.everything, span: span))
            try await plans.expect([Self.byType], "a type", slice(EventFilter(types: ["channel.followed"])))
            try await plans.expect([Self.byType], "types", slice(EventFilter(types: ["a", "chat.message.sent"])))
            try await plans.expect([Self.byType], "a wildcard", slice(EventFilter(types: wildcard)))
            try await plans.expect([Self.byType], "a type in a time", slice(EventFilter(types: ["a"]), span: span))
            try await plans.expect([Self.byBroadcaster], "broadcasters", slice(EventFilter(broadcasters: [1, 2])))
            try await plans.expect([Self.byType], "both", slice(EventFilter(types: ["a", "b"], broadcasters: [1, 2])))
            try await plans.expect([Self.byType], "both, wild", slice(EventFilter(types: wildcard, broadcasters: [1])))
            try await plans.expect(
                [Self.byBroadcaster], "chat of one",
                slice(EventFilter(types: ["chat.message.sent"], broadcasters: [1])))
            try await plans.expect([Self.byNumber], "the bounds of a time") {
                _ = try await log.bounds(of: span, after: 3, in: tenant.id)
            }
            try await plans.expect([Self.byNumber], "one event") { _ = try await log.event(at: 7, in: tenant.id) }
            try await plans.expect([], "the state of logs") {
                _ = try await log.lastSequences(of: [tenant.id])
                _ = try await log.position(in: tenant.id)
            }

            // Writing.
            try await plans.expect([Self.byMessage, Self.byFingerprint], "an append") {
                let sameness = IncomingEvent.Sameness(
                    fingerprint: [1, 2, 3], window: .seconds(60), throughAnotherSubscription: true)
                let events = ["m1", "m2"].map {
                    fixture.incoming($0, app: tenant.appID, broadcaster: 1, sameness: sameness)
                }
                let result = try await log.append(events)
                #expect(result.appended.count == 2)
            }
            try await plans.expect([Self.byNumber], "a replay") {
                _ = try await log.replay(ReplaySelection(range: 1...9), limit: 3, in: tenant.id)
            }
            try await plans.expect([Self.byType], "a replay of types") {
                let selection = ReplaySelection(range: 1...9, filter: EventFilter(types: ["a"]))
                _ = try await log.replay(selection, limit: 3, in: tenant.id)
            }
            try await plans.expect([], "an event of the gateway's own, and a made-up one") {
                try await plans.database.transaction { transaction in
                    try await EventLog.append(fixture.event("gateway.test"), in: tenant.id, transaction: transaction)
                }
                _ = try await log.appendTest(type: "a", broadcasterUserID: 1, body: [], in: tenant.id)
            }

            // Retention.
            try await plans.expect([], "partitions for days to come") { _ = try await log.keepPartitions() }
            try await log.keep(.seconds(2 * 86_400), in: tenant.id)
            try await plans.expect([Self.byNumber], "a tenant's shorter time") {
                let removed = try await log.removeExpired(limit: 10)
                #expect(removed == 10)
            }
            try await plans.expect([Self.byNumber], "the end of a day") {
                let dropped = try await log.dropPartitions(olderThan: .seconds(3 * 86_400))
                #expect(dropped == 1)
            }
        }
    }

    @Test("a look-up of duplicates leaves out the partitions of other days")
    func pruning() async throws {
        try await Self.run { tenant, fixture, plans in
            let sameness = IncomingEvent.Sameness(
                fingerprint: [1, 2, 3], window: .seconds(60), throughAnotherSubscription: false)
            let event = fixture.incoming("m", app: tenant.appID, broadcaster: 1, sameness: sameness)
            let plan = try await plans.plans { _ = try await plans.log.append([event], memory: .seconds(86_400)) }
            // Of the days before and to come: today, a day back for what is remembered, and a day for the clock.
            #expect(plan.matches(of: /_message_id_idx on events_/).count <= 3)
            #expect(plan.matches(of: /_fingerprint_seq_idx on events_/).count <= 3)
        }
    }

    /// A server of its own that logs plans, and a log of some thousand events in four days.
    private static func run(
        _ body: @escaping @Sendable (Tenant, StoreFixture, Plans) async throws -> Void
    ) async throws {
        let cluster = try await TestCluster.make()
        try await StoreFixture.run(on: cluster) { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            // The server's own look at the tables, whenever it comes, would change what plans are made from; so would a
            // day that has hardly any events because the test runs at a certain hour: the last one was at midnight.
            try await fixture.testDatabase.psql("ALTER SYSTEM SET autovacuum = off")
            try await fixture.testDatabase.psql("SELECT pg_reload_conf()")
            try await fixture.testDatabase.psql(
                """
                SELECT keep_event_partitions((now() AT TIME ZONE 'UTC')::date - 4, (now() AT TIME ZONE 'UTC')::date);
                INSERT INTO events (
                    tenant_id, seq, logged_at, message_id, type, version, broadcaster_user_id, subscription_id, sent_at,
                    received_at, fingerprint, body)
                SELECT '\(tenant.id.text)', seq,
                    date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - (8001 - seq) * interval '43 s', 'm-' || seq,
                    CASE WHEN seq % 10 > 0 THEN 'chat.message.sent' WHEN seq % 20 = 0 THEN 'channel.followed'
                        ELSE 'channel.subscription.new' END,
                    '1', seq % 3, '', now(), now(), decode(md5(seq::text), 'hex'), 'x'
                FROM generate_series(1, 8000) AS seq;
                UPDATE event_logs SET last_seq = 8000;
                """)
            // Empty partitions too: what is planned for them must hold when they fill.
            try await fixture.testDatabase.psql("VACUUM (ANALYZE) events")
            let plans = try await Plans(fixture)
            try await body(tenant, fixture, plans)
            await plans.database.shutdown(within: .seconds(5))
        }
    }

    /// A database whose server logs the plan of whatever runs.
    private struct Plans: Sendable {
        let database: Database
        let log: EventLog
        private let logFile: String

        init(_ fixture: StoreFixture) async throws {
            let name = fixture.testDatabase.name
            for (setting, value) in [
                ("session_preload_libraries", "'auto_explain'"), ("auto_explain.log_min_duration", "0"),
                ("auto_explain.log_nested_statements", "on"),
            ] {
                try await fixture.testDatabase.psql(
                    "LOAD 'auto_explain'; ALTER DATABASE \(name) SET \(setting) = \(value)")
            }
            database = Database(
                options: try ConnectionOptions(fixture.testDatabase.connectionString), loops: fixture.loops)
            log = EventLog(database: database)
            logFile = fixture.testDatabase.cluster.directory + "/postgres/postgres.log"
        }

        /// The plans of what `body` runs.
        func plans(of body: () async throws -> Void) async throws -> String {
            let (begin, end) = ("'plans begin \(UUID())'", "'plans end \(UUID())'")
            _ = try await database.query(Query(unescaped: "SELECT \(begin)"))
            try await body()
            _ = try await database.query(Query(unescaped: "SELECT \(end)"))
            var text = Substring()
            await until {
                let all = ["\(logFile).1", logFile].map { path in
                    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
                }.joined()
                guard let last = all.range(of: end), let first = all.range(of: begin) else { return false }
                text = all[first.upperBound..<last.lowerBound]
                return true
            }
            return String(text)
        }

        /// Checks that `body` reads partitions by these indices, and in no other way.
        func expect(_ indices: Set<String>, _ what: Comment, _ body: () async throws -> Void) async throws {
            let plan = try await plans(of: body)
            var used: Set<String> = []
            for match in plan.matches(of: /Index (?:Only )?Scan (?:Backward )?(?:using|on) events_\d+_(\w+)/) {
                used.insert(String(match.output.1))
            }
            let withoutIndex = plan.matches(of: /(?:Seq|Tid|Tid Range) Scan on events_\d+/).map(\.output)
            #expect(used == indices, what)
            #expect(withoutIndex.isEmpty, what)
            // What an index is for is its condition, not something to be thrown away afterwards.
            for match in plan.matches(of: /Filter: .*/) {
                #expect(!match.output.contains(/\b(?:seq|message_id|fingerprint) [=<>]/), what)
            }
        }
    }
}
