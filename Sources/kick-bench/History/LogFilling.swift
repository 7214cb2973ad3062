import Model
import Postgres
import ProcessKit

/// Fills the logs of a plan by SQL, day by day. Nine of ten events are chat, the rarest type is one in 100,000. A tenant's
/// broadcasters are of very different size.
struct LogFilling: Sendable {
    let plan: LogPlan
    let app: AppID
    let database: Database

    /// Tenants, logins and empty logs.
    func makeTenants() async throws {
        let ids = plan.tenants.map(\.id.text)
        _ = try await database.pipeline([
            "INSERT INTO encryption_keys (id) VALUES ('b1')",
            // A secret that nobody opens: the version, the length of the key's id, the key's id.
            """
            INSERT INTO apps (id, name, client_id, client_secret_sealed)
            VALUES (\(app), 'bench', 'bench', '\\x01026231'::bytea)
            """,
            "INSERT INTO tenants (id, name, app_id) SELECT id, id, \(app) FROM unnest(\(ids)) AS plan (id)",
            "INSERT INTO event_logs (tenant_id, epoch) SELECT id, 1700000000 FROM unnest(\(ids)) AS plan (id)",
            """
            INSERT INTO logins (id, tenant_id, app_id, kick_user_id, username, state, scopes)
            SELECT 'login_' || number || '_' || broadcaster, id, \(app), number * 1000 + broadcaster, 'user', 'connected',
                '{events:subscribe}'
            FROM unnest(\(ids), \(plan.tenants.map(\.number)), \(plan.tenants.map(\.broadcasters)))
                AS plan (id, number, broadcasters)
            CROSS JOIN generate_series(0, broadcasters - 1) AS broadcaster
            """,
        ])
    }

    /// All events, in partitions that get their indices as days that are over have them.
    func fill(_ progress: @Sendable (_ day: Int) -> Void) async throws {
        for day in 0..<LogPlan.days {
            try await fill(day)
            progress(day + 1)
        }
        try await database.execute(
            """
            UPDATE event_logs SET last_seq = events
            FROM unnest(\(plan.tenants.map(\.id.text)), \(plan.tenants.map(\.events))) AS plan (id, events)
            WHERE tenant_id = id
            """)
        // As autovacuum leaves them; it would be at it while something is measured.
        for table in ["events", "event_logs", "logins"] {
            try await database.execute("VACUUM (ANALYZE) \(identifier: table)")
        }
        try await database.execute("CHECKPOINT")
    }

    private func fill(_ day: Int) async throws {
        let age = Int64(LogPlan.days - 1 - day)
        let row = try await database.query(
            """
            SELECT to_char((now() AT TIME ZONE 'UTC')::date - \(age)::integer, 'YYYYMMDD') AS day
            """
        ).first
        let name = "events_" + (try row?["day", as: String.self] ?? "")
        let isToday = age == 0
        if !isToday {
            try await database.execute("DROP TABLE IF EXISTS \(identifier: name)")
            try await database.execute(
                "CREATE TABLE \(identifier: name) (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        }
        try await insert(into: name, day: Int64(day), age: age)
        guard !isToday else { return }
        try await database.execute(
            """
            DO $$ BEGIN EXECUTE format(
                'ALTER TABLE events ATTACH PARTITION \(unescaped: name) FOR VALUES FROM (%L) TO (%L)',
                date_trunc('day', now()) - interval '\(unescaped: "\(age)") days',
                date_trunc('day', now()) - interval '\(unescaped: "\(age - 1)") days');
            END $$
            """)
    }

    private func insert(into table: String, day: Int64, age: Int64) async throws {
        let days = Int64(LogPlan.days)
        try await database.execute(
            """
            INSERT INTO \(identifier: table) (
                tenant_id, seq, logged_at, message_id, type, version, broadcaster_user_id, subscription_id, sent_at,
                received_at, fingerprint, body)
            SELECT id, seq, time, '01' || upper(left(md5('m' || number || '.' || seq), 24)),
                CASE
                    WHEN bits & 1048575 < 943718 THEN 'chat.message.sent'
                    WHEN bits & 1048575 < 985661 THEN 'channel.followed'
                    WHEN bits & 1048575 < 1006632 THEN 'channel.reward.redemption.updated'
                    WHEN bits & 1048575 < 1017118 THEN 'channel.subscription.new'
                    WHEN bits & 1048575 < 1027604 THEN 'channel.subscription.renewal'
                    WHEN bits & 1048575 < 1032847 THEN 'channel.subscription.gifts'
                    WHEN bits & 1048575 < 1038090 THEN 'livestream.metadata.updated'
                    WHEN bits & 1048575 < 1044381 THEN 'moderation.banned'
                    WHEN bits & 1048575 < 1047527 THEN 'kicks.gifted'
                    WHEN bits & 1048575 < 1048565 THEN 'livestream.status.updated'
                    ELSE 'gateway.login.recovered'
                END,
                '1', number * 1000 + floor(broadcasters * power((bits >> 20 & 1048575) / 1048576.0::float8, 3)),
                '01BENCHSUBSCRIPTION0000000', time, time, decode(md5('f' || number || '.' || seq), 'hex'),
                convert_to(
                    rpad('{"message_id":"' || md5('b' || seq) || '","content":"', 598, md5('c' || seq)) || '"}', 'UTF8')
            FROM (
                SELECT id, number, broadcasters, seq, hashint8extended(seq, number) AS bits,
                    begins + (seq - low)::float8 / (high - low) * (ends - begins) AS time
                FROM (
                    SELECT id, number, broadcasters, events * \(day) / \(days) AS low,
                        events * (\(day) + 1) / \(days) AS high,
                        date_trunc('day', now()) - \(age) * interval '1 day' AS begins,
                        least(date_trunc('day', now()) - (\(age) - 1) * interval '1 day', now()) - interval '1 ms' AS ends
                    FROM unnest(
                        \(plan.tenants.map(\.id.text)), \(plan.tenants.map(\.number)), \(plan.tenants.map(\.events)),
                        \(plan.tenants.map(\.broadcasters))
                    ) AS plan (id, number, events, broadcasters)
                ) AS days
                CROSS JOIN LATERAL generate_series(low + 1, high) AS seq
            ) AS made
            ORDER BY time
            """)
    }
}
