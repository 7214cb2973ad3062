import Model
package import Postgres

/// Drops claims. They name no broadcaster: they belong to an app, and so to the tenant that uses it.
extension EventLog {
    /// Puts claims into the log of the tenant that uses their app, in one transaction. When several tenants use an app, its
    /// claims are nobody's: none of them may see what another's campaign brings (P14).
    ///
    /// A message that the tenant has already is not stored again; the same claim under another message id is, and says which
    /// event it repeats (P9).
    package func append(
        claims: [IncomingEvent], memory: Duration = .seconds(7 * 86_400)
    ) async throws(DatabaseError) -> AppendResult {
        let results = try await database.pipeline([Self.lock(claims), insert(claims, memory: memory)])
        var appended: [AppendedEvent] = []
        var wanted: Set<Int> = []
        for row in results[1] {
            let index = Int(try row["position", as: Int64.self]) - 1
            wanted.insert(index)
            guard let sequence = try row["seq", as: Int64?.self] else { continue }
            appended.append(
                AppendedEvent(
                    tenant: try row["tenant_id", as: TenantID.self],
                    cursor: EventCursor(epoch: try row["epoch", as: Int64.self], sequence: sequence), index: index,
                    duplicateOf: try row["duplicate_of", as: Int64?.self]))
        }
        return AppendResult(appended: appended, wanted: wanted, recognized: wanted)
    }

    /// Locks the counter rows as an append of webhooks does, in the same order.
    private static func lock(_ claims: [IncomingEvent]) -> Query {
        """
        SELECT set_config('gateway.locked', coalesce(string_agg(tenant_id, ' '), ''), true) FROM (
            SELECT tenant_id FROM event_logs
            WHERE tenant_id IN (
                SELECT min(id) FROM tenants WHERE app_id = ANY (\(claims.map(\.app.text)))
                GROUP BY app_id HAVING count(*) = 1
            )
            ORDER BY tenant_id
            FOR NO KEY UPDATE
        ) AS locked
        """
    }

    private func insert(_ claims: [IncomingEvent], memory: Duration) -> Query {
        let longest = claims.compactMap { $0.sameness?.window }.max() ?? .zero
        return """
            WITH incoming AS (
                SELECT * FROM unnest(
                    \(claims.map(\.app.text))::text[], \(claims.map(\.messageID))::text[], \(claims.map(\.type))::text[],
                    \(claims.map(\.version))::text[], \(claims.map(\.sentAt))::timestamptz[],
                    \(claims.map(\.receivedAt))::timestamptz[], \(claims.map(\.body))::bytea[],
                    \(claims.map { $0.sameness?.fingerprint ?? [] })::bytea[],
                    \(claims.map { $0.sameness.map { Int64($0.window / .milliseconds(1)) } ?? 0 })::bigint[]
                ) WITH ORDINALITY AS incoming (
                    app_id, message_id, type, version, sent_at, received_at, body, fingerprint, window_ms, position)
            ), owned AS (
                SELECT DISTINCT ON (tenants.id, incoming.message_id)
                    tenants.id AS tenant_id, incoming.*,
                    \(Self.isKnown("incoming", of: "tenants.id", memory: memory)) AS is_known
                FROM incoming
                JOIN tenants ON tenants.app_id = incoming.app_id
                WHERE tenants.id = ANY (string_to_array(current_setting('gateway.locked'), ' '))
                    -- Another tenant may have come to the app since.
                    AND NOT EXISTS (
                        SELECT FROM tenants AS others WHERE others.app_id = incoming.app_id AND others.id <> tenants.id)
                ORDER BY tenants.id, incoming.message_id, incoming.position
            ), numbered AS (
                SELECT owned.*, event_logs.epoch,
                    event_logs.last_seq + row_number() OVER (PARTITION BY owned.tenant_id ORDER BY owned.position) AS seq
                FROM owned
                JOIN event_logs USING (tenant_id)
                WHERE NOT owned.is_known
            ), compared AS (
                SELECT numbered.*, min(seq) OVER (PARTITION BY tenant_id, fingerprint) AS same_seq
                FROM numbered
            ), marked AS (
                SELECT compared.*,
                    CASE WHEN length(fingerprint) > 0 THEN coalesce(
                        \(Self.firstOfFact("compared", longest: longest)),
                        nullif(same_seq, seq)
                    ) END AS duplicate_of
                FROM compared
            ), inserted AS (
                INSERT INTO events (
                    tenant_id, seq, message_id, type, version, broadcaster_user_id, subscription_id, sent_at,
                    received_at, fingerprint, duplicate_of, body)
                SELECT tenant_id, seq, message_id, type, version, 0, '', sent_at, received_at, nullif(fingerprint, ''),
                    duplicate_of, body
                FROM marked
            ), advanced AS (
                UPDATE event_logs SET last_seq = ends.seq
                FROM (SELECT tenant_id, max(seq) AS seq FROM marked GROUP BY tenant_id) AS ends
                WHERE event_logs.tenant_id = ends.tenant_id
                RETURNING pg_notify(
                    \(Self.channel), event_logs.tenant_id || ' ' || event_logs.last_seq || ' ' || \(replica))
            )
            SELECT owned.tenant_id, owned.position, marked.epoch, marked.seq, marked.duplicate_of,
                (SELECT count(*) FROM advanced) AS announced
            FROM owned
            LEFT JOIN marked ON marked.tenant_id = owned.tenant_id AND marked.position = owned.position
            ORDER BY owned.tenant_id, marked.seq
            """
    }
}
