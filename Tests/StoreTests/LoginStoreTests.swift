import Crypto
import Foundation
import Model
import Net
import Postgres
import Store
import Telemetry
import TestKit
import Testing

@Suite("LoginStore", .timeLimit(.minutes(1)))
struct LoginStoreTests {
    static func pair(_ number: Int) -> TokenPair {
        TokenPair(
            access: Secret("access-\(number)"), refresh: Secret("refresh-\(number)"), lifetime: .seconds(7200),
            scopes: nil)
    }

    @Test("P3 a due login is claimed by one of many processes")
    func claimedOnce() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            for user in 1...5 {
                _ = try await fixture.makeLogin(of: tenant, kickUserID: Int64(user), refreshAfter: .seconds(-1))
            }
            let claimed = Box<[LoginID]>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let leases = try await fixture.claimDue(3, lease: .seconds(60))
                        claimed.update { $0 += leases.map(\.login) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(claimed.value.count == 5)
            #expect(Set(claimed.value).count == 5)
        }
    }

    @Test("P3 a result under an old fence is not stored; P4 the refresh token before is kept")
    func fencing() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let login = try await fixture.makeLogin(of: tenant, kickUserID: 1, refreshAfter: .seconds(-1))
            // The first holder is so slow that its lease is over, and another takes the login.
            let slow = try #require(
                try await fixture.claimDue(1, lease: .seconds(-1)).first)
            let quick = try #require(
                try await fixture.claimDue(1, lease: .seconds(60)).first)
            #expect(quick.refreshToken.reveal() == "refresh-1")
            #expect(try await fixture.store(Self.pair(2), refreshAfter: .seconds(-1), for: quick))
            #expect(try await !fixture.store(Self.pair(3), refreshAfter: .seconds(-1), for: slow))
            #expect(try await !fixture.giveUp(slow, error: "late"))

            let next = try #require(
                try await fixture.claimDue(1, lease: .seconds(60)).first)
            #expect(next.refreshToken.reveal() == "refresh-2")
            #expect(next.previousRefreshToken?.reveal() == "refresh-1")
            #expect(next.generation == 2)
            let stored = try #require(try await fixture.logins.login(login.id, in: tenant.id))
            #expect(stored.state == .connected)
        }
    }

    @Test(
        "P4 a pair that was renewed is stored even when the lease ran out meanwhile, and the next attempt cannot end the login"
    )
    func lateResult() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let login = try await fixture.makeLogin(of: tenant, kickUserID: 1, refreshAfter: .seconds(-1))
            let first = try #require(
                try await fixture.claimDue(1, lease: .seconds(-1)).first)
            #expect(
                try await fixture.claimDue(1, lease: .seconds(60), excluding: [login.id]).isEmpty
            )
            let second = try #require(
                try await fixture.claimDue(1, lease: .seconds(60)).first)
            #expect(try await fixture.store(Self.pair(2), refreshAfter: .seconds(60), for: first))
            // Kick refuses the used token to the second: that says nothing about the new pair.
            #expect(try await !fixture.giveUp(second, error: "invalid_grant"))
            let stored = try #require(try await fixture.logins.login(login.id, in: tenant.id))
            #expect((stored.state, stored.generation) == (.connected, 2))
        }
    }

    @Test("a connect link connects one account, however many trips were begun with it")
    func linkWorksOnce() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let link = fixture.id(ConnectLinkID.self)
            try await fixture.connects.createLink(
                link, tokenHash: [1], scopes: [], expiresAt: .now() + .seconds(60), in: tenant.id)
            func connect(_ user: Int64) async throws {
                _ = try await fixture.logins.connect(
                    fixture.id(LoginID.self),
                    account: LoginStore.Account(kickUserID: user, username: "u", slug: nil), tokens: Self.pair(1),
                    app: tenant.appID, refreshAfter: .seconds(60), link: link, in: tenant.id)
            }
            try await connect(1)
            await #expect(throws: GatewayError.self) { try await connect(2) }
            #expect(try await fixture.logins.logins(in: tenant.id).count == 1)
        }
    }

    @Test("connecting again repairs the same login and ends a refresh that was under way")
    func reconnect() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let login = try await fixture.makeLogin(of: tenant, kickUserID: 1, refreshAfter: .seconds(-1))
            let lease = try #require(
                try await fixture.claimDue(1, lease: .seconds(60)).first)
            let again = try await fixture.makeLogin(of: tenant, kickUserID: 1, refresh: "refresh-9")
            #expect(again.id == login.id)
            #expect(try await !fixture.store(Self.pair(2), refreshAfter: .seconds(1), for: lease))
        }
    }

    @Test("P6 tokens and client secrets are sealed: neither they nor anything like them is in the database")
    func sealed() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            let dump = try await fixture.testDatabase.psql(
                "SELECT encode(access_token_sealed, 'escape'), encode(refresh_token_sealed, 'escape'), logins FROM logins"
            )
            let apps = try await fixture.testDatabase.psql("SELECT encode(client_secret_sealed, 'escape') FROM apps")
            #expect(!dump.contains("access-1") && !dump.contains("refresh-1") && !apps.contains("client-secret"))
            // The id of the key stands in the clear, and refers to it.
            #expect(dump.contains(fixture.vault.writingKeyID) && apps.contains(fixture.vault.writingKeyID))
            let keys = try await fixture.testDatabase.psql(
                "SELECT DISTINCT access_token_key_id, refresh_token_key_id FROM logins")
            let writer = fixture.vault.writingKeyID
            #expect(keys.trimmingCharacters(in: .whitespacesAndNewlines) == "\(writer)|\(writer)")
        }
    }

    @Test("P6 a ciphertext that was copied to another login does not open")
    func swapped() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1, refreshAfter: .seconds(-1))
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 2, refreshAfter: .seconds(60))
            _ = try await fixture.database.execute(
                """
                UPDATE logins SET refresh_token_sealed = other.refresh_token_sealed
                FROM logins AS other WHERE logins.kick_user_id = 1 AND other.kick_user_id = 2
                """)
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 3, refreshAfter: .seconds(-1))
            let leases = try await fixture.claimDue(5, lease: .seconds(60))
            // The one that does not open is left out; its neighbour is not held up.
            #expect(leases.count == 1)
            let login = try #require(try await fixture.logins.login(leases[0].login, in: tenant.id))
            #expect(login.kickUserID == 3)
        }
    }

    @Test("P14 a login is not found under another tenant's name")
    func isolation() async throws {
        try await StoreFixture.run { fixture in
            let first = try await fixture.makeTenant("first")
            let second = try await fixture.makeTenant("second")
            let login = try await fixture.makeLogin(of: first, kickUserID: 1)
            #expect(try await fixture.logins.login(login.id, in: first.id) != nil)
            #expect(try await fixture.logins.login(login.id, in: second.id) == nil)
            #expect(try await fixture.logins.logins(in: second.id).isEmpty)
        }
    }

    @Test("P6 a new account that is connected many times at once is one login, and its tokens open")
    func connectedAtOnce() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let told = Box<[Bool]>([])
            let ids = Box<Set<LoginID>>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<12 {
                    group.addTask {
                        let login = try await fixture.logins.connect(
                            fixture.id(LoginID.self),
                            account: LoginStore.Account(kickUserID: 7, username: "u", slug: nil),
                            tokens: Self.pair(number), app: tenant.appID, refreshAfter: .seconds(60), link: nil,
                            in: tenant.id
                        ) { before, _ in
                            told.update { $0.append(before == nil) }
                            return nil
                        }
                        ids.update { $0.insert(login.id) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(ids.value.count == 1)
            #expect(told.value.filter(\.self).count == 1, "it was new once")
            let id = try #require(ids.value.first)
            #expect(try await fixture.logins.accessGrant(of: id, in: tenant.id) != nil)
        }
    }
}
