import HTTP
import Kick
import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@testable import Gateway

extension KickStage {
    /// How many grants the sandbox has of a user.
    func grantCount(of user: Int) async throws -> Int {
        let state = try await call(.get, "/sandbox/state")
        let users = state["users"] as? [[String: Any]] ?? []
        return (users.first { $0["id"] as? Int == user }?["grants"] as? [[String: Any]])?.count ?? 0
    }

    func disconnecting() throws -> Disconnecting {
        Disconnecting(store: fixture.logins, kick: try kick())
    }

    /// Makes what was put off due now.
    func hasten(_ login: Login) async throws {
        _ = try await fixture.database.execute(
            """
            UPDATE logins SET teardown_due_at = now() - interval '1 second', teardown_lease_until = NULL
            WHERE id = \(login.id) AND teardown_due_at IS NOT NULL
            """)
    }
}

@Suite("Disconnecting", .timeLimit(.minutes(1)))
struct DisconnectingTests {
    @Test("ends a login here and at Kick: grant revoked, tokens erased; again is the same")
    func wholeWay() async throws {
        try await KickStage.run { stage in
            let login = try await stage.makeLogin()
            #expect(try await stage.grantCount(of: 5001) == 1)
            let disconnecting = try stage.disconnecting()
            for _ in 1...2 {
                let ended = try await disconnecting.disconnect(
                    login.id, in: stage.tenant.id, deadline: .after(.seconds(30)))
                #expect(ended.state == .disconnected && ended.teardown.isRevoked && !ended.teardown.isPending)
                #expect(!ended.teardown.holdsTokens)
            }
            #expect(try await stage.grantCount(of: 5001) == 0)
            #expect(try await stage.logged() == ["gateway.login.disconnected"])
        }
    }

    @Test("while Kick is in trouble nothing is lost: what is left is done later, once each")
    func later() async throws {
        try await KickStage.run { stage in
            let login = try await stage.makeLogin()
            try await stage.order(fault: ["target": "revoke", "status": 503, "count": 2])
            let disconnecting = try stage.disconnecting()
            let ended = try await disconnecting.disconnect(
                login.id, in: stage.tenant.id, deadline: .after(.seconds(30)))
            #expect(ended.state == .disconnected && ended.teardown.isPending && !ended.teardown.isRevoked)
            #expect(ended.teardown.holdsTokens && ended.teardown.failures == 1)
            #expect(try await stage.grantCount(of: 5001) == 1)

            // It is not due yet; then it is, and fails once more; then it is done.
            #expect(await disconnecting.tearDownDue() == 0)
            try await stage.hasten(login)
            #expect(await disconnecting.tearDownDue() == 1)
            #expect(try await stage.login(login).teardown.failures == 2)
            try await stage.hasten(login)
            #expect(await disconnecting.tearDownDue() == 1)
            let done = try await stage.login(login)
            #expect(done.teardown.isRevoked && !done.teardown.isPending && !done.teardown.holdsTokens)
            #expect(try await stage.grantCount(of: 5001) == 0)
            #expect(try await stage.logged() == ["gateway.login.disconnected"])
        }
    }

    @Test("P2 a pair that a refresh under way brings after the end is revoked too")
    func refreshUnderWay() async throws {
        try await KickStage.run { stage in
            let login = try await stage.makeLogin()
            try await stage.makeDue(login)
            let mayGoOn = Box(false)
            let hasAnswered = Box(false)
            let kick = try stage.kick { exchange in
                { request, deadline throws(KickError) in
                    let answer = try await exchange(request, deadline)
                    if request.path == "/oauth/token", request.description.contains("token") {
                        hasAnswered.update { $0 = true }
                        await until { mayGoOn.value }
                    }
                    return answer
                }
            }
            let keeper = try stage.keeper(kick: kick)
            _ = await keeper.refreshDue()
            await until { hasAnswered.value }
            // Kick has rotated the pair; the new one is on its way while the login is ended and the old one revoked.
            try await stage.order(fault: ["target": "revoke", "status": 503, "count": 1])
            let disconnecting = try stage.disconnecting()
            _ = try await disconnecting.disconnect(login.id, in: stage.tenant.id, deadline: .after(.seconds(30)))
            mayGoOn.update { $0 = true }
            await until { keeper.flightCount == 0 }
            #expect(try await stage.login(login).state == .disconnected)
            #expect(try await stage.login(login).generation == 2, "the late pair is not kept to be revoked")
            try await stage.hasten(login)
            #expect(await disconnecting.tearDownDue() == 1)
            #expect(try await stage.grantCount(of: 5001) == 0)
            #expect(try await !stage.login(login).teardown.holdsTokens)
        }
    }

    @Test("a token that Kick does not know any more needs no revoking; another tenant's login cannot be ended (P14)")
    func goneAlready() async throws {
        try await KickStage.run { stage in
            let login = try await stage.makeLogin()
            try await stage.call(.post, "/sandbox/disconnect", ["user_id": 5001])
            try await stage.order(fault: [
                "target": "revoke", "status": 400, "body": ["error": "Invalid request"], "count": 9,
            ])
            let disconnecting = try stage.disconnecting()
            let second = try await stage.fixture.makeTenant("second")
            await #expect(throws: GatewayError.self) {
                try await disconnecting.disconnect(login.id, in: second.id, deadline: .after(.seconds(30)))
            }
            let ended = try await disconnecting.disconnect(
                login.id, in: stage.tenant.id, deadline: .after(.seconds(30)))
            #expect(ended.teardown.isRevoked && !ended.teardown.isPending)
        }
    }
}
