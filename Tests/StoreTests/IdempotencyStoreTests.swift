import Foundation
import Model
import Postgres
import TestKit
import Testing

@testable import Store

/// What a claim found, to compare.
enum Found: Equatable {
    case claimed
    case answered(KeptAnswer)
    case running
    case abandoned
    case otherRequest
}

@Suite("IdempotencyStore", .timeLimit(.minutes(1)))
struct IdempotencyStoreTests {
    private static let answer = KeptAnswer(status: 201, text: "Location: /x\n\nthe secret link")

    private static func finding(
        _ key: UInt8, request: UInt8 = 1, isRepeatable: Bool = false, by store: IdempotencyStore, in tenant: Tenant
    ) async throws -> IdempotencyStore.Finding {
        try await store.claim(
            keyHash: [key], fingerprint: [request], isRepeatable: isRepeatable, lease: .seconds(60),
            lifetime: .seconds(3600), in: tenant.id)
    }

    static func find(
        _ key: UInt8, request: UInt8 = 1, isRepeatable: Bool = false, by store: IdempotencyStore, in tenant: Tenant
    ) async throws -> Found {
        switch try await finding(key, request: request, isRepeatable: isRepeatable, by: store, in: tenant) {
        case .claimed: .claimed
        case .answered(let answer): .answered(answer)
        case .running: .running
        case .abandoned: .abandoned
        case .otherRequest: .otherRequest
        }
    }

    static func claim(
        _ key: UInt8, isRepeatable: Bool = false, by store: IdempotencyStore, in tenant: Tenant
    ) async throws -> IdempotencyStore.Claim {
        guard case .claimed(let claim) = try await finding(key, isRepeatable: isRepeatable, by: store, in: tenant)
        else { throw CancellationError() }
        return claim
    }

    private static func store(_ fixture: StoreFixture) -> IdempotencyStore {
        IdempotencyStore(database: fixture.database, vault: fixture.vault)
    }

    private static func count(_ fixture: StoreFixture) async throws -> Int {
        let rows = try await fixture.database.query("SELECT count(*) AS count FROM idempotency_records")
        return try rows[0]["count", as: Int.self]
    }

    @Test("a key is claimed once, and its answer found afterwards; another request is told apart")
    func life() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let store = Self.store(fixture)
            let claim = try await Self.claim(1, by: store, in: tenant)
            #expect(try await Self.find(1, by: store, in: tenant) == .running)
            #expect(try await Self.find(1, request: 2, by: store, in: tenant) == .otherRequest)
            #expect(try await store.finish(claim, with: Self.answer))
            #expect(try await Self.find(1, by: store, in: tenant) == .answered(Self.answer))
            #expect(try await Self.find(1, isRepeatable: true, by: store, in: tenant) == .answered(Self.answer))
            #expect(try await Self.find(1, request: 2, by: store, in: tenant) == .otherRequest)
            // What has ended stays ended.
            #expect(try await !store.finish(claim, with: KeptAnswer(status: 500, text: "")))
            try await store.release(claim)
            #expect(try await Self.find(1, by: store, in: tenant) == .answered(Self.answer))
        }
    }

    @Test("a key that is given up is free")
    func release() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let store = Self.store(fixture)
            let claim = try await Self.claim(1, by: store, in: tenant)
            try await store.release(claim)
            #expect(try await Self.count(fixture) == 0)
            #expect(try await Self.find(1, request: 2, by: store, in: tenant) == .claimed)
            #expect(try await !store.finish(claim, with: Self.answer))
            try await store.release(claim)
            #expect(try await Self.find(1, request: 2, by: store, in: tenant) == .running)
        }
    }

    @Test("P14 the same key of another tenant is another record")
    func tenants() async throws {
        try await StoreFixture.run { fixture in
            let one = try await fixture.makeTenant("one")
            let other = try await fixture.makeTenant("other")
            let store = Self.store(fixture)
            #expect(try await store.finish(Self.claim(1, by: store, in: one), with: Self.answer))
            #expect(try await Self.find(1, by: store, in: other) == .claimed)
            #expect(try await Self.find(1, by: store, in: one) == .answered(Self.answer))
        }
    }

    @Test("P6 neither the answer nor the key is in the table as it is")
    func sealed() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let store = Self.store(fixture)
            #expect(try await store.finish(Self.claim(1, by: store, in: tenant), with: Self.answer))
            let dump = try await fixture.testDatabase.psql(
                "SELECT id, status, encode(answer_sealed, 'escape') FROM idempotency_records")
            #expect(dump.contains("idem_") && dump.contains("201"))
            #expect(!dump.contains("secret") && !dump.contains("Location"))
            // And it opens in its own row alone.
            #expect(try await store.finish(Self.claim(2, by: store, in: tenant), with: Self.answer))
            _ = try await fixture.database.execute(
                """
                UPDATE idempotency_records SET answer_sealed = (
                    SELECT answer_sealed FROM idempotency_records WHERE key_hash = \([UInt8(1)]))
                WHERE key_hash = \([UInt8(2)])
                """)
            await #expect(throws: (any Error).self) { try await Self.find(2, by: store, in: tenant) }
        }
    }

    @Test("after its lease a request is abandoned; what may be repeated is claimed again, and the old claim is void")
    func abandoned() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let store = Self.store(fixture)
            let lost = try await Self.claim(1, by: store, in: tenant)
            _ = try await fixture.database.execute("UPDATE idempotency_records SET lease_until = now()")
            #expect(try await Self.find(1, by: store, in: tenant) == .abandoned)
            #expect(try await Self.find(1, request: 2, isRepeatable: true, by: store, in: tenant) == .otherRequest)
            let claim = try await Self.claim(1, isRepeatable: true, by: store, in: tenant)
            #expect(try await Self.find(1, isRepeatable: true, by: store, in: tenant) == .running)
            try await store.release(lost)
            #expect(try await !store.finish(lost, with: KeptAnswer(status: 200, text: "late")))
            #expect(try await store.finish(claim, with: Self.answer))
            #expect(try await Self.find(1, by: store, in: tenant) == .answered(Self.answer))
        }
    }

    @Test("a record that is over stands for nothing, and is removed, a few at a time")
    func expiry() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let store = Self.store(fixture)
            for key in UInt8(1)...6 {
                #expect(try await store.finish(Self.claim(key, by: store, in: tenant), with: Self.answer))
            }
            _ = try await fixture.database.execute(
                "UPDATE idempotency_records SET expires_at = now() WHERE key_hash < \([UInt8(6)])")
            #expect(try await Self.find(1, request: 2, by: store, in: tenant) == .claimed)
            #expect(try await store.removeExpired(limit: 3) == 3)
            #expect(try await store.removeExpired(limit: 3) == 1)
            #expect(try await store.removeExpired(limit: 3) == 0)
            #expect(try await Self.find(1, request: 2, by: store, in: tenant) == .running)
            #expect(try await Self.find(6, by: store, in: tenant) == .answered(Self.answer))
        }
    }

    @Test("of many who claim a key at once, on two replicas, one gets it", arguments: [false, true])
    func race(isExpired: Bool) async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let replica = Database(
                options: try ConnectionOptions(fixture.testDatabase.connectionString), loops: fixture.loops)
            let stores = [
                Self.store(fixture), IdempotencyStore(database: replica, vault: fixture.vault),
            ]
            if isExpired {
                _ = try await Self.claim(1, by: stores[0], in: tenant)
                _ = try await fixture.database.execute("UPDATE idempotency_records SET expires_at = now()")
            }
            let found = Box<[Found]>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        let one = try await Self.find(1, by: stores[number % 2], in: tenant)
                        found.update { $0.append(one) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(found.value.count { $0 == .claimed } == 1)
            #expect(found.value.count { $0 == .running } == 19)
            await replica.shutdown(within: .seconds(5))
        }
    }
}
