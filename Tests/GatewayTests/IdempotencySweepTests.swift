import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@testable import Gateway

@Suite("IdempotencySweep", .timeLimit(.minutes(1)))
struct IdempotencySweepTests {
    @Test("records that are over go in the background, also when they are many; the others stay")
    func sweep() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.database.execute(
                """
                INSERT INTO idempotency_records (id, tenant_id, key_hash, fingerprint, lease_until, expires_at)
                SELECT 'idem_' || n, \(tenant.id), n::text::bytea, '', now(),
                    now() + CASE WHEN n <= 2500 THEN interval '-1 second' ELSE interval '1 hour' END
                FROM generate_series(1, 2600) AS n
                """)
            let sweep = IdempotencySweep(
                store: IdempotencyStore(database: fixture.database, vault: fixture.vault))
            let task = fixture.loops.next().spawn { await sweep.run() }
            try await until {
                let rows = try await fixture.database.query("SELECT count(*) AS count FROM idempotency_records")
                return try rows[0]["count", as: Int.self] == 100
            }
            task.cancel()
            await task.value
        }
    }
}
