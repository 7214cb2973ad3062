import Crypto
import Foundation
import Model
import Net
import Postgres
import Telemetry
import TestKit
import Testing

@testable import Store

@Suite("Vault", .timeLimit(.minutes(1)))
struct VaultTests {
    private static let place = SealingContext(table: "apps", tenant: "", row: "app_1", column: "client_secret")

    private static func key(_ id: String) throws -> SealingKey { try SealingKey.random(id: id) }

    // MARK: Places

    /// What is copied where, and what must then find nothing.
    struct Copy: Sendable, CustomTestStringConvertible {
        let name: String
        let sql: String
        let isFound: @Sendable (StoreFixture) async throws -> Bool
        var testDescription: String { name }
    }

    static let copies = [
        Copy(
            name: "to another row",
            sql: """
                UPDATE logins SET refresh_token_sealed = other.refresh_token_sealed
                FROM logins AS other WHERE logins.kick_user_id = 1 AND other.kick_user_id = 2
                """, isFound: isFirstLoginFound),
        Copy(
            name: "to another row's previous token",
            sql: """
                UPDATE logins SET previous_refresh_token_sealed = other.refresh_token_sealed
                FROM logins AS other WHERE logins.kick_user_id = 1 AND other.kick_user_id = 2
                """, isFound: isFirstLoginFound),
        Copy(
            name: "to another column",
            sql: "UPDATE logins SET refresh_token_sealed = access_token_sealed WHERE kick_user_id = 1",
            isFound: isFirstLoginFound),
        Copy(
            name: "with its whole row to another tenant",
            sql: "UPDATE logins SET tenant_id = (SELECT id FROM tenants WHERE name = 'second') WHERE kick_user_id = 1",
            isFound: isFirstLoginFound),
        Copy(
            name: "to another app",
            sql: """
                UPDATE apps SET client_secret_sealed = other.client_secret_sealed
                FROM apps AS other WHERE apps.client_id = 'other' AND other.client_id = 'client'
                """,
            isFound: { fixture in
                try await fixture.tenants.apps().contains { $0.app.clientID == "other" }
            }),
        Copy(
            name: "to another app's token",
            sql: """
                UPDATE app_tokens SET token_sealed = other.token_sealed
                FROM app_tokens AS other
                WHERE app_tokens.app_id = (SELECT id FROM apps WHERE client_id = 'other') AND
                    other.app_id = (SELECT id FROM apps WHERE client_id = 'client')
                """,
            isFound: { fixture in
                let app = try #require(try await fixture.tenants.apps().first { $0.app.clientID == "other" }).app.id
                return try await AppTokenStore(database: fixture.database, vault: fixture.vault).current(of: app).token
                    != nil
            }),
        Copy(
            name: "to another trip's verifier",
            sql: """
                UPDATE login_attempts SET verifier_sealed = other.verifier_sealed
                FROM login_attempts AS other
                WHERE login_attempts.state_hash = '\\x01' AND other.state_hash = '\\x02'
                """,
            isFound: { fixture in
                do {
                    return try await fixture.connects.take(stateHash: [1]) != nil
                } catch CryptoError.doesNotOpen {
                    return false
                }
            }),
    ]

    @Sendable private static func isFirstLoginFound(_ fixture: StoreFixture) async throws -> Bool {
        try await fixture.claimDue(10, lease: .seconds(60)).contains { $0.kickUserID == 1 }
    }

    /// Two of everything that is sealed.
    private static func fill(_ fixture: StoreFixture) async throws {
        let tenant = try await fixture.makeTenant("first")
        _ = try await fixture.makeTenant("second")
        let other = try await fixture.tenants.put(
            fixture.id(AppID.self), name: "other", clientID: "other", clientSecret: Secret("s"), isDefault: false)
        for user in 1...2 {
            _ = try await fixture.makeLogin(of: tenant, kickUserID: Int64(user), refreshAfter: .seconds(-1))
        }
        let tokens = AppTokenStore(database: fixture.database, vault: fixture.vault)
        for app in [tenant.appID, other] {
            guard case .leased(let lease) = try await tokens.claim(app, generation: 0, lease: .seconds(9)) else {
                throw CancellationError()
            }
            _ = try await tokens.store(Secret("app-token"), lifetime: .seconds(900), for: lease)
        }
        let link = fixture.id(ConnectLinkID.self)
        try await fixture.connects.createLink(
            link, tokenHash: [7], scopes: [], expiresAt: .now() + .seconds(60), in: tenant.id)
        let found = try #require(try await fixture.connects.link(tokenHash: [7]))
        for state in 1...2 {
            try await fixture.connects.begin(
                stateHash: [UInt8(state)],
                attempt: .init(link: found, browserHash: [], verifier: Secret("verifier")),
                expiresAt: .now() + .seconds(60))
        }
    }

    @Test("P6 a ciphertext that was copied does not open there", arguments: copies)
    func copied(copy: Copy) async throws {
        try await StoreFixture.run { fixture in
            try await Self.fill(fixture)
            #expect(try await fixture.database.execute(Query(unescaped: copy.sql)) == 1)
            #expect(try await !copy.isFound(fixture))
        }
    }

    @Test("nothing that can be printed of a vault shows a key")
    func silence() async throws {
        try await StoreFixture.run { fixture in
            var text = ""
            dump(fixture.vault, to: &text)
            text += "\(fixture.vault) \(String(reflecting: fixture.vault))"
            let bytes = fixture.master.revealBytes()
            #expect(!text.contains(Base64.encode(bytes)) && !text.contains(Hex.encode(bytes)))
            #expect(!text.contains("\(bytes[0]), \(bytes[1])") && !text.contains("- \(bytes[0])\n"))
        }
    }

    // MARK: Start

    @Test("a key of the environment that is missing or another one is named, and the vault does not load")
    func wrongMaster() async throws {
        try await StoreFixture.run { fixture in
            let database = fixture.database
            let other = try Vault(database: database, masterKeys: [Self.key("k9")])
            await #expect(throws: VaultError.missing(keys: ["t1"])) { try await other.load() }
            let wrong = try Vault(database: database, masterKeys: [Self.key("t1")])
            let id = fixture.vault.writingKeyID
            await #expect(throws: VaultError.doesNotOpen(key: id, under: "t1")) { try await wrong.load() }
            let right = try Vault(database: database, masterKeys: [Self.key("k9"), fixture.master])
            try await right.load()
            #expect(right.writingKeyID == id)
            #expect(VaultError.missing(keys: ["t1"]).description.contains("GATEWAY_ENCRYPTION_KEYS lacks \"t1\""))
        }
    }

    @Test("what older versions sealed under the environment's key itself opens, and proves that it is that key")
    func rowsUnderMaster() async throws {
        try await StoreFixture.run { fixture in
            let database = fixture.database
            _ = try await database.execute("DELETE FROM encryption_keys")
            let old = try Self.key("k1")
            let sealed = try Sealer(keys: [old]).seal("old secret", for: Self.place)
            _ = try await database.pipeline([
                "INSERT INTO encryption_keys (id) VALUES ('k1')",
                """
                INSERT INTO apps (id, name, client_id, client_secret_sealed) VALUES ('app_1', 'a', 'c', \(sealed))
                """,
            ])
            let missing = try Vault(database: database, masterKeys: [Self.key("k2")])
            await #expect(throws: VaultError.missing(keys: ["k1"])) { try await missing.load() }
            let wrong = try Vault(database: database, masterKeys: [Self.key("k1")])
            await #expect(throws: VaultError.opensNothing(key: "k1")) { try await wrong.load() }

            let vault = try Vault(database: database, masterKeys: [Self.key("k2"), old])
            try await vault.load()
            #expect(try await vault.open(sealed, for: Self.place) == "old secret")
            #expect(vault.writingKeyID.hasPrefix("dk_"))
            // A rotation wraps it like the others: the old key of the environment is not needed any more.
            #expect(try await vault.keys().map(\.wrappedBy).contains("k1"))
            try await vault.rotate()
            #expect(try await Set(vault.keys().map(\.wrappedBy)) == ["k2"])
            #expect(try await vault.open(sealed, for: Self.place) == "old secret")
        }
    }

    @Test("replicas that start at once on an empty database share one key")
    func firstKey() async throws {
        try await StoreFixture.run { fixture in
            _ = try await fixture.database.execute("DELETE FROM encryption_keys")
            let vaults = try (0..<8).map { _ in
                try Vault(database: fixture.database, masterKeys: [fixture.master])
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for vault in vaults { group.addTask { try await vault.load() } }
                try await group.waitForAll()
            }
            #expect(try await vaults[0].keys().count == 1)
            #expect(Set(vaults.map(\.writingKeyID)).count == 1)
        }
    }

    // MARK: Several replicas

    @Test("what another replica sealed under a key of a moment ago opens")
    func unheardKey() async throws {
        try await StoreFixture.run { fixture in
            let other = try Vault(database: fixture.database, masterKeys: [fixture.master])
            try await other.load()
            let id = try await other.rotate()
            #expect(other.writingKeyID == id && fixture.vault.writingKeyID != id)
            let sealed = other.seal("secret", for: Self.place)
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<50 { group.addTask { try await fixture.vault.open(sealed, for: Self.place) } }
                for try await text in group { #expect(text == "secret") }
            }
            #expect(fixture.vault.writingKeyID == id)
        }
    }

    @Test("a running vault that lacks the environment's new key goes on with the keys that it has")
    func laggingEnvironment() async throws {
        try await StoreFixture.run { fixture in
            let ahead = try Vault(database: fixture.database, masterKeys: [Self.key("t2"), fixture.master])
            try await ahead.load()
            let before = fixture.vault.seal("before", for: Self.place)
            let id = try await ahead.rotate()
            try await fixture.vault.load()
            #expect(try await fixture.vault.open(before, for: Self.place) == "before")
            let after = fixture.vault.seal("after", for: Self.place)
            #expect(try await ahead.open(after, for: Self.place) == "after")
            let beyond = ahead.seal("beyond", for: Self.place)
            for _ in 0..<2 {
                await #expect(throws: CryptoError.unknownKey(id: id)) {
                    _ = try await fixture.vault.open(beyond, for: Self.place)
                }
            }
        }
    }

    @Test("a rotation that lacks a key of the environment changes nothing")
    func rotationWithoutMaster() async throws {
        try await StoreFixture.run { fixture in
            let ahead = try Vault(database: fixture.database, masterKeys: [Self.key("t2"), fixture.master])
            try await ahead.load()
            try await ahead.rotate()
            let keys = try await ahead.keys().map(\.id)
            await #expect(throws: VaultError.missing(keys: ["t2"])) { try await fixture.vault.rotate() }
            #expect(try await ahead.keys().map(\.id) == keys)
        }
    }
}
