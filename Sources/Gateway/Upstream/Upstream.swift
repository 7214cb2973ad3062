import HTTP
import Kick
import Model
package import Net
package import Store
import Telemetry

/// Tenants' calls to Kick, with the care that Kick needs: within budgets, repeated when that is safe, asked once for all
/// who want to know the same, and remembered for a while.
package final class Upstream: Sendable {
    /// How calls are made.
    package struct Policy: Sendable {
        /// For one call with all its tries, once there is a token.
        var timeout = Duration.seconds(12)
        var budget = CallBudget.Policy()
        var exchange = CarefulExchange.Policy()
        var memory = ReadMemory.Limits()

        package init() {}

        /// Calls per second to one operation for one app, in the long run.
        package var rate: Double {
            get { budget.rate }
            set {
                budget.rate = newValue
                budget.burst = 2 * newValue
                budget.concurrency = max(16, Int(newValue))
                budget.waitingPerTenant = max(64, Int(3 * newValue))
                budget.waiting = max(1024, 4 * budget.waitingPerTenant)
            }
        }
    }

    /// Who a call is made as.
    enum Subject: Sendable {
        case app(AppID)
        case login(Login)

        var app: AppID {
            switch self {
            case .app(let app): app
            case .login(let login): login.appID
            }
        }

        var key: ReadKey.Subject {
            switch self {
            case .app(let app): .app(app)
            case .login(let login): .login(login.id)
            }
        }

        var isLogin: Bool {
            if case .login = self { true } else { false }
        }
    }

    private let kick: KickAccess
    private let tokens: LoginTokens
    private let logins: LoginStore
    private let tenants: TenantStore
    private let changes: ReadChangeStore
    private let connecting: Connecting
    private let policy: Policy
    private let cache: ReadCache
    private let budgets: CallBudgets
    private let links = ConsentLinks()
    private static let report = Log("kick")

    package init(
        kick: KickAccess, tokens: LoginTokens, logins: LoginStore, tenants: TenantStore, changes: ReadChangeStore,
        connecting: Connecting, policy: Policy = Policy(), now: @escaping @Sendable () -> Deadline = { .now() }
    ) {
        self.kick = kick
        self.tokens = tokens
        self.logins = logins
        self.tenants = tenants
        self.changes = changes
        self.connecting = connecting
        self.policy = policy
        cache = ReadCache(limits: policy.memory, now: now)
        budgets = CallBudgets(policy: policy.budget)
    }

    /// Asks Kick, or remembers.
    ///
    /// Throws `missingScope` and `reconnectRequired` without asking Kick; Kick's trouble as `KickTrouble` names it; and what
    /// `encode` throws.
    ///
    /// - Parameter deadline: until when the caller waits. What is asked for others as well goes on.
    package func read<Value: Sendable>(
        _ read: KickRead<Value>, for caller: Caller, until deadline: Deadline = .never,
        encode: @escaping @Sendable (Value) throws -> [UInt8]
    ) async throws -> ReadAnswer {
        let subject = try await subject(read.credential, read.scopes, caller)
        let tenant = caller.tenant
        let result: Result<ReadAnswer, any Error>
        if let lifetime = read.lifetime {
            let key = ReadKey(subject: subject.key, operation: read.operation, parameters: read.parameters)
            result = await remembered(key, lifetime, until: deadline) { [self] in
                await find(read, subject, tenant, encode)
            }
        } else {
            result = await find(read, subject, tenant, encode).map { .unkept($0.representation) }
        }
        return try Self.told(result, isLogin: subject.isLogin, changes: false)
    }

    /// Has Kick change something, once. What it makes untrue is forgotten, here and in the other replicas.
    package func write<Value: Sendable>(_ write: KickWrite<Value>, for caller: Caller) async throws -> Value {
        let subject = try await subject(write.credential, write.operation.scopes, caller)
        let call = write.call
        let result = await attempt(subject, caller.tenant) { api, token, deadline throws(KickError) in
            try await call(api, token, deadline)
        }
        if !write.changes.isEmpty, Self.mayHaveHappened(result) {
            cache.change(write.changes)
            await announce(write.changes)
        }
        return try Self.told(result, isLogin: subject.isLogin, changes: true)
    }

    /// Another replica says that something has changed.
    package func didChange(_ tags: [CacheTag]) {
        cache.change(tags)
    }

    // MARK: Calling

    private func remembered(
        _ key: ReadKey, _ lifetime: CacheLifetime, until deadline: Deadline,
        ask: @escaping @Sendable () async -> Result<ReadCache.Finding, any Error>
    ) async -> Result<ReadAnswer, any Error> {
        do {
            return .success(try await cache.answer(to: key, lifetime, until: deadline, ask: ask))
        } catch {
            return .failure(error)
        }
    }

    private func find<Value: Sendable>(
        _ read: KickRead<Value>, _ subject: Subject, _ tenant: TenantID,
        _ encode: @Sendable (Value) throws -> [UInt8]
    ) async -> Result<ReadCache.Finding, any Error> {
        let load = read.load
        let result = await attempt(subject, tenant) { api, token, deadline throws(KickError) in
            try await load(api, token, deadline)
        }
        return result.flatMap { value in
            guard let value else { return .success(ReadCache.Finding(representation: nil, tags: [], isWhole: true)) }
            return Result {
                ReadCache.Finding(
                    representation: Representation(try encode(value)), tags: read.tags(value),
                    isWhole: read.isWhole(value))
            }
        }
    }

    private func attempt<R: Sendable>(
        _ subject: Subject, _ tenant: TenantID,
        _ call: @Sendable (KickAPI, Secret<String>, Deadline) async throws(KickError) -> R
    ) async -> Result<R, any Error> {
        let exchange = CarefulExchange(
            exchange: kick.exchange, budgets: budgets, policy: policy.exchange, app: subject.app, tenant: tenant)
        let api = KickAPI(exchange: exchange.asExchange)
        do {
            switch subject {
            case .app(let app):
                return .success(
                    try await kick.withAppToken(of: app) { token throws(KickError) in
                        try await call(api, token, .after(policy.timeout))
                    })
            case .login(let login):
                let deadline = Deadline.after(policy.timeout)
                return .success(
                    try await tokens.withToken(of: login.id, in: tenant, deadline: deadline) {
                        grant throws(KickError) in
                        try await call(api, grant.token, deadline)
                    })
            }
        } catch {
            return .failure(error)
        }
    }

    /// Whether it has, or nobody knows.
    private static func mayHaveHappened<R>(_ result: Result<R, any Error>) -> Bool {
        switch result {
        case .success: true
        case .failure(let error as KickError): !KickTrouble.isUndone(error)
        // No token: Kick was not asked.
        case .failure: false
        }
    }

    private func announce(_ tags: [CacheTag]) async {
        do {
            try await changes.announce(tags.map(\.description).joined(separator: " "))
        } catch {
            // The others see it when their memory's short life is over.
            Self.report.debug("a change was not announced", ["error": .string("\(error)")])
        }
    }

    private static func told<R>(_ result: Result<R, any Error>, isLogin: Bool, changes: Bool) throws -> R {
        do {
            return try result.get()
        } catch let error as KickError {
            throw KickTrouble.gatewayError(error, isLogin: isLogin, changes: changes)
        }
    }

    // MARK: Who asks

    private func subject(
        _ credential: KickCredential, _ scopes: [[KickScope]], _ caller: Caller
    ) async throws -> Subject {
        let login: Login?
        switch credential {
        case .app: return .app(caller.app)
        case .soleApp:
            guard try await tenants.isAlone(caller.tenant, on: caller.app) else {
                throw GatewayError(
                    .forbidden,
                    "several tenants use this Kick app, so its Drops claims are nobody's: a tenant with campaigns needs an app of "
                        + "its own")
            }
            return .app(caller.app)
        case .user(let id): login = try await logins.login(ofUser: id, in: caller.tenant)
        case .login(let id): login = try await logins.login(id, in: caller.tenant)
        }
        guard let login else {
            // Connecting lifts it: nothing that a repetition should meet again.
            if case .login = credential {
                throw GatewayError(.notFound, "there is no such login", isUndone: true)
            }
            throw GatewayError(.notFound, "there is no login of this broadcaster", isUndone: true)
        }
        guard login.state != .disconnected else {
            throw GatewayError(
                .reconnectRequired, "\(login.username) was disconnected here: a connect link brings the login back")
        }
        guard login.state == .connected else { throw LoginTokens.mustReconnect }
        let granted = login.scopes.map(KickScope.init(rawValue:))
        let missing = scopes.missing(granted: granted).map(\.rawValue)
        guard missing.isEmpty else { throw await missingScope(missing, login, caller) }
        return .login(login)
    }

    private func missingScope(_ missing: [String], _ login: Login, _ caller: Caller) async -> GatewayError {
        let url = caller.scopes.contains(.loginsWrite) ? await links.url(for: login, missing, connecting) : nil
        let names = missing.joined(separator: " ")
        let hint =
            url == nil
            ? "make a connect link that asks for it (POST /v1/connect-links with login_id and scopes)"
            : "send the broadcaster to connect_url"
        return GatewayError(
            .missingScope, "\(login.username) has not granted \(names): \(hint)",
            consent: GatewayError.MissingConsent(scopes: missing, login: login.id, url: url))
    }
}
