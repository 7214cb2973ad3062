import Crypto
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

/// The way to Kick of one tenant's key, with a count of what really goes there.
struct UpstreamStage: Sendable {
    let kick: KickStage
    let upstream: Upstream
    let caller: Caller
    /// Requests that reached Kick's door, as operations.
    let calls: Box<[KickOperation]>
    /// When set, what Kick answers in place of the sandbox.
    let trouble: Box<KickTroubles?>
    /// When set, Kick is silent until this comes.
    let hang: Box<Promise<Void>?>
    /// How far the memory's clock is ahead.
    let ahead: Box<Duration>

    /// What is to go wrong, and for which operation.
    struct KickTroubles: Sendable {
        var answer: @Sendable (KickRequest) -> Result<KickAnswer, KickError>?
    }

    static func run(
        sandbox: (inout SandboxConfiguration) -> Void = { _ in },
        policy adjust: @escaping @Sendable (inout Upstream.Policy) -> Void = { _ in },
        keyScopes: [KeyScope] = KeyScope.allCases,
        _ body: @escaping @Sendable (UpstreamStage) async throws -> Void
    ) async throws {
        try await KickStage.run(sandbox) { stage in
            let calls = Box<[KickOperation]>([])
            let trouble = Box<KickTroubles?>(nil)
            let hang = Box<Promise<Void>?>(nil)
            let kick = try stage.kick { exchange in
                { (request: KickRequest, deadline: Deadline) async throws(KickError) -> KickAnswer in
                    calls.update { $0.append(request.operation) }
                    _ = await hang.value?.value(until: deadline)
                    if let result = trouble.value?.answer(request) { return try result.get() }
                    return try await exchange(request, deadline)
                }
            }
            let ahead = Box(Duration.zero)
            var policy = Upstream.Policy()
            adjust(&policy)
            try await body(
                UpstreamStage(
                    kick: stage, upstream: try make(stage, kick, policy, ahead),
                    caller: try await caller(stage, stage.tenant, keyScopes), calls: calls, trouble: trouble,
                    hang: hang,
                    ahead: ahead))
        }
    }

    private static func make(
        _ stage: KickStage, _ kick: KickAccess, _ policy: Upstream.Policy, _ ahead: Box<Duration>
    ) throws -> Upstream {
        Upstream(
            kick: kick, tokens: LoginTokens(store: stage.fixture.logins, keeper: try stage.keeper(kick: kick)),
            logins: stage.fixture.logins, tenants: stage.fixture.tenants,
            changes: ReadChangeStore(database: stage.fixture.database),
            connecting: Connecting(
                store: stage.fixture.connects, logins: stage.fixture.logins, kick: kick,
                publicURL: HTTPURL("http://localhost:8080")!),
            policy: policy, now: { .now() + ahead.value })
    }

    private static func caller(_ stage: KickStage, _ tenant: Tenant, _ scopes: [KeyScope]) async throws -> Caller {
        let keys = KeyStore(database: stage.fixture.database)
        let secret = SecretToken(prefix: "kgw_")
        _ = try await keys.create(
            stage.fixture.id(KeyID.self), name: "test", hint: "kgw_", tokenHash: secret.hash, scopes: scopes,
            expiresAt: nil, in: tenant.id)
        return try await AccessControl(store: keys).caller(secret: secret.reveal())
    }

    /// A key of another tenant of the same app.
    func otherCaller() async throws -> Caller {
        let tenant = try await kick.fixture.makeTenant("other")
        return try await Self.caller(kick, tenant, KeyScope.allCases)
    }

    /// A key of a tenant of another app.
    func foreignCaller() async throws -> Caller {
        let tenants = kick.fixture.tenants
        let app = try await tenants.put(
            kick.fixture.id(AppID.self), name: "second", clientID: "second", clientSecret: Secret("second-secret"),
            isDefault: false)
        let tenant = try await tenants.create(kick.fixture.id(TenantID.self), name: "foreign", app: app)
        return try await Self.caller(kick, try #require(tenant), KeyScope.allCases)
    }

    /// A login whose broadcaster has granted these, or everything.
    func makeLogin(_ user: Int = 5001, scopes: [KickScope] = KickScope.all) async throws -> Login {
        let login = try await kick.makeLogin(user)
        _ = try await kick.fixture.database.execute(
            "UPDATE logins SET scopes = \(scopes.map(\.rawValue)) WHERE id = \(login.id)")
        return try await kick.login(login)
    }

    /// What is read, as text.
    func read<Value: Sendable>(_ read: KickRead<Value>, as caller: Caller? = nil) async throws -> ReadAnswer {
        try await upstream.read(read, for: caller ?? self.caller) { Array("\($0)".utf8) }
    }

    func write<Value: Sendable>(_ write: KickWrite<Value>) async throws -> Value {
        try await upstream.write(write, for: caller)
    }

    func count(_ operation: KickOperation) -> Int { calls.value.count { $0 == operation } }

    /// Has Kick answer so, to these operations or to all.
    func answer(_ status: Int, _ body: String = "{}", fields: Fields = Fields(), to operations: [KickOperation]) {
        trouble.update {
            $0 = KickTroubles { request in
                guard operations.contains(request.operation) else { return nil }
                return .success(KickAnswer(status: status, fields: fields, body: Array(body.utf8)))
            }
        }
    }
}

extension ReadAnswer {
    var text: String? { representation.map { String(decoding: $0.bytes, as: UTF8.self) } }
}
