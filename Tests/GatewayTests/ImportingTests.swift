import Foundation
import HTTP
import Kick
import Model
import Net
import Store
import Telemetry
import TestKit
import Testing

@testable import Gateway

extension KickStage {
    struct Pair {
        let access: String
        let refresh: String

        init(_ access: String, _ refresh: String) {
            self.access = access
            self.refresh = refresh
        }
    }

    /// A pair that another program got.
    func pair(_ user: Int = 5001, _ order: [String: Any] = [:]) async throws -> Pair {
        let answer = try await call(.post, "/sandbox/grants", order.merging(["users": [user]]) { _, users in users })
        let grant = (answer["data"] as? [[String: Any]])?.first
        return Pair(grant?["access_token"] as? String ?? "", grant?["refresh_token"] as? String ?? "")
    }

    func importing(_ policy: RefreshPolicy = RefreshPolicy()) throws -> Importing {
        let keeper = try keeper(policy)
        return Importing(
            store: fixture.logins, tenants: fixture.tenants, keeper: keeper,
            tokens: LoginTokens(store: fixture.logins, keeper: keeper, policy: policy))
    }

    func take(_ access: String, _ refresh: String) async throws -> Importing.Imported {
        try await importing().importPair(
            access: Secret(access), refresh: Secret(refresh), in: tenant.id, deadline: .after(.seconds(30)))
    }

    /// The error of an import that must not succeed.
    func refusal(_ access: String, _ refresh: String) async throws -> GatewayError {
        do {
            let imported = try await take(access, refresh)
            throw StageError("it was imported: \(imported.login.id)")
        } catch let error as GatewayError {
            return error
        }
    }
}

@Suite("Importing", .timeLimit(.minutes(1)))
struct ImportingTests {
    @Test(
        "a pair becomes a login whose refresh token has been proven, whose account is known, and which the log tells of"
    )
    func imported() async throws {
        try await KickStage.run { stage in
            let pair = try await stage.pair()
            let imported = try await stage.take(pair.access, pair.refresh)
            #expect(imported.isProven)
            #expect(imported.login.kickUserID == 5001 && imported.login.username == "user5001")
            #expect(imported.login.state == .connected)
            #expect(imported.login.lastRefreshResult == .renewed)
            #expect(imported.login.generation == 2)
            #expect(imported.login.scopes.contains("events:subscribe") && imported.login.missingScopes == [])
            #expect(try await stage.logged() == ["gateway.login.connected"])
            // The same account once more: the same login.
            let again = try await stage.pair()
            #expect(try await stage.take(again.access, again.refresh).login.id == imported.login.id)
        }
    }

    @Test("what is not the app's, no user's, or cannot be named is refused with the field's name, and leaves no login")
    func refused() async throws {
        try await KickStage.run { stage in
            try await stage.call(
                .post, "/sandbox/apps",
                ["client_id": "other", "client_secret": "s", "redirect_uris": ["http://localhost/cb"]])
            let other = try await stage.pair(5001, ["client_id": "other"])
            let unnamed = try await stage.pair(5001, ["scopes": ["chat:write"]])
            let app = try await stage.kick().withAppToken(of: stage.tenant.appID) { token throws(KickError) in
                token.reveal()
            }
            let known = try await stage.pair()
            for (pair, field, words) in [
                (other, "access_token", "another Kick app"), (unnamed, "access_token", "user:read"),
                (KickStage.Pair(app, known.refresh), "access_token", "no user token"),
                (KickStage.Pair("never seen", known.refresh), "access_token", "visible ASCII"),
                (KickStage.Pair("never-seen", "nor-this"), "access_token", "not active"),
                (KickStage.Pair(known.access, "umlaut-ä"), "refresh_token", "visible ASCII"),
                (KickStage.Pair(known.access, ""), "refresh_token", "visible ASCII"),
                (KickStage.Pair(known.access, known.access), "refresh_token", "is the access token"),
            ] {
                let error = try await stage.refusal(pair.access, pair.refresh)
                #expect(error.code == .invalid && error.field == field)
                #expect(error.message.contains(words), "\(error.message)")
                #expect(
                    !error.message.contains(pair.access)
                        && (pair.refresh.isEmpty || !error.message.contains(pair.refresh)))
            }
            #expect(try await stage.fixture.logins.logins(in: stage.tenant.id).isEmpty)
            #expect(try await stage.logged().isEmpty)
        }
    }

    @Test("an access token that is over is no obstacle while the refresh token works")
    func expired() async throws {
        try await KickStage.run { stage in
            let pair = try await stage.pair()
            let imported = try await stage.take("long-gone", pair.refresh)
            #expect(imported.isProven && imported.login.kickUserID == 5001 && imported.login.generation == 1)
            #expect(imported.login.scopes.contains("user:read"))
            let due = try #require(imported.login.refreshDueAt)
            #expect(due > .now() + .seconds(3600), "it was proven a moment ago")
        }
    }

    @Test("P1 the pair that a refresh at the import brought is stored, whatever Kick's API does meanwhile")
    func expiredInTrouble() async throws {
        try await KickStage.run { stage in
            try await stage.call(.put, "/sandbox/policy", ["refresh_mode": "single_use"])
            let pair = try await stage.pair()
            try await stage.order(fault: [
                "target": "api", "path_prefix": "/public/v1/users", "status": 503, "count": 3,
            ])
            let imported = try await stage.take("long-gone", pair.refresh)
            #expect(imported.login.state == .connected)
            // The stored pair is the rotated one: it can be renewed although tokens work once.
            let keeper = try stage.keeper()
            try await stage.makeDue(imported.login)
            await stage.refreshDue(with: keeper)
            #expect(try await stage.login(imported.login).generation == 2)
        }
    }

    @Test("a refresh token of another account is found out: the login is not connected, and holds no token")
    func mixedUp() async throws {
        try await KickStage.run { stage in
            let one = try await stage.pair(5001)
            let other = try await stage.pair(5002)
            let error = try await stage.refusal(one.access, other.refresh)
            #expect(error.code == .invalid && error.field == "refresh_token")
            let login = try #require(try await stage.fixture.logins.logins(in: stage.tenant.id).first)
            #expect(login.kickUserID == 5001 && login.state == .reconnectRequired && !login.teardown.holdsTokens)
            #expect(try await stage.logged() == ["gateway.login.connected", "gateway.login.reconnect_required"])
            #expect(LoginHealth(of: login, at: .now()).text.contains("another Kick account"))
        }
    }

    @Test("a refresh token that Kick refuses shows at once; one that cannot be tried is tried within a minute")
    func unproven() async throws {
        try await KickStage.run { stage in
            let bad = try await stage.pair(5001)
            #expect(try await stage.refusal(bad.access, "no-such-token").code == .reconnectRequired)
            #expect(try await stage.fixture.logins.logins(in: stage.tenant.id).first?.state == .reconnectRequired)

            let good = try await stage.pair(5002)
            try await stage.order(fault: ["status": 503, "count": 1, "grant_type": "refresh_token"])
            let imported = try await stage.take(good.access, good.refresh)
            #expect(!imported.isProven && imported.login.state == .connected)
            let due = try #require(imported.login.refreshDueAt)
            #expect(due < .now() + .seconds(60))

            // A process that stops proves nothing any more; another one's schedule does.
            let third = try await stage.pair(5003)
            let keeper = try stage.keeper()
            _ = await keeper.drain(deadline: .after(.seconds(1)))
            let importing = Importing(
                store: stage.fixture.logins, tenants: stage.fixture.tenants, keeper: keeper,
                tokens: LoginTokens(store: stage.fixture.logins, keeper: keeper))
            let late = try await importing.importPair(
                access: Secret(third.access), refresh: Secret(third.refresh), in: stage.tenant.id,
                deadline: .after(.seconds(30)))
            #expect(!late.isProven && late.login.lastRefreshResult == nil)
            let soon = try #require(late.login.refreshDueAt)
            #expect(soon < .now() + .seconds(60))
        }
    }

    @Test(
        "an import that is refused does no harm to a login that works: an old pair, nonsense, another account's token")
    func overOneThatWorks() async throws {
        try await KickStage.run { stage in
            try await stage.call(.put, "/sandbox/policy", ["refresh_mode": "single_use"])
            let pair = try await stage.pair()
            _ = try await stage.take(pair.access, pair.refresh)
            let other = try await stage.pair(5002)
            _ = try await stage.take(other.access, other.refresh)
            let fresh = try await stage.pair(5002)
            for refresh in [pair.refresh, "nonsense", fresh.refresh] {
                let error = try await stage.refusal(pair.access, refresh)
                #expect(error.code == .invalid && error.field == "refresh_token")
            }
            let tokens = LoginTokens(store: stage.fixture.logins, keeper: try stage.keeper())
            for login in try await stage.fixture.logins.logins(in: stage.tenant.id) {
                #expect(login.state == .connected)
                try await tokens.renew(login.id, in: stage.tenant.id, deadline: .after(.seconds(30)))
                let user = try await tokens.check(login.id, in: stage.tenant.id, deadline: .after(.seconds(30)))
                #expect(user.userID == login.kickUserID)
            }
        }
    }

    @Test("Kick being away leaves nothing behind and says so")
    func away() async throws {
        try await KickStage.run { stage in
            let pair = try await stage.pair()
            try await stage.order(fault: ["target": "introspect", "status": 503])
            #expect(try await stage.refusal(pair.access, pair.refresh).code == .upstream)
            try await stage.order(fault: ["target": "api", "path_prefix": "/public/v1/users", "status": 503])
            #expect(try await stage.refusal(pair.access, pair.refresh).code == .upstream)
            #expect(try await stage.fixture.logins.logins(in: stage.tenant.id).isEmpty)
            #expect(try await stage.take(pair.access, pair.refresh).isProven)
        }
    }
}
