import Foundation
import HTTP
import Kick
import Model
import Net
import Postgres
import Store
import Telemetry
import TestKit
import Testing

@testable import Gateway

/// A token endpoint that is a closure: what it is asked, and what it answers.
private final class TokenEndpoint: Sendable {
    let asked = Box<[String]>([])
    let answer: @Sendable (_ refreshToken: String) async -> KickAnswer

    init(_ answer: @escaping @Sendable (String) async -> KickAnswer) {
        self.answer = answer
    }

    var exchange: KickExchange {
        { [self] request, _ throws(KickError) in
            guard case .form(let form) = request.body, let token = form["refresh_token"] else {
                return KickAnswer(status: 404, fields: Fields(), body: [])
            }
            asked.update { $0.append(token) }
            return await answer(token)
        }
    }

    static func renewed(_ number: Int) -> KickAnswer {
        KickAnswer(
            status: 200, fields: Fields(),
            body: Array(
                """
                {"access_token":"access-\(number)","refresh_token":"refresh-\(number)","token_type":"Bearer",
                 "expires_in":7200,"scope":"user:read"}
                """.utf8))
    }

    static let refused = KickAnswer(status: 400, fields: Fields(), body: Array(#"{"error":"invalid_grant"}"#.utf8))
    static let down = KickAnswer(status: 503, fields: Fields(), body: Array("<html>".utf8))
}

@Suite("TokenKeeper", .timeLimit(.minutes(1)))
struct TokenKeeperTests {
    private static func withLogin(
        _ endpoint: TokenEndpoint,
        _ body:
            @escaping @Sendable (StoreFixture, TokenKeeper, _ current: @escaping @Sendable () async throws -> Login)
            async throws
            -> Void
    ) async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let login = try await fixture.makeLogin(of: tenant, kickUserID: 1, refreshAfter: .seconds(-1))
            let kick = KickAccess(
                servers: .kick, apps: AppDirectory(store: fixture.tenants),
                tokens: AppTokenStore(database: fixture.database, vault: fixture.vault), exchange: endpoint.exchange)
            let keeper = TokenKeeper(store: fixture.logins, kick: kick, loops: fixture.loops)
            try await body(fixture, keeper) { try #require(try await fixture.logins.login(login.id, in: tenant.id)) }
        }
    }

    @Test("P1 the rotated refresh token is stored, and is the one that is sent next")
    func rotation() async throws {
        let count = Box(1)
        let endpoint = TokenEndpoint { _ in
            count.update { $0 += 1 }
            return TokenEndpoint.renewed(count.value)
        }
        try await Self.withLogin(endpoint) { fixture, keeper, current in
            for round in 1...3 {
                _ = try await fixture.database.execute("UPDATE logins SET refresh_due_at = now() - interval '1 second'")
                _ = await keeper.refreshDue()
                #expect(await keeper.drained())
                #expect(try await current().generation == Int64(round + 1))
            }
            #expect(endpoint.asked.value == ["refresh-1", "refresh-2", "refresh-3"])
        }
    }

    @Test("P5 Kick being down marks no login and is tried again later")
    func down() async throws {
        let endpoint = TokenEndpoint { _ in TokenEndpoint.down }
        try await Self.withLogin(endpoint) { _, keeper, current in
            _ = await keeper.refreshDue()
            #expect(await keeper.drained())
            let login = try await current()
            #expect(login.state == .connected)
            #expect(login.refreshFailures == 1)
            let due = try #require(login.refreshDueAt)
            #expect(due > .now())
        }
    }

    @Test("P4 a login is given up only when Kick has refused every token that is held")
    func refusedAll() async throws {
        let endpoint = TokenEndpoint { $0 == "refresh-1" ? TokenEndpoint.renewed(2) : TokenEndpoint.refused }
        try await Self.withLogin(endpoint) { fixture, keeper, current in
            _ = await keeper.refreshDue()
            #expect(await keeper.drained())
            // Now refresh-2 is refused, but the kept refresh-1 still works: the login lives.
            _ = try await fixture.database.execute("UPDATE logins SET refresh_due_at = now() - interval '1 second'")
            _ = await keeper.refreshDue()
            #expect(await keeper.drained())
            #expect(endpoint.asked.value == ["refresh-1", "refresh-2", "refresh-1"])
            #expect(try await current().state == .connected)
        }
        let dead = TokenEndpoint { _ in TokenEndpoint.refused }
        try await Self.withLogin(dead) { _, keeper, current in
            _ = await keeper.refreshDue()
            #expect(await keeper.drained())
            let login = try await current()
            #expect(login.state == .reconnectRequired)
            #expect(login.lastError != nil)
        }
    }

    @Test("P2 shutdown waits for a refresh that is under way, and its result is stored")
    func drain() async throws {
        let mayAnswer = Box(false)
        let endpoint = TokenEndpoint { _ in
            await until { mayAnswer.value }
            return TokenEndpoint.renewed(2)
        }
        try await Self.withLogin(endpoint) { _, keeper, current in
            _ = await keeper.refreshDue()
            await until { !endpoint.asked.value.isEmpty }
            #expect(await !keeper.drain(deadline: .after(.milliseconds(20))))
            mayAnswer.update { $0 = true }
            #expect(await keeper.drain(deadline: .after(.seconds(20))))
            let login = try await current()
            #expect(login.generation == 2)
        }
    }

    @Test("logins that were made together do not refresh together")
    func jitter() {
        let policy = RefreshPolicy()
        let dues = (0..<1000).map { _ in policy.refreshAfter(lifetime: .seconds(7200)) }
        #expect(dues.allSatisfy { $0 >= .seconds(7200 * 0.7) && $0 <= .seconds(7200 * 0.85) })
        #expect(Set(dues.map { $0.components.seconds / 60 }).count > 10)
        #expect(policy.refreshAfter(lifetime: .seconds(86_400 * 365)) <= .seconds(25 * 86_400))
    }
}

extension TokenKeeper {
    /// Waits for what runs, and lets more be started afterwards.
    fileprivate func drained() async -> Bool {
        while flightCount > 0 { await Task.yield() }
        return true
    }
}
