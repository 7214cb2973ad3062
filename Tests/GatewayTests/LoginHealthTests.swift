import Kick
import Model
import Testing

@testable import Gateway

@Suite("Health of a login")
struct LoginHealthTests {
    private static let now = Timestamp(parsing: "2026-11-21T12:00:00Z")!

    private static func login(
        _ state: LoginState = .connected, scopes: [KickScope] = [.userRead, .eventsSubscribe],
        asked: [KickScope]? = nil, expiresAfter: Duration = .seconds(3600), failures: Int64 = 0,
        isAnnounced: Bool = false,
        error: String? = nil, teardown: Login.Teardown? = nil
    ) -> Login {
        Login(
            id: LoginID(unchecked: "login_1"), tenantID: TenantID(unchecked: "ten_1"), appID: AppID(unchecked: "app_1"),
            kickUserID: 1, username: "nova", slug: nil, state: state,
            askedScopes: (asked ?? scopes).map(\.rawValue), scopes: scopes.map(\.rawValue), connectedAt: now,
            accessExpiresAt: now + expiresAfter, refreshIssuedAt: now, refreshDueAt: now, generation: 1,
            refreshFailures: failures, isFailingAnnounced: isAnnounced, lastRefreshResult: nil, lastRefreshAt: nil,
            lastError: error,
            teardown: teardown ?? Login.Teardown(disconnectedAt: nil, holdsTokens: true, dueAt: nil, failures: 0))
    }

    @Test("each state has its word and its sentence")
    func states() {
        let ended = { (holds: Bool, due: Timestamp?, failures: Int64) in
            Login.Teardown(disconnectedAt: Self.now, holdsTokens: holds, dueAt: due, failures: failures)
        }
        for (login, status, words) in [
            (Self.login(), LoginHealth.Status.ok, "It works."),
            (Self.login(asked: [.userRead, .chatWrite]), .ok, "chat:write"),
            (Self.login(failures: 1, error: "a hiccup"), .ok, "It works."),
            (Self.login(failures: 3, isAnnounced: true, error: "Kick is away"), .refreshFailing, "Kick is away"),
            (Self.login(expiresAfter: .seconds(-1)), .expired, "about to be renewed"),
            (
                Self.login(expiresAfter: .seconds(-1), failures: 3, isAnnounced: true, error: "Kick is away"), .expired,
                "could not be renewed: Kick is away"
            ),
            (Self.login(.reconnectRequired), .reconnectRequired, "removed at Kick, or the grant has expired"),
            (Self.login(.disconnected, teardown: ended(true, Self.now, 0)), .disconnected, "still to revoke"),
            (Self.login(.disconnected, teardown: ended(false, Self.now, 1)), .disconnected, "still to be removed"),
            (Self.login(.disconnected, teardown: ended(false, nil, 0)), .disconnected, "has revoked its tokens"),
            (Self.login(.disconnected, teardown: ended(false, nil, 9)), .disconnected, "did not confirm"),
        ] {
            let health = LoginHealth(of: login, at: Self.now)
            #expect(health.status == status)
            #expect(health.text.contains(words), "\(health.text)")
        }
    }

    private static func feature(_ name: String, _ login: Login) -> LoginHealth.Feature? {
        LoginHealth(of: login, at: now).features.first { $0.feature == name }
    }

    @Test("what works and what is missing is told feature by feature")
    func features() throws {
        let login = Self.login(scopes: [.userRead, .eventsSubscribe, .channelRewardsWrite, .streamKeyRead])
        #expect(Self.feature("events", login)?.works == true)
        #expect(Self.feature("chat.send", login)?.works == false)
        #expect(Self.feature("chat.send", login)?.missingScopes == ["chat:write"])
        // Writing rewards includes reading them.
        #expect(Self.feature("rewards.read", login)?.works == true)
        #expect(Self.feature("stream_key", login)?.missingScopes == ["channel:read"])
        #expect(
            LoginHealth(of: login, at: Self.now).features.map(\.feature) == [
                "events", "chat.send", "chat.moderate", "bans", "channel.read", "channel.update", "rewards.read",
                "rewards.manage", "stream_key", "kicks.leaderboard", "ads",
            ])
        // Every scope that Kick has opens something, but the one that names the account.
        let all = Self.login(scopes: KickScope.all)
        #expect(LoginHealth(of: all, at: Self.now).features.allSatisfy { $0.works && $0.missingScopes == [] })
    }

    @Test("events outlive the tokens, nothing else does, and nothing outlives the end")
    func deadTokens() {
        let dead = LoginHealth(of: Self.login(.reconnectRequired, scopes: KickScope.all), at: Self.now)
        #expect(dead.features.filter(\.works).map(\.feature) == ["events"])
        #expect(dead.features.allSatisfy { $0.missingScopes == [] })
        let ended = LoginHealth(of: Self.login(.disconnected, scopes: KickScope.all), at: Self.now)
        #expect(ended.features.allSatisfy { !$0.works })
    }
}
