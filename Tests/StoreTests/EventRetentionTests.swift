import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@Suite("EventLog: retention among others", .timeLimit(.minutes(1)))
struct EventRetentionTests {
    @Test("P11 a day that somebody reads is dropped later; the log begins behind it at once")
    func waits() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            _ = try await fixture.log.append(
                (1...5).map { fixture.incoming("\($0)", app: tenant.appID, broadcaster: 1) })
            try await fixture.age(upTo: 2, days: 40, in: tenant.id)
            let isReading = Box(false)
            let mayEnd = Box(false)
            let reader = fixture.loops.loops[1].spawn {
                try? await fixture.database.transaction { transaction in
                    _ = try await transaction.query("SELECT count(*) AS count FROM events")
                    isReading.update { $0 = true }
                    await until { mayEnd.value }
                }
            }
            await until { isReading.value }
            await #expect(throws: DatabaseError.self) {
                try await fixture.log.dropPartitions(olderThan: .seconds(30 * 86_400))
            }
            // Whoever comes is told of the gap, and does not see half of what is about to go.
            #expect(try await fixture.log.position(in: tenant.id).first == 3)
            #expect(try await fixture.log.event(at: 2, in: tenant.id) == nil)
            #expect(try await fixture.log.event(at: 3, in: tenant.id) != nil)
            // Appends were not held up for longer than that.
            let event = fixture.incoming("6", app: tenant.appID, broadcaster: 1)
            #expect(try await fixture.log.append([event]).appended.count == 1)
            mayEnd.update { $0 = true }
            await reader.value
            #expect(try await fixture.log.dropPartitions(olderThan: .seconds(30 * 86_400)) == 1)
            #expect(try await fixture.log.position(in: tenant.id).first == 3)
        }
    }

    @Test("a partition whose end some log has not moved behind is not dropped")
    func needed() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            _ = try await fixture.log.append([fixture.incoming("1", app: tenant.appID, broadcaster: 1)])
            try await fixture.age(upTo: 1, days: 40, in: tenant.id)
            let rows = try await fixture.database.query("SELECT drop_oldest_event_partition(now()) AS dropped")
            #expect(try rows.first?["dropped", as: Bool.self] == false)
            #expect(try await fixture.log.event(at: 1, in: tenant.id) != nil)
        }
    }
}
