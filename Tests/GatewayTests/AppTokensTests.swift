import Crypto
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

/// A token endpoint that counts: every fetch gives the next token.
private final class CountingEndpoint: Sendable {
    let fetches = Box(0)
    /// Awaited before the answer.
    let pause: @Sendable () async -> Void
    let status: Box<Int>
    let lifetime: Int

    init(lifetime: Int = 7200, status: Int = 200, pause: @escaping @Sendable () async -> Void = {}) {
        self.lifetime = lifetime
        self.status = Box(status)
        self.pause = pause
    }

    var exchange: KickExchange {
        { [self] request, _ throws(KickError) in
            guard case .form(let form) = request.body, form["grant_type"] == "client_credentials" else {
                return KickAnswer(status: 404, fields: Fields(), body: [])
            }
            let number = Box(0)
            fetches.update {
                $0 += 1
                let now = $0
                number.update { $0 = now }
            }
            await pause()
            return KickAnswer(
                status: status.value, fields: Fields(),
                body: Array(
                    """
                    {"access_token":"app-\(number.value)","token_type":"Bearer","expires_in":\(lifetime)}
                    """.utf8))
        }
    }
}

@Suite("App tokens", .timeLimit(.minutes(1)))
struct AppTokensTests {
    private static var policy: AppTokenPolicy {
        var policy = AppTokenPolicy()
        policy.poll = .milliseconds(5)
        return policy
    }

    /// A replica of its own, but for the database.
    private static func replica(
        _ fixture: StoreFixture, _ endpoint: CountingEndpoint, policy: AppTokenPolicy = policy
    ) -> KickAccess {
        KickAccess(
            servers: .kick, apps: AppDirectory(store: fixture.tenants),
            tokens: AppTokenStore(database: fixture.database, vault: fixture.vault), policy: policy,
            exchange: endpoint.exchange)
    }

    private static func token(_ kick: KickAccess, _ app: AppID) async throws -> String {
        try await kick.withAppToken(of: app) { token throws(KickError) in token.reveal() }
    }

    /// Kick accepts these tokens alone.
    private static func token(_ kick: KickAccess, _ app: AppID, accepted: Set<String>) async throws -> String {
        try await kick.withAppToken(of: app) { token throws(KickError) in
            guard accepted.contains(token.reveal()) else { throw KickError(.unauthorized, status: 401) }
            return token.reveal()
        }
    }

    private static func all(
        _ replicas: [KickAccess], _ fixture: StoreFixture, times: Int,
        _ body: @escaping @Sendable (KickAccess) async throws -> String
    ) async throws -> Set<String> {
        try await withThrowingTaskGroup(of: String.self) { group in
            for index in 0..<times {
                let kick = replicas[index % replicas.count]
                group.addTask(executorPreference: fixture.loops.next()) { try await body(kick) }
            }
            return try await group.reduce(into: []) { $0.insert($1) }
        }
    }

    @Test("50 callers on two replicas share one fetch; a 401 costs exactly one more")
    func shared() async throws {
        try await StoreFixture.run { fixture in
            let app = try await fixture.makeTenant().appID
            let endpoint = CountingEndpoint { try? await sleep(for: .milliseconds(50)) }
            let replicas = [Self.replica(fixture, endpoint), Self.replica(fixture, endpoint)]
            let tokens = try await Self.all(replicas, fixture, times: 50) { try await Self.token($0, app) }
            #expect(tokens == ["app-1"])
            #expect(endpoint.fetches.value == 1)

            let renewed = try await Self.all(replicas, fixture, times: 50) {
                try await Self.token($0, app, accepted: ["app-2"])
            }
            #expect(renewed == ["app-2"])
            #expect(endpoint.fetches.value == 2)
            // It lies sealed in the database, and a third replica takes it from there.
            let stored = try await fixture.testDatabase.psql("SELECT encode(token_sealed, 'escape') FROM app_tokens")
            #expect(!stored.contains("app-2"))
            #expect(try await Self.token(Self.replica(fixture, endpoint), app) == "app-2")
            #expect(endpoint.fetches.value == 2)
        }
    }

    @Test("a token that Kick refuses again is an error, not a loop")
    func refusedTwice() async throws {
        try await StoreFixture.run { fixture in
            let app = try await fixture.makeTenant().appID
            let endpoint = CountingEndpoint()
            let kick = Self.replica(fixture, endpoint)
            await #expect(throws: KickError.self) { _ = try await Self.token(kick, app, accepted: []) }
            #expect(endpoint.fetches.value == 2)
        }
    }

    @Test("the lease of a process that died while it fetched runs out, and another one fetches")
    func deadHolder() async throws {
        try await StoreFixture.run { fixture in
            let app = try await fixture.makeTenant().appID
            let store = AppTokenStore(database: fixture.database, vault: fixture.vault)
            guard case .leased(let dead) = try await store.claim(app, generation: 0, lease: .milliseconds(300)) else {
                Issue.record("no lease")
                return
            }
            let endpoint = CountingEndpoint()
            let kick = Self.replica(fixture, endpoint)
            #expect(try await Self.token(kick, app) == "app-1")
            #expect(endpoint.fetches.value == 1)
            let isOver = try await fixture.testDatabase.psql(
                "SELECT clock_timestamp() > '\(dead.until)'::timestamptz")
            #expect(isOver.hasPrefix("t"))
            // What the dead one would have stored comes too late.
            #expect(try await store.store(Secret("late"), lifetime: .seconds(7200), for: dead) == nil)
        }
    }

    @Test("who waits for another process longer than patience says so")
    func impatience() async throws {
        try await StoreFixture.run { fixture in
            let app = try await fixture.makeTenant().appID
            let store = AppTokenStore(database: fixture.database, vault: fixture.vault)
            guard case .leased = try await store.claim(app, generation: 0, lease: .seconds(600)) else {
                Issue.record("no lease")
                return
            }
            var policy = Self.policy
            policy.patience = .milliseconds(30)
            let endpoint = CountingEndpoint()
            let kick = Self.replica(fixture, endpoint, policy: policy)
            await #expect(throws: GatewayError.self) { _ = try await Self.token(kick, app) }
            #expect(endpoint.fetches.value == 0)
        }
    }

    @Test("a fetch that failed leaves the way free for the next one")
    func failure() async throws {
        try await StoreFixture.run { fixture in
            let app = try await fixture.makeTenant().appID
            let endpoint = CountingEndpoint(status: 503)
            var policy = Self.policy
            policy.lease = .seconds(600)
            let kick = Self.replica(fixture, endpoint, policy: policy)
            await #expect(throws: KickError.self) { _ = try await Self.token(kick, app) }
            endpoint.status.update { $0 = 200 }
            #expect(try await Self.token(Self.replica(fixture, endpoint, policy: policy), app) == "app-2")
        }
    }

    @Test("a token in memory serves while the database is down; near its end it does until it is over")
    func databaseDown() async throws {
        try await StoreFixture.run { fixture in
            let app = try await fixture.makeTenant().appID
            let endpoint = CountingEndpoint()
            let fresh = Self.replica(fixture, endpoint)
            #expect(try await Self.token(fresh, app) == "app-1")
            // One whose tokens should be renewed at once.
            var policy = Self.policy
            policy.partOfShortLife = 0
            let short = CountingEndpoint(lifetime: 1800)
            let ending = Self.replica(fixture, short, policy: policy)
            _ = try await fixture.database.execute("UPDATE app_tokens SET token_sealed = NULL, expires_at = NULL")
            #expect(try await Self.token(ending, app) == "app-1")
            #expect(try await Self.token(ending, app) == "app-2")

            await fixture.database.shutdown(within: .seconds(1))
            for _ in 0..<10 { #expect(try await Self.token(fresh, app) == "app-1") }
            for _ in 0..<10 { #expect(try await Self.token(ending, app) == "app-2") }
            let empty = Self.replica(fixture, endpoint)
            await #expect(throws: DatabaseError.self) { _ = try await Self.token(empty, app) }
            #expect(endpoint.fetches.value == 1)
        }
    }

    @Test("a token that does not open is replaced")
    func unreadable() async throws {
        try await StoreFixture.run { fixture in
            let app = try await fixture.makeTenant().appID
            let endpoint = CountingEndpoint()
            #expect(try await Self.token(Self.replica(fixture, endpoint), app) == "app-1")
            _ = try await fixture.database.execute(
                "UPDATE app_tokens SET token_sealed = (SELECT client_secret_sealed FROM apps)")
            #expect(try await Self.token(Self.replica(fixture, endpoint), app) == "app-2")
        }
    }
}
