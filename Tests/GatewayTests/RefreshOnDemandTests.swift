import HTTP
import Kick
import Model
import Net
import Postgres
import Sandbox
import Store
import Telemetry
import TestKit
import Testing

@testable import Gateway

@Suite("Refresh on demand", .timeLimit(.minutes(1)))
struct RefreshOnDemandTests {
    private static let deadline = Deadline.after(.seconds(60))

    /// What the sandbox counted for the grant of the only login.
    private static func counts(_ stage: KickStage) async throws -> (refreshes: Int, mostAtOnce: Int, refused: Int) {
        let summary = try await stage.call(.get, "/sandbox/refreshes")
        let number = { (name: String) in summary[name] as? Int ?? -1 }
        return (number("refreshes"), number("max_in_flight"), number("refused"))
    }

    @Test("P3 many callers at once, in two processes, and the schedule: one refresh, and everybody gets the new token")
    func joined() async throws {
        try await KickStage.run { stage in
            let login = try await stage.makeLogin()
            try await stage.makeDue(login)
            try await stage.expire(login)
            try await stage.order(fault: ["delay_ms": 200, "count": 100])
            let keepers = [try stage.keeper(), try stage.keeper()]
            let used = Box<Set<String>>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for keeper in keepers {
                    group.addTask { _ = await keeper.refreshDue() }
                    for _ in 0..<25 {
                        group.addTask {
                            let tokens = LoginTokens(store: stage.fixture.logins, keeper: keeper)
                            let token = try await tokens.withToken(
                                of: login.id, in: stage.tenant.id, deadline: Self.deadline
                            ) { grant throws(KickError) in
                                #expect(grant.generation == 2)
                                return grant.token.reveal()
                            }
                            used.update { $0.insert(token) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(used.value.count == 1)
            let counts = try await Self.counts(stage)
            #expect((counts.refreshes, counts.mostAtOnce) == (1, 1))
        }
    }

    @Test("a token that Kick answers with 401 is renewed and the call made once more; a second 401 is the answer")
    func unauthorized() async throws {
        try await KickStage.run { stage in
            let login = try await stage.makeLogin()
            let tokens = LoginTokens(store: stage.fixture.logins, keeper: try stage.keeper())
            let call = { @Sendable () async throws -> Int64 in
                try await tokens.check(login.id, in: stage.tenant.id, deadline: Self.deadline).userID
            }
            #expect(try await call() == 5001)
            _ = try await stage.fixture.database.execute(
                "UPDATE logins SET refresh_issued_at = now() - interval '1 hour'")
            try await stage.order(fault: ["target": "api", "status": 401, "body": "{}"])
            #expect(try await call() == 5001)
            #expect(try await Self.counts(stage).refreshes == 1)
            // The pair is brand-new now: what Kick says of it stands.
            try await stage.order(fault: ["target": "api", "status": 401, "body": "{}"])
            await #expect(throws: KickError.self) { try await call() }
            #expect(try await Self.counts(stage).refreshes == 1)
        }
    }

    @Test("a login that its owner removed at Kick is recognised: 401 and a refused refresh")
    func removed() async throws {
        try await KickStage.run { stage in
            let login = try await stage.makeLogin()
            try await stage.expire(login)
            try await stage.call(.post, "/sandbox/disconnect", ["user_id": 5001, "client_id": "client"])
            let tokens = LoginTokens(store: stage.fixture.logins, keeper: try stage.keeper())
            for _ in 0..<2 {
                let error = await #expect(throws: GatewayError.self) {
                    try await tokens.check(login.id, in: stage.tenant.id, deadline: Self.deadline)
                }
                #expect(error?.code == .reconnectRequired)
            }
            #expect(try await stage.login(login).state == .reconnectRequired)
            #expect(try await stage.logged() == ["gateway.login.reconnect_required"])
            #expect(try await Self.counts(stage).refused == 1)
        }
    }

    @Test("P2 a caller that goes away in the middle loses nothing: the new pair is stored")
    func abandoned() async throws {
        try await KickStage.run {
            $0.tokens.refreshMode = .singleUse
        } _: { stage in
            let login = try await stage.makeLogin()
            try await stage.expire(login)
            try await stage.order(fault: ["delay_ms": 300, "when": "after"])
            let keeper = try stage.keeper()
            let tokens = LoginTokens(store: stage.fixture.logins, keeper: keeper)
            let caller = Task(executorPreference: stage.fixture.loops.loops[0]) {
                try await tokens.check(login.id, in: stage.tenant.id, deadline: Self.deadline)
            }
            await until { keeper.flightCount == 1 }
            caller.cancel()
            await #expect(throws: GatewayError.self) { try await caller.value }
            await until { keeper.flightCount == 0 }
            let settled = try await stage.login(login)
            #expect((settled.state, settled.generation) == (.connected, 2))
        }
    }

    @Test("P16 a caller waits no longer than its deadline")
    func late() async throws {
        try await KickStage.run { stage in
            let login = try await stage.makeLogin()
            try await stage.expire(login)
            try await stage.order(fault: ["delay_ms": 500])
            let keeper = try stage.keeper()
            let tokens = LoginTokens(store: stage.fixture.logins, keeper: keeper)
            let error = await #expect(throws: GatewayError.self) {
                try await tokens.check(login.id, in: stage.tenant.id, deadline: .after(.milliseconds(50)))
            }
            #expect(error?.code == .unavailable)
            await until { keeper.flightCount == 0 }
            #expect(try await stage.login(login).generation == 2)
        }
    }

    @Test("P5 while Kick is in trouble callers are told when to come again, and Kick is not asked for each of them")
    func trouble() async throws {
        try await KickStage.run { stage in
            let login = try await stage.makeLogin()
            try await stage.expire(login)
            try await stage.order(fault: ["status": 503, "body": "", "count": 1000])
            var policy = RefreshPolicy()
            policy.pauses = .seconds(60) ... .seconds(300)
            policy.pauseAfterLostAnswer = .seconds(60)
            let tokens = LoginTokens(store: stage.fixture.logins, keeper: try stage.keeper(policy))
            for _ in 0..<20 {
                let error = await #expect(throws: GatewayError.self) {
                    try await tokens.check(login.id, in: stage.tenant.id, deadline: Self.deadline)
                }
                #expect(error?.code == .unavailable)
                #expect(error?.retryAfter ?? 0 >= 1)
            }
            let settled = try await stage.login(login)
            #expect((settled.state, settled.refreshFailures) == (.connected, 1))
            #expect(try await stage.logged() == ["gateway.login.refresh_failing"])
        }
    }

    @Test("P4 the refresh token before is kept until the new pair has worked")
    func proven() async throws {
        try await KickStage.run { stage in
            let login = try await stage.makeLogin()
            try await stage.makeDue(login)
            let keeper = try stage.keeper()
            await stage.refreshDue(with: keeper)
            let kept: @Sendable () async throws -> Bool? = {
                try await stage.fixture.logins.accessGrant(of: login.id, in: stage.tenant.id)?.hasPrevious
            }
            #expect(try await kept() == true)
            let tokens = LoginTokens(store: stage.fixture.logins, keeper: keeper)
            _ = try await tokens.check(login.id, in: stage.tenant.id, deadline: Self.deadline)
            #expect(try await kept() == false)
        }
    }

    @Test("a login that Kick gave up on by mistake comes back when somebody asks for another try")
    func forced() async throws {
        try await KickStage.run { stage in
            let login = try await stage.makeLogin()
            try await stage.makeDue(login)
            try await stage.order(fault: ["status": 400, "body": #"{"error":"invalid_grant"}"#])
            let keeper = try stage.keeper()
            await stage.refreshDue(with: keeper)
            #expect(try await stage.login(login).state == .reconnectRequired)
            let tokens = LoginTokens(store: stage.fixture.logins, keeper: keeper)
            try await tokens.renew(login.id, in: stage.tenant.id, deadline: Self.deadline)
            #expect(try await stage.login(login).state == .connected)
            #expect(
                try await stage.logged() == ["gateway.login.reconnect_required", "gateway.login.recovered"])
        }
    }

    @Test("P14 a login of another tenant is not found")
    func otherTenant() async throws {
        try await KickStage.run { stage in
            let login = try await stage.makeLogin()
            let other = try #require(
                try await stage.fixture.tenants.create(
                    stage.fixture.id(TenantID.self), name: "other", app: stage.tenant.appID))
            let tokens = LoginTokens(store: stage.fixture.logins, keeper: try stage.keeper())
            let error = await #expect(throws: GatewayError.self) {
                try await tokens.check(login.id, in: other.id, deadline: Self.deadline)
            }
            #expect(error?.code == .notFound)
        }
    }
}
