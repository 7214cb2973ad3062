import Crypto
import HTTP
import Kick
import Model
import Net
import Store
import Telemetry
import TestKit
import Testing

@testable import Gateway

@Suite("The database is away while Kick answers", .timeLimit(.minutes(1)))
struct RefreshWithoutDatabaseTests {
    private static let answer = KickAnswer(
        status: 200, fields: Fields(),
        body: Array(
            #"{"access_token":"access-2","refresh_token":"refresh-2","token_type":"Bearer","expires_in":7200}"#.utf8))

    @Test("P1 the new pair is stored when the database is back, and until then nobody gets the new token")
    func outage() async throws {
        let cluster = try await TestCluster.make()
        try await StoreFixture.run(on: cluster) { fixture in
            let tenant = try await fixture.makeTenant()
            let login = try await fixture.makeLogin(
                of: tenant, kickUserID: 1, lifetime: .seconds(-1), refreshAfter: .seconds(-1))
            let mayAnswer = Box(false)
            let asked = Box<[String]>([])
            let used = Box<[String]>([])
            let exchange: KickExchange = { request, _ throws(KickError) in
                guard case .form(let form) = request.body, let token = form["refresh_token"] else {
                    used.update { $0.append(request.bearer?.reveal() ?? "") }
                    return KickAnswer(status: 500, fields: Fields(), body: [])
                }
                asked.update { $0.append(token) }
                await until { mayAnswer.value }
                return Self.answer
            }
            let kick = KickAccess(
                servers: .kick, apps: AppDirectory(store: fixture.tenants),
                tokens: AppTokenStore(database: fixture.database, vault: fixture.vault), exchange: exchange)
            let keeper = TokenKeeper(store: fixture.logins, kick: kick, loops: fixture.loops)
            let tokens = LoginTokens(store: fixture.logins, keeper: keeper)

            _ = await keeper.refreshDue()
            await until { asked.value == ["refresh-1"] }
            try await blocking { cluster.stop() }
            mayAnswer.update { $0 = true }
            // Callers come while the pair is in memory alone.
            for _ in 0..<5 {
                await #expect(throws: (any Error).self) {
                    try await tokens.check(login.id, in: tenant.id, deadline: .after(.milliseconds(100)))
                }
            }
            #expect(keeper.flightCount == 1)
            try await cluster.restart()
            await until { keeper.flightCount == 0 }

            let found = try await retrying { try await fixture.logins.login(login.id, in: tenant.id) }
            let settled = try #require(found)
            #expect((settled.state, settled.generation) == (.connected, 2))
            #expect(used.value == [])
            #expect(asked.value == ["refresh-1"], "one refresh, and the old token never again")
            let grant = try await retrying { try await fixture.logins.accessGrant(of: login.id, in: tenant.id) }
            #expect(grant?.token.reveal() == "access-2")
        }
    }

    /// Asks until there is an answer: each loop's pool comes back by itself, one a little later than the other.
    private func retrying<R: Sendable>(_ ask: () async throws -> R) async throws -> R {
        while true {
            do {
                return try await ask()
            } catch let error as any Unavailability where error.isUnavailable {
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }
}
