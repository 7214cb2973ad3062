import Crypto
import Foundation
import Model
import Net
import Postgres
import Telemetry
import TestKit
import Testing

@testable import Store

extension Resealing {
    /// Goes through everything until a pass finds nothing to do.
    func all(limit: Int = 20) async throws -> (resealed: Int, unreadable: Set<String>) {
        var resealed = 0
        var unreadable: Set<String> = []
        while !Task.isCancelled {
            var isDone = true
            for column in SealedColumn.all {
                var cursor: String? = ""
                while let position = cursor, !Task.isCancelled {
                    guard let batch = try await batch(of: column, after: position, limit: limit) else { continue }
                    cursor = batch.next
                    resealed += batch.resealed
                    unreadable.formUnion(batch.unreadable.map { "\(column.place) \($0)" })
                    if batch.resealed + batch.passedOver > 0 { isDone = false }
                }
            }
            if isDone { break }
        }
        return (resealed, unreadable)
    }
}

@Suite("Resealing", .timeLimit(.minutes(1)))
struct ResealingTests {
    private static let logins = SealedColumn.all.first { $0.place == "logins.refresh_token" }!
    private static let apps = SealedColumn.all.first { $0.place == "apps.client_secret" }!

    private static func resealing(_ fixture: StoreFixture) -> Resealing {
        Resealing(vault: fixture.vault, database: fixture.database)
    }

    /// Another process on the same database.
    private static func replica(_ fixture: StoreFixture) async throws -> Vault {
        let vault = try Vault(database: fixture.database, masterKeys: [fixture.master])
        try await vault.load()
        return vault
    }

    private static func uses(_ id: String, _ vault: Vault) async throws -> [KeyUse] {
        try #require(try await vault.keys().first { $0.id == id }).uses
    }

    @Test("every sealed column of the schema is known, and refers to its key")
    func columns() async throws {
        try await StoreFixture.run { fixture in
            let rows = try await fixture.database.query(
                """
                SELECT table_name || '.' || column_name AS place FROM information_schema.columns
                WHERE table_schema = 'public' AND data_type = 'bytea' AND column_name LIKE '%\\_sealed' ORDER BY 1
                """)
            let schema = try rows.map { try $0["place", as: String.self] }
            #expect(schema == SealedColumn.all.map { "\($0.place)_sealed" }.sorted())
            let references = try await fixture.database.query(
                "SELECT conname FROM pg_constraint WHERE contype = 'f' AND confrelid = 'encryption_keys'::regclass")
            let names = try references.map { try $0["conname", as: String.self] }.sorted()
            #expect(names == SealedColumn.all.map { "\($0.table)_\($0.name)_key_id_fkey" }.sorted())
        }
    }

    @Test("every sealed value is brought under the new key, and reads as before")
    func everything() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let login = try await fixture.makeLogin(of: tenant, kickUserID: 1, refreshAfter: .seconds(-1))
            let lease = try #require(try await fixture.claimDue(1, lease: .seconds(60)).first)
            #expect(try await fixture.store(LoginStoreTests.pair(2), refreshAfter: .seconds(-1), for: lease))
            let tokens = AppTokenStore(database: fixture.database, vault: fixture.vault)
            guard case .leased(let fetch) = try await tokens.claim(tenant.appID, generation: 0, lease: .seconds(9))
            else { throw CancellationError() }
            _ = try await tokens.store(Secret("app-token"), lifetime: .seconds(900), for: fetch)
            try await fixture.connects.createLink(
                fixture.id(ConnectLinkID.self), tokenHash: [7], scopes: [], expiresAt: .now() + .seconds(60),
                in: tenant.id)
            let link = try #require(try await fixture.connects.link(tokenHash: [7]))
            try await fixture.connects.begin(
                stateHash: [0, 255, 16], attempt: .init(link: link, browserHash: [], verifier: Secret("verifier")),
                expiresAt: .now() + .seconds(60))
            let records = IdempotencyStore(database: fixture.database, vault: fixture.vault)
            let answer = KeptAnswer(status: 201, text: "a connect link")
            #expect(try await records.finish(IdempotencyStoreTests.claim(1, by: records, in: tenant), with: answer))

            let old = fixture.vault.writingKeyID
            try await fixture.vault.rotate()
            #expect(try await Self.uses(old, fixture.vault).map(\.column) == SealedColumn.all.map(\.place).sorted())
            let result = try await Self.resealing(fixture).all(limit: 1)
            #expect(result.resealed == SealedColumn.all.count && result.unreadable.isEmpty)
            #expect(try await Self.uses(old, fixture.vault).isEmpty)

            // By a process that never saw the old key.
            guard case .retired = try await fixture.vault.retire(old) else {
                Issue.record("the key was not retired")
                return
            }
            let vault = try await Self.replica(fixture)
            let logins = LoginStore(database: fixture.database, vault: vault)
            let renewed = try #require(
                try await logins.claimDueRefreshes(room: [tenant.appID: 1], lease: .seconds(60)).first)
            #expect(renewed.login == login.id && renewed.refreshToken.reveal() == "refresh-2")
            #expect(renewed.previousRefreshToken?.reveal() == "refresh-1")
            let apps = try await TenantStore(database: fixture.database, vault: vault).apps()
            #expect(apps.map { $0.clientSecret.reveal() } == ["client-secret"])
            let token = try await AppTokenStore(database: fixture.database, vault: vault).current(of: tenant.appID)
            #expect(token.token?.token.reveal() == "app-token")
            let attempt = try await ConnectStore(database: fixture.database, vault: vault).take(stateHash: [0, 255, 16])
            #expect(attempt?.verifier.reveal() == "verifier")
            let later = IdempotencyStore(database: fixture.database, vault: vault)
            #expect(try await IdempotencyStoreTests.find(1, by: later, in: tenant) == .answered(answer))
        }
    }

    @Test("P6 the key is rotated while 200 logins refresh: no pair is lost, and the old key then retires")
    func whileRefreshing() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let count = 200
            for user in 1...count {
                _ = try await fixture.makeLogin(of: tenant, kickUserID: Int64(user), refreshAfter: .seconds(-1))
            }
            let old = fixture.vault.writingKeyID
            let other = try await Self.replica(fixture)
            let stored = Box<[LoginID: Int64]>([:])
            let isSettled = Box(false)

            try await withThrowingTaskGroup(of: Void.self) { group in
                // Two replicas that refresh; the second one is told nothing of the rotation.
                for vault in [fixture.vault, other] {
                    let logins = LoginStore(database: fixture.database, vault: vault)
                    group.addTask {
                        var rounds = 0
                        while !isSettled.value || rounds < 3 {
                            rounds += 1
                            for lease in try await logins.claimDueRefreshes(
                                room: [tenant.appID: 25], lease: .seconds(60))
                            {
                                #expect(lease.refreshToken.reveal() == "refresh-\(lease.generation)")
                                let pair = LoginStoreTests.pair(Int(lease.generation) + 1)
                                #expect(
                                    try await logins.store(
                                        logins.seal(pair, for: lease), refreshAfter: .seconds(-1), for: lease,
                                        recovered: fixture.event("gateway.login.recovered")))
                                stored.update { $0[lease.login] = lease.generation + 1 }
                            }
                        }
                    }
                }
                group.addTask {
                    defer { isSettled.update { $0 = true } }
                    await until { stored.value.count > count / 4 }
                    guard case .writes = try await fixture.vault.retire(old) else {
                        Issue.record("a key that writes was retired")
                        return
                    }
                    try await fixture.vault.rotate()
                    guard case .inUse(let uses) = try await fixture.vault.retire(old) else {
                        Issue.record("a key in use was retired")
                        return
                    }
                    #expect(uses.contains { $0.column == "logins.refresh_token" && $0.count > 0 })
                    let result = try await Self.resealing(fixture).all()
                    #expect(result.resealed > 0 && result.unreadable.isEmpty)
                }
                try await group.waitForAll()
            }

            _ = try await Self.resealing(fixture).all()
            #expect(try await Self.uses(old, fixture.vault).isEmpty)
            guard case .retired = try await fixture.vault.retire(old) else {
                Issue.record("the old key was not retired")
                return
            }
            #expect(stored.value.count == count)
            let leases = try await fixture.claimDue(count, lease: .seconds(60))
            #expect(leases.count == count)
            for lease in leases {
                #expect(lease.generation == stored.value[lease.login])
                #expect(lease.refreshToken.reveal() == "refresh-\(lease.generation)")
                #expect(lease.previousRefreshToken?.reveal() == "refresh-\(lease.generation - 1)")
            }
        }
    }

    @Test("a value that does not open is counted and left as it is, and does not hold up the others")
    func unreadable() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            var ids: [LoginID] = []
            for user in 1...5 {
                ids.append(try await fixture.makeLogin(of: tenant, kickUserID: Int64(user)).id)
            }
            let old = fixture.vault.writingKeyID
            _ = try await fixture.database.execute(
                """
                UPDATE logins SET refresh_token_sealed = set_byte(refresh_token_sealed, 60, 1 # get_byte(
                    refresh_token_sealed, 60)) WHERE id = \(ids[1])
                """)
            let before = try await fixture.testDatabase.psql(
                "SELECT refresh_token_sealed FROM logins WHERE kick_user_id = 2")
            try await fixture.vault.rotate()
            let result = try await Self.resealing(fixture).all(limit: 2)
            #expect(result.unreadable == ["logins.refresh_token \(ids[1])"])
            #expect(try await Self.uses(old, fixture.vault) == [KeyUse(column: "logins.refresh_token", count: 1)])
            let after = try await fixture.testDatabase.psql(
                "SELECT refresh_token_sealed FROM logins WHERE kick_user_id = 2")
            #expect(before == after)
        }
    }

    @Test("a row that somebody is writing is passed over, not waited for")
    func lockedRow() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            for user in 1...3 { _ = try await fixture.makeLogin(of: tenant, kickUserID: Int64(user)) }
            try await fixture.vault.rotate()
            let resealing = Self.resealing(fixture)
            try await fixture.database.transaction { transaction in
                _ = try await transaction.query("SELECT id FROM logins WHERE kick_user_id = 2 FOR UPDATE")
                let batch = try #require(try await resealing.batch(of: Self.logins, after: "", limit: 10))
                #expect((batch.resealed, batch.passedOver) == (2, 1))
            }
            let batch = try #require(try await resealing.batch(of: Self.logins, after: "", limit: 10))
            #expect((batch.resealed, batch.passedOver) == (1, 0))
        }
    }

    @Test("one process at a time re-seals, and the next one goes on when it dies")
    func oneAtATime() async throws {
        try await StoreFixture.run { fixture in
            _ = try await fixture.makeTenant()
            try await fixture.vault.rotate()
            let resealing = Self.resealing(fixture)
            try? await fixture.database.session { session in
                // Two batches at once: the first one waits for a lock that the session holds, within its transaction.
                _ = try await session.query("SELECT pg_advisory_lock(\(Resealing.lockKey))")
                #expect(try await resealing.batch(of: Self.apps, after: "", limit: 10) == nil)
                // The session ends as a process that is killed: without giving anything back.
                throw CancellationError()
            }
            try await until { try await resealing.batch(of: Self.apps, after: "", limit: 10) != nil }
            #expect(try await fixture.vault.keys().last?.uses.isEmpty == true)
        }
    }

    // MARK: Retiring

    @Test("a key that an open transaction writes under cannot be retired: the database itself refuses")
    func retirementRace() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let old = fixture.vault.writingKeyID
            let other = try await Self.replica(fixture)
            try await other.rotate()
            _ = try await Resealing(vault: other, database: fixture.database).all()
            #expect(try await Self.uses(old, other).isEmpty)
            await #expect(throws: DatabaseError.self) {
                _ = try await fixture.database.execute(
                    "DELETE FROM encryption_keys WHERE id = \(other.writingKeyID)")
            }

            let sealed = fixture.vault.seal("late", for: SealingContext(table: "t", tenant: "", row: "", column: ""))
            let retirement = Box<Retirement?>(nil)
            try await withThrowingTaskGroup(of: Void.self) { group in
                try await fixture.database.transaction { transaction in
                    _ = try await transaction.execute(
                        "UPDATE apps SET client_secret_sealed = \(sealed) WHERE id = \(tenant.appID)")
                    group.addTask {
                        let result = try await other.retire(old)
                        retirement.update { $0 = result }
                    }
                    // Counting finds nothing: what is not committed cannot be seen. The deletion waits for us.
                    try await until {
                        guard retirement.value == nil else { return true }
                        return try await fixture.testDatabase.psql(
                            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE%'"
                        ).hasPrefix("1")
                    }
                }
                try await group.waitForAll()
            }
            guard case .inUse(let uses)? = retirement.value else {
                Issue.record("a key in use was retired: \(String(describing: retirement.value))")
                return
            }
            #expect(uses == [KeyUse(column: "apps.client_secret", count: 1)])
        }
    }

    @Test("a replica that has not heard of a retirement seals again under the key that writes")
    func staleWriter() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1, refreshAfter: .seconds(-1))
            let lease = try #require(try await fixture.claimDue(1, lease: .seconds(60)).first)
            let link = fixture.id(ConnectLinkID.self)
            try await fixture.connects.createLink(
                link, tokenHash: [7], scopes: [], expiresAt: .now() + .seconds(60), in: tenant.id)
            let found = try #require(try await fixture.connects.link(tokenHash: [7]))
            let tokens = AppTokenStore(database: fixture.database, vault: fixture.vault)
            guard case .leased(let fetch) = try await tokens.claim(tenant.appID, generation: 0, lease: .seconds(9))
            else { throw CancellationError() }

            /// Another replica rotates and retires, and the fixture's vault is none the wiser.
            func retireUnheard() async throws {
                let old = fixture.vault.writingKeyID
                let other = try await Self.replica(fixture)
                try await other.rotate()
                _ = try await Resealing(vault: other, database: fixture.database).all()
                guard case .retired = try await other.retire(old) else { throw CancellationError() }
                #expect(fixture.vault.writingKeyID == old)
            }
            try await retireUnheard()
            _ = try await fixture.tenants.put(
                fixture.id(AppID.self), name: "n", clientID: "client", clientSecret: Secret("new"), isDefault: true)
            try await retireUnheard()
            try await fixture.connects.begin(
                stateHash: [1], attempt: .init(link: found, browserHash: [], verifier: Secret("verifier")),
                expiresAt: .now() + .seconds(60))
            try await retireUnheard()
            _ = try await tokens.store(Secret("app-token"), lifetime: .seconds(900), for: fetch)
            let records = IdempotencyStore(database: fixture.database, vault: fixture.vault)
            let claim = try await IdempotencyStoreTests.claim(1, by: records, in: tenant)
            try await retireUnheard()
            #expect(try await records.finish(claim, with: KeptAnswer(status: 200, text: "kept")))
            try await retireUnheard()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 2)
            try await retireUnheard()
            // A refresh says so, and is stored at the next try, sealed anew.
            await #expect(throws: DatabaseError.self) {
                _ = try await fixture.store(LoginStoreTests.pair(2), refreshAfter: .seconds(9), for: lease)
            }
            #expect(try await fixture.store(LoginStoreTests.pair(2), refreshAfter: .seconds(9), for: lease))
            #expect(try await fixture.tenants.apps().first?.clientSecret.reveal() == "new")
            #expect(try await fixture.connects.take(stateHash: [1])?.verifier.reveal() == "verifier")
        }
    }
}
