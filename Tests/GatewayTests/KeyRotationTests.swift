import Crypto
import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@testable import Gateway

@Suite("KeyRotation", .timeLimit(.minutes(1)))
struct KeyRotationTests {
    private static func rotation(_ vault: Vault, _ fixture: StoreFixture) -> KeyRotation {
        var policy = KeyRotation.Policy()
        policy.batch = 7
        policy.rest = .milliseconds(1) ... .milliseconds(1)
        policy.pauseWhenBusy = .milliseconds(2)
        policy.interval = .milliseconds(5)
        policy.reload = .milliseconds(20)
        return KeyRotation(
            vault: vault, resealing: Resealing(vault: vault, database: fixture.database), policy: policy)
    }

    private static func code(_ body: () async throws -> KeyStatus) async -> (GatewayError.Code, String)? {
        do {
            _ = try await body()
            return nil
        } catch let error as GatewayError {
            return (error.code, error.message)
        } catch {
            return nil
        }
    }

    @Test(
        "a rotation is carried out in the background by replicas that are told of nothing, and then the old key retires"
    )
    func rotation() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            for user in 1...40 { _ = try await fixture.makeLogin(of: tenant, kickUserID: Int64(user)) }
            let first = Self.rotation(fixture.vault, fixture)
            let other = try Vault(database: fixture.database, masterKeys: [fixture.master])
            try await other.load()
            let second = Self.rotation(other, fixture)

            let before = try await first.status()
            let old = try #require(before.keys.first).id
            #expect((before.total, before.remaining, before.isRunning) == (81, 0, false))
            #expect(await Self.code { try await first.retire(old) }?.0 == .conflict)
            #expect(await Self.code { try await first.retire("dk_none") }?.0 == .notFound)

            let rotated = try await first.rotate()
            #expect((rotated.remaining, rotated.isRunning) == (81, true))
            #expect(rotated.keys.map(\.writes) == [true, false])
            let refusal = try #require(await Self.code { try await first.retire(old) })
            #expect(refusal.0 == .conflict && refusal.1.contains("logins.access_token 40"))

            let workers = [first, second].map { rotation in
                fixture.loops.next().spawn { await rotation.run() }
            }
            try await until { try await first.status().remaining == 0 }
            await until { other.writingKeyID == rotated.keys[0].id }
            let after = try await first.retire(old)
            #expect(after.keys.map(\.id) == [rotated.keys[0].id])
            // With nothing to re-seal, the second one learns of a key by looking at the keys alone.
            workers[0].cancel()
            await workers[0].value
            await until { second.isSettled }
            let third = try await first.rotate().keys[0].id
            await until { other.writingKeyID == third }
            for worker in workers { worker.cancel() }
            for worker in workers { await worker.value }
        }
    }

    @Test("what does not open is told, and re-sealing does not go on for ever")
    func unreadable() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            for user in 1...3 { _ = try await fixture.makeLogin(of: tenant, kickUserID: Int64(user)) }
            _ = try await fixture.database.execute(
                "UPDATE logins SET access_token_sealed = refresh_token_sealed WHERE kick_user_id = 2")
            let rotation = Self.rotation(fixture.vault, fixture)
            _ = try await rotation.rotate()
            try await rotation.reseal()
            let status = try await rotation.status()
            #expect((status.remaining, status.unreadable, status.isRunning) == (1, 1, false))
        }
    }

    @Test("which keys of the environment are still needed")
    func environmentKeys() async throws {
        try await StoreFixture.run { fixture in
            let vault = try Vault(
                database: fixture.database, masterKeys: [try SealingKey.random(id: "k2"), fixture.master])
            try await vault.load()
            let rotation = Self.rotation(vault, fixture)
            func keys() async throws -> [String] {
                try await rotation.status().environmentKeys.map {
                    "\($0.id)\($0.wraps ? " wraps" : "")\($0.isNeeded ? " needed" : "")"
                }
            }
            #expect(try await keys() == ["k2 wraps", "t1 needed"])
            _ = try await rotation.rotate()
            #expect(try await keys() == ["k2 wraps needed", "t1"])
            // A replica whose environment lacks the new one must not rotate.
            let behind = Self.rotation(fixture.vault, fixture)
            let refusal = try #require(await Self.code { try await behind.rotate() })
            #expect(refusal.0 == .conflict && refusal.1.contains("lacks \"k2\""))
        }
    }
}
