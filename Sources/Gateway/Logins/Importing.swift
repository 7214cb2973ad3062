import Crypto
import Kick
package import Model
package import Net
package import Store
import Synchronization
package import Telemetry

/// Takes over pairs of tokens that other programs got from Kick, for the app that the tenant goes through.
///
/// What can be checked without using up anything is checked first. Then the pair is stored, and only then proven: by a
/// refresh, which is a flight like any other (P1 to P4), and by asking whose the new tokens are. A pair whose access token
/// is over cannot be stored first, because only Kick knows whose it is: it is refreshed first, and from Kick's answer on
/// the rest is a job of its own that goes on until the new pair is stored.
package final class Importing: Sendable {
    package struct Imported: Sendable {
        package let login: Login
        /// Whether the refresh token has been seen to work. If not, that is found out within a minute.
        package let isProven: Bool
    }

    /// For one call to Kick.
    private static let timeout = Duration.seconds(10)
    /// When the schedule refreshes a pair that could not be proven at once.
    private static let proofAfter: ClosedRange<Double> = 20...50
    /// Imports at once whose new pair is not stored yet.
    private static let jobLimit = 256
    private static let report = Log("connect")

    private let store: LoginStore
    private let tenants: TenantStore
    private let keeper: TokenKeeper
    private let tokens: LoginTokens
    private let kick: KickAccess
    private let jobs = Mutex<[ObjectIdentifier: Promise<Result<Login, GatewayError>>]>([:])

    package init(
        store: LoginStore, tenants: TenantStore, keeper: TokenKeeper, tokens: LoginTokens
    ) {
        self.store = store
        self.tenants = tenants
        self.keeper = keeper
        self.tokens = tokens
        kick = keeper.kick
    }

    /// Stores the pair as the login of the account that it belongs to, under the id which that has had before.
    ///
    /// Throws `invalid`, naming the field, for what Kick does not take or was not issued to the tenant's app;
    /// `reconnectRequired` when the login is stored and Kick refuses its refresh token; `upstream` and `unavailable` when
    /// Kick, or the database, cannot be asked. No error says anything of the tokens themselves.
    package func importPair(
        access: Secret<String>, refresh: Secret<String>, in tenant: TenantID, deadline: Deadline
    ) async throws -> Imported {
        try Self.check(access, field: "access_token")
        try Self.check(refresh, field: "refresh_token")
        guard access != refresh else {
            throw GatewayError(.invalid, "is the access token", field: "refresh_token")
        }
        guard let app = try await tenants.tenant(tenant)?.appID else {
            throw GatewayError(.internal, "the tenant does not exist")
        }
        let (oauth, clientID) = try await kick.oauth(for: app)
        guard let facts = try await facts(of: access, oauth, deadline: deadline) else {
            let login = try await importProven(refresh, oauth, app, tenant, deadline: deadline)
            return Imported(login: login, isProven: true)
        }
        let granted = try Self.scopes(of: facts, clientID: clientID)
        let account = try await account(access, scopes: granted, deadline: deadline)
        // A login that works is not risked for a pair that may not.
        if try await store.login(of: account.kickUserID, through: app, in: tenant)?.state == .connected {
            let login = try await importProven(
                refresh, oauth, app, tenant, expecting: account.kickUserID, deadline: deadline)
            return Imported(login: login, isProven: true)
        }
        let pair = TokenPair(
            access: access, refresh: refresh, lifetime: Self.lifetime(facts), scopes: granted)
        let login = try await save(
            pair, account, app, tenant, refreshAfter: .seconds(Double.random(in: Self.proofAfter)))
        return try await prove(login, deadline: deadline)
    }

    /// Lets jobs come to their end. Returns false at the deadline (P18).
    package func drain(deadline: Deadline) async -> Bool {
        while let job = jobs.withLock({ $0.values.first }) {
            guard await job.value(until: deadline) != nil else { return false }
        }
        return true
    }

    // MARK: Checks

    /// A token is visible ASCII (RFC 6749 §A.12).
    private static func check(_ token: Secret<String>, field: String) throws(GatewayError) {
        let bytes = token.reveal().utf8
        guard (1...16384).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw GatewayError(.invalid, "must be a token: visible ASCII, at most 16384 characters", field: field)
        }
    }

    /// What Kick knows of the access token; nil when it is over, or Kick never knew it.
    private func facts(
        of access: Secret<String>, _ oauth: OAuthClient, deadline: Deadline
    ) async throws(GatewayError) -> TokenFacts? {
        do throws(KickError) {
            let facts = try await oauth.introspect(access, deadline: min(deadline, .after(Self.timeout)))
            return facts.isActive ? facts : nil
        } catch {
            guard error.kind == .unauthorized else { throw Self.upstream(error) }
            return nil
        }
    }

    /// The granted scopes of a token that can be taken over.
    private static func scopes(of facts: TokenFacts, clientID: String) throws(GatewayError) -> [String] {
        guard facts.clientID == clientID else {
            throw GatewayError(.invalid, "was issued to another Kick app than this tenant's", field: "access_token")
        }
        guard facts.tokenType == "user" else {
            throw GatewayError(.invalid, "is no user token", field: "access_token")
        }
        let scopes = facts.scopes ?? []
        guard scopes.contains(.userRead) else { throw unnamed }
        return scopes.map(\.rawValue)
    }

    private static let unnamed = GatewayError(
        .invalid, "lacks the scope user:read, without which it cannot be known whose it is", field: "access_token")

    /// What is left of the access token's life. By the clock of this machine; an error costs a refresh too early.
    private static func lifetime(_ facts: TokenFacts) -> Duration {
        guard let end = facts.expiresAt else { return TokenSet.assumedLifetime }
        return .seconds(max(0, end.seconds - Timestamp.now().seconds))
    }

    private func account(
        _ access: Secret<String>, scopes: [String], deadline: Deadline
    ) async throws(GatewayError) -> LoginStore.Account {
        do throws(KickError) {
            return try await kick.account(
                token: access, scopes: scopes, deadline: min(deadline, .after(Self.timeout)))
        } catch {
            throw Self.upstream(error)
        }
    }

    private static func upstream(_ error: KickError) -> GatewayError {
        // Before anything is stored.
        GatewayError(.upstream, "\(error)", retryAfter: error.isTransient ? 5 : nil, isUndone: true)
    }

    private func save(
        _ pair: TokenPair, _ account: LoginStore.Account, _ app: AppID, _ tenant: TenantID, refreshAfter: Duration
    ) async throws -> Login {
        let login = try await store.connect(
            LoginID(unchecked: LoginID.prefix + ULID.make().description), account: account, tokens: pair, app: app,
            refreshAfter: refreshAfter, link: nil, in: tenant, tell: LoginEvents.connecting)
        Self.report.info("imported", ["login": .text(login.id), "tenant": .text(tenant)])
        return login
    }

    // MARK: Proof

    /// Has the pair renewed, and looks whether the new tokens are the same account's: nothing else shows that the two
    /// that came together belong together.
    private func prove(_ login: Login, deadline: Deadline) async throws -> Imported {
        do {
            try await tokens.renew(login.id, in: login.tenantID, deadline: deadline)
            let (user, generation) = try await tokens.withToken(
                of: login.id, in: login.tenantID, deadline: deadline
            ) { grant throws(KickError) in
                (try await kick.api.ownUser(token: grant.token, deadline: deadline), grant.generation)
            }
            guard user.userID == login.kickUserID else { return try await refuse(login, generation: generation) }
            return Imported(login: try await store.login(login.id, in: login.tenantID) ?? login, isProven: true)
        } catch let error as GatewayError where error.code == .reconnectRequired {
            throw GatewayError(
                .reconnectRequired,
                "Kick refuses the refresh token. The login \(login.id) is stored; its broadcaster must connect again")
        } catch let error as GatewayError where error.code == .unavailable {
            return Imported(login: try await store.login(login.id, in: login.tenantID) ?? login, isProven: false)
        } catch is KickError {
            return Imported(login: try await store.login(login.id, in: login.tenantID) ?? login, isProven: false)
        }
    }

    private func refuse(_ login: Login, generation: Int64) async throws -> Imported {
        let reason = "the refresh token was another Kick account's than the access token"
        let lost = LoginEvents.make(
            .reconnectRequired, login: login.id, kickUserID: login.kickUserID, username: login.username,
            state: .reconnectRequired, reason: reason)
        _ = try await store.refuseTokens(
            of: login.id, generation: generation, reason: reason, lost: lost, in: login.tenantID)
        throw GatewayError(
            .invalid, "belongs to another Kick account than the access token", field: "refresh_token")
    }

    // MARK: Renewed before anything is stored

    /// - Parameter account: whose the pair has to be; nil when nobody knows.
    private func importProven(
        _ refresh: Secret<String>, _ oauth: OAuthClient, _ app: AppID, _ tenant: TenantID,
        expecting account: Int64? = nil, deadline: Deadline
    ) async throws -> Login {
        let job = Promise<Result<Login, GatewayError>>()
        let isTaken = jobs.withLock { jobs in
            guard jobs.count < Self.jobLimit else { return false }
            jobs[ObjectIdentifier(job)] = job
            return true
        }
        guard isTaken, let loop = Loop.current else {
            throw GatewayError(.unavailable, "too many imports are under way", retryAfter: 5)
        }
        loop.spawn { [self] in
            let result = await renewAndStore(refresh, oauth, app, tenant, expecting: account)
            _ = jobs.withLock { $0.removeValue(forKey: ObjectIdentifier(job)) }
            job.fulfil(result)
        }
        guard let result = await job.value(until: deadline) else {
            throw GatewayError(
                .unavailable, "the pair was renewed at Kick and is about to be stored: look at the logins",
                retryAfter: 30)
        }
        return try result.get()
    }

    private func renewAndStore(
        _ refresh: Secret<String>, _ oauth: OAuthClient, _ app: AppID, _ tenant: TenantID, expecting account: Int64?
    ) async -> Result<Login, GatewayError> {
        keeper.callDidBegin(app)
        let outcome = await oauth.refresh(refresh, deadline: .after(Self.timeout))
        if case .tryLater(let error) = outcome {
            keeper.callDidEnd(app, trouble: error)
            return .failure(Self.upstream(error))
        }
        keeper.callDidEnd(app, trouble: nil)
        guard case .renewed(let tokens) = outcome else {
            return .failure(
                account == nil
                    ? GatewayError(.invalid, "is not active, and Kick refuses the refresh token", field: "access_token")
                    : GatewayError(
                        .invalid, "is refused by Kick; the login goes on with the tokens that it has",
                        field: "refresh_token"))
        }
        let pair = TokenPair(
            access: tokens.accessToken, refresh: tokens.refreshToken ?? refresh, lifetime: tokens.lifetime,
            scopes: tokens.scopes?.map(\.rawValue))
        return await storeAtLast(pair, oauth, app, tenant, expecting: account)
    }

    /// The pair may be the only one that Kick takes by now: it is tried to be stored as long as a refreshed one is.
    private func storeAtLast(
        _ pair: TokenPair, _ oauth: OAuthClient, _ app: AppID, _ tenant: TenantID, expecting account: Int64?
    ) async -> Result<Login, GatewayError> {
        let deadline = Deadline.after(keeper.policy.storePatience)
        var failures = 0
        while true {
            do {
                return .success(try await identifyAndSave(pair, oauth, app, tenant, expecting: account))
            } catch {
                // What asking again does not mend.
                if let error = error as? GatewayError, error.retryAfter == nil { return .failure(error) }
                guard !deadline.hasPassed else {
                    return .failure(GatewayError(.unavailable, "the renewed pair could not be stored"))
                }
                failures += 1
                Self.report.error(
                    "an imported pair is not stored yet",
                    ["tenant": .text(tenant), "error": .string("\(error)"), "failures": .int(failures)])
                try? await sleep(for: min(.seconds(5), .milliseconds(50) * Double(1 << min(failures, 10))))
            }
        }
    }

    private func identifyAndSave(
        _ pair: TokenPair, _ oauth: OAuthClient, _ app: AppID, _ tenant: TenantID, expecting expected: Int64?
    ) async throws -> Login {
        var scopes = pair.scopes ?? []
        if scopes.isEmpty {
            scopes = try await facts(of: pair.access, oauth, deadline: .never)?.scopes?.map(\.rawValue) ?? []
        }
        guard scopes.contains(KickScope.userRead.rawValue) else { throw Self.unnamed }
        let account = try await account(pair.access, scopes: scopes, deadline: .never)
        if let expected, account.kickUserID != expected {
            // What was renewed is another account's. If that has a login here, its tokens are these by now.
            if try await store.login(of: account.kickUserID, through: app, in: tenant) != nil {
                let own = TokenPair(access: pair.access, refresh: pair.refresh, lifetime: pair.lifetime, scopes: scopes)
                _ = try await save(
                    own, account, app, tenant, refreshAfter: keeper.policy.refreshAfter(lifetime: own.lifetime))
            }
            throw GatewayError(
                .invalid, "belongs to another Kick account than the access token", field: "refresh_token")
        }
        let named = TokenPair(access: pair.access, refresh: pair.refresh, lifetime: pair.lifetime, scopes: scopes)
        let refreshAfter = keeper.policy.refreshAfter(lifetime: pair.lifetime)
        return try await save(named, account, app, tenant, refreshAfter: refreshAfter)
    }
}
