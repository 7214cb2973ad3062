import Crypto
import Model
import Net
import Postgres
import Store
import Telemetry
import TestKit
import Testing

@Suite("LoginStore: the end of a login", .timeLimit(.minutes(1)))
struct LoginTeardownTests {
    private static func end(_ login: Login, _ fixture: StoreFixture) async throws -> Login? {
        try await fixture.logins.disconnect(login.id, in: login.tenantID) {
            fixture.event("gateway.login.disconnected", broadcaster: $0.kickUserID)
        }
    }

    private static func claim(_ login: Login, _ fixture: StoreFixture) async throws -> TeardownClaim {
        let start = try await fixture.logins.claimTeardown(of: login.id, in: login.tenantID, lease: .seconds(60))
        guard case .claimed(let claim) = start else { throw GatewayError(.internal, "not claimed: \(start)") }
        return claim
    }

    private static func logged(_ tenant: Tenant, _ fixture: StoreFixture) async throws -> [String] {
        try await fixture.log.read(after: 0, limit: 100, in: tenant.id).map(\.type)
    }

    private static func pair(_ number: Int) -> TokenPair {
        TokenPair(
            access: Secret("access-\(number)"), refresh: Secret("refresh-\(number)"), lifetime: .seconds(7200),
            scopes: nil)
    }

    @Test("an ended login takes no result of a refresh that was under way, but keeps its pair to have it revoked")
    func refreshUnderWay() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let login = try await fixture.makeLogin(of: tenant, kickUserID: 1, refreshAfter: .seconds(-1))
            let lease = try #require(try await fixture.claimDue(1, lease: .seconds(60)).first)
            let ended = try #require(try await Self.end(login, fixture))
            #expect(ended.state == .disconnected && ended.teardown.isPending && ended.teardown.holdsTokens)
            #expect(ended.refreshDueAt == nil)
            #expect(try await fixture.claimDue(5, lease: .seconds(60)).isEmpty)

            #expect(try await !fixture.store(Self.pair(2), refreshAfter: .seconds(60), for: lease))
            #expect(try await !fixture.giveUp(lease, error: "refused"))
            #expect(try await fixture.logins.login(login.id, in: tenant.id)?.state == .disconnected)

            // An attempt to end it at Kick is under way with the old pair while the new one arrives.
            let early = try await Self.claim(login, fixture)
            #expect(early.tokens.map { $0.secret.reveal() } == ["refresh-1", "access-1"])
            let sealed = fixture.logins.seal(Self.pair(2), for: lease)
            #expect(try await fixture.logins.keepForTeardown(sealed, for: lease))
            #expect(try await !fixture.logins.eraseTokens(early))
            let late = try await Self.claim(login, fixture)
            #expect(late.tokens.map { $0.secret.reveal() } == ["refresh-2", "refresh-1", "access-2"])
            #expect(late.tokens.map(\.isRefreshToken) == [true, true, false])
            #expect(try await Self.logged(tenant, fixture) == ["gateway.login.disconnected"])
        }
    }

    @Test("P6 revoked tokens are erased, and a login that is ended again changes nothing and is told of once")
    func erased() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let login = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            _ = try await Self.end(login, fixture)
            let claim = try await Self.claim(login, fixture)
            #expect(try await fixture.logins.isCurrent(claim))
            #expect(try await fixture.logins.eraseTokens(claim))
            try await fixture.logins.finishTeardown(claim)
            let left = try await fixture.testDatabase.psql(
                """
                SELECT count(*) FROM logins WHERE access_token_sealed IS NOT NULL OR refresh_token_sealed IS NOT NULL
                OR previous_refresh_token_sealed IS NOT NULL
                """)
            #expect(left.trimmingPrefix(while: \.isWhitespace).hasPrefix("0"))
            let again = try #require(try await Self.end(login, fixture))
            #expect(again.teardown.isRevoked && !again.teardown.isPending)
            guard case .done = try await fixture.logins.claimTeardown(of: login.id, in: tenant.id, lease: .seconds(1))
            else { throw GatewayError(.internal, "there is something left to do") }
            #expect(try await Self.logged(tenant, fixture) == ["gateway.login.disconnected"])
        }
    }

    @Test("a webhook for a login that was ended is nobody's; what came before stays in the log")
    func webhooks() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let login = try await fixture.makeLogin(of: tenant, kickUserID: 7)
            let before = try await fixture.log.append([
                fixture.incoming("M1", app: tenant.appID, broadcaster: 7)
            ])
            #expect(before.wanted == [0])
            _ = try await Self.end(login, fixture)
            let after = try await fixture.log.append([fixture.incoming("M2", app: tenant.appID, broadcaster: 7)])
            #expect(after.wanted.isEmpty)
            #expect(try await Self.logged(tenant, fixture) == ["chat.message.sent", "gateway.login.disconnected"])
        }
    }

    @Test("connecting again calls the end off: same id, and the old claim neither erases nor revokes anything more")
    func connectedAgain() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let login = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            _ = try await Self.end(login, fixture)
            let claim = try await Self.claim(login, fixture)
            let again = try await fixture.makeLogin(of: tenant, kickUserID: 1, refresh: "refresh-9")
            #expect(again.id == login.id)
            #expect(again.state == .connected && !again.teardown.isPending && again.teardown.disconnectedAt == nil)
            #expect(try await !fixture.logins.isCurrent(claim))
            #expect(try await !fixture.logins.eraseTokens(claim))
            #expect(try await !fixture.logins.abandonTeardown(claim))
            try await fixture.logins.finishTeardown(claim)
            try await fixture.logins.postponeTeardown(claim, retryAfter: .seconds(1))
            let stored = try #require(try await fixture.logins.login(login.id, in: tenant.id))
            #expect(stored.teardown.holdsTokens && stored.state == .connected && stored.teardown.failures == 0)
        }
    }

    @Test("an end that is due is claimed by one of many processes")
    func claims() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            for user in 1...5 {
                let login = try await fixture.makeLogin(of: tenant, kickUserID: Int64(user))
                _ = try await Self.end(login, fixture)
            }
            let claimed = Box<[LoginID]>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let claims = try await fixture.logins.claimDueTeardowns(3, lease: .seconds(60))
                        claimed.update { $0 += claims.map(\.login) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(claimed.value.count == 5)
            #expect(Set(claimed.value).count == 5)
            // A lease that has run out is somebody else's.
            _ = try await fixture.database.execute(
                "UPDATE logins SET teardown_lease_until = now() - interval '1 second'")
            #expect(try await fixture.logins.claimDueTeardowns(10, lease: .seconds(60)).count == 5)
        }
    }

    @Test("after a day the tokens are erased without Kick's word, and the login says so")
    func givenUp() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let login = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            _ = try await Self.end(login, fixture)
            let early = try await Self.claim(login, fixture)
            #expect(!early.isLast)
            try await fixture.logins.postponeTeardown(early, retryAfter: .seconds(-1))
            _ = try await fixture.database.execute("UPDATE logins SET disconnected_at = now() - interval '25 hours'")
            let last = try #require(try await fixture.logins.claimDueTeardowns(1, lease: .seconds(60)).first)
            #expect(last.isLast && last.failures == 1)
            #expect(try await fixture.logins.abandonTeardown(last))
            let stored = try #require(try await fixture.logins.login(login.id, in: tenant.id))
            #expect(!stored.teardown.holdsTokens && !stored.teardown.isPending)
            #expect(stored.teardown.wasGivenUp && !stored.teardown.isRevoked)
        }
    }

    @Test("P14 a login is not ended under another tenant's name")
    func isolation() async throws {
        try await StoreFixture.run { fixture in
            let first = try await fixture.makeTenant("first")
            let second = try await fixture.makeTenant("second")
            let login = try await fixture.makeLogin(of: first, kickUserID: 1)
            let ended = try await fixture.logins.disconnect(login.id, in: second.id) { _ in fixture.event("x") }
            #expect(ended == nil)
            #expect(try await fixture.logins.login(login.id, in: first.id)?.state == .connected)
            guard case .done = try await fixture.logins.claimTeardown(of: login.id, in: second.id, lease: .seconds(1))
            else { throw GatewayError(.internal, "claimed") }
        }
    }
}

@Suite("Connect links", .timeLimit(.minutes(1)))
struct ConnectLinkTests {
    private static func connect(
        _ user: Int64, _ name: String, link: ConnectLinkID, _ tenant: Tenant, _ fixture: StoreFixture
    ) async throws -> Login {
        try await fixture.logins.connect(
            fixture.id(LoginID.self), account: LoginStore.Account(kickUserID: user, username: name, slug: nil),
            tokens: TokenPair(
                access: Secret("a"), refresh: Secret("r"), lifetime: .seconds(7200), scopes: ["user:read"]),
            app: tenant.appID, refreshAfter: .seconds(60), link: link, in: tenant.id)
    }

    @Test("a link for one login lets nobody else in, is not used up by a stranger, and repairs the same id")
    func linkForALogin() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let login = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 2)
            let link = fixture.id(ConnectLinkID.self)
            try await fixture.connects.createLink(
                link, tokenHash: [1], scopes: [], expiresAt: .now() + .seconds(60), login: login.id, in: tenant.id)
            for stranger in [Int64(2), 3] {
                await #expect(throws: GatewayError.self) {
                    try await Self.connect(stranger, "stranger", link: link, tenant, fixture)
                }
            }
            #expect(try await fixture.logins.logins(in: tenant.id).map(\.kickUserID) == [1, 2])
            #expect(try await fixture.logins.logins(in: tenant.id).map(\.username) == ["user1", "user2"])
            #expect(try await Self.connect(1, "renamed", link: link, tenant, fixture).id == login.id)
        }
    }

    @Test("links that are over are swept out by those that are made, others stay")
    func sweep() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            for (name, set) in [
                ("link_1", "expires_at = now() - interval '2 days'"), ("link_2", "used_at = now() - interval '8 days'"),
                ("link_3", "used_at = now() - interval '6 days'"), ("link_4", "expires_at = now() - interval '1 hour'"),
                ("link_5", "scopes = '{}'"),
            ] {
                try await fixture.connects.createLink(
                    ConnectLinkID(unchecked: name), tokenHash: Array(name.utf8), scopes: [],
                    expiresAt: .now() + .seconds(600), in: tenant.id)
                try await fixture.testDatabase.psql("UPDATE connect_links SET \(set) WHERE id = '\(name)'")
            }
            try await fixture.connects.createLink(
                ConnectLinkID(unchecked: "link_6"), tokenHash: [6], scopes: [], expiresAt: .now() + .seconds(600),
                in: tenant.id)
            let left = try await fixture.testDatabase.psql("SELECT id FROM connect_links ORDER BY id")
            #expect(left.split(whereSeparator: \.isWhitespace) == ["link_3", "link_4", "link_5", "link_6"])
        }
    }

    @Test("an imported pair keeps the refresh token before it, a consent does not; what was asked for is remembered")
    func importKeeps() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let login = try await fixture.makeLogin(of: tenant, kickUserID: 1, refresh: "refresh-1")
            func connect(_ refresh: String, link: ConnectLinkID?, asked: [String]?) async throws -> Login {
                try await fixture.logins.connect(
                    fixture.id(LoginID.self), account: LoginStore.Account(kickUserID: 1, username: "u", slug: nil),
                    tokens: TokenPair(
                        access: Secret("a"), refresh: Secret(refresh), lifetime: .seconds(7200), scopes: ["user:read"]),
                    asked: asked, app: tenant.appID, refreshAfter: .seconds(-1), link: link, in: tenant.id)
            }
            let link = fixture.id(ConnectLinkID.self)
            try await fixture.connects.createLink(
                link, tokenHash: [1], scopes: [], expiresAt: .now() + .seconds(60), in: tenant.id)
            let asked = try await connect("refresh-2", link: link, asked: ["user:read", "chat:write"])
            #expect(asked.id == login.id)
            #expect(asked.missingScopes == ["chat:write"])
            let imported = try await connect("refresh-3", link: nil, asked: nil)
            #expect(imported.missingScopes == ["chat:write"])
            let lease = try #require(try await fixture.claimDue(1, lease: .seconds(60)).first)
            #expect(lease.refreshToken.reveal() == "refresh-3")
            #expect(lease.previousRefreshToken?.reveal() == "refresh-2")
        }
    }
}
