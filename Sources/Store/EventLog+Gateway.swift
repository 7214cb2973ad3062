import Crypto
package import Model
package import Postgres

/// Events of the gateway's own making.
extension EventLog {
    /// What stands for the replica in an announcement that every process has to heed, the one that made it included.
    static let everybody = "-"

    /// Puts an event into the tenant's log as a part of `transaction`: it is there if, and only if, what it tells of has
    /// happened. Streams learn of it by the announcement.
    package static func append(
        _ event: GatewayEvent, in tenant: TenantID, transaction: Transaction
    ) async throws(DatabaseError) {
        try await transaction.execute(
            """
            WITH told AS (SELECT \(tenant) AS tenant_id, true AS announce), \(appending(event, whenToldBy: "told"))
            SELECT count(*) FROM logged
            """)
    }

    /// The same as common table expressions, for a statement that changes something and tells of it at once. To be put
    /// behind a query named `source`, of at most one row, whose column `tenant_id` says whose log it is and `announce`
    /// whether there is anything to tell.
    static func appending(_ event: GatewayEvent, whenToldBy source: String) -> Query {
        let messageID = "gw_" + ULID.make().description
        return """
            advanced AS (
                UPDATE event_logs SET last_seq = last_seq + 1 FROM \(unescaped: source) AS source
                WHERE event_logs.tenant_id = source.tenant_id AND source.announce
                RETURNING event_logs.tenant_id, event_logs.last_seq
            ), logged AS (
                INSERT INTO events (
                    tenant_id, seq, message_id, type, version, broadcaster_user_id, subscription_id, sent_at,
                    received_at, origin, body)
                SELECT tenant_id, last_seq, \(messageID), \(event.type), '1', \(event.broadcasterUserID), '', now(),
                    now(), 'gateway', \(event.body)
                FROM advanced
                RETURNING pg_notify(\(channel), tenant_id || ' ' || seq || ' ' || \(everybody))
            )
            """
    }
}
