package import Kick
package import Model
package import Net
package import Store
import Telemetry

/// Calls to Kick on behalf of a login: with its token, which is renewed when its life is over or Kick refuses it.
package struct LoginTokens: Sendable {
    private let store: LoginStore
    private let keeper: TokenKeeper
    private let policy: RefreshPolicy
    private static let report = Log("tokens")

    package init(store: LoginStore, keeper: TokenKeeper, policy: RefreshPolicy = RefreshPolicy()) {
        self.store = store
        self.keeper = keeper
        self.policy = policy
    }

    /// Runs a call with the login's access token.
    ///
    /// A token at the end of its life is renewed first. One that Kick answers with 401 is renewed, and the call made once
    /// more; a 401 for a pair that is brand-new is Kick's word and is thrown (FACTS §2.1). The token is only ever one that
    /// is stored (P1).
    ///
    /// Throws `notFound`, also for another tenant's login (P14); `reconnectRequired`; `unavailable` when the token cannot be
    /// renewed now; and what `call` throws.
    package func withToken<R: Sendable>(
        of login: LoginID, in tenant: TenantID, deadline: Deadline,
        _ call: (AccessGrant) async throws(KickError) -> R
    ) async throws -> R {
        var grant = try await usableGrant(of: login, in: tenant)
        if grant.remaining < policy.margin {
            grant = try await renewed(login, grant, in: tenant, deadline: deadline)
        }
        var result = await Self.attempt(call, grant)
        if case .failure(let error) = result, error.kind == .unauthorized, grant.age >= policy.youngest {
            grant = try await renewed(login, grant, in: tenant, deadline: deadline)
            result = await Self.attempt(call, grant)
        }
        let value = try result.get()
        if grant.hasPrevious { await forgetPrevious(login, grant, in: tenant) }
        return value
    }

    /// Apart from the function above: with a `do` around a typed throw in it, Swift 6.3.1 crashes.
    private static func attempt<R: Sendable>(
        _ call: (AccessGrant) async throws(KickError) -> R, _ grant: AccessGrant
    ) async -> Result<R, KickError> {
        do {
            return .success(try await call(grant))
        } catch {
            return .failure(error)
        }
    }

    /// Asks Kick whose token it is: the proof that a login works, or is mended, or is gone. Throws as
    /// ``withToken(of:in:deadline:_:)`` does, and `KickError`.
    package func check(_ login: LoginID, in tenant: TenantID, deadline: Deadline) async throws -> KickUser {
        let (user, owner) = try await withToken(of: login, in: tenant, deadline: deadline) {
            grant throws(KickError) in
            (try await keeper.kick.api.ownUser(token: grant.token, deadline: deadline), grant.kickUserID)
        }
        guard user.userID == owner else {
            throw GatewayError(.upstream, "Kick says that this login's token is another account's")
        }
        return user
    }

    /// Has the pair renewed now, whatever its age, also when Kick has refused every token before.
    package func renew(_ login: LoginID, in tenant: TenantID, deadline: Deadline) async throws {
        guard let grant = try await store.accessGrant(of: login, in: tenant), grant.state != .disconnected else {
            _ = try await usableGrant(of: login, in: tenant)
            return
        }
        _ = try await renewed(login, grant, in: tenant, isForced: true, deadline: deadline)
    }

    private func usableGrant(of login: LoginID, in tenant: TenantID) async throws -> AccessGrant {
        guard let grant = try await store.accessGrant(of: login, in: tenant) else {
            guard try await store.login(login, in: tenant) != nil else {
                throw GatewayError(.notFound, "there is no such login")
            }
            throw Self.mustReconnect
        }
        guard grant.state == .connected else { throw Self.mustReconnect }
        return grant
    }

    private func renewed(
        _ login: LoginID, _ grant: AccessGrant, in tenant: TenantID, isForced: Bool = false, deadline: Deadline
    ) async throws -> AccessGrant {
        let result = try await keeper.refresh(
            login, generation: grant.generation, in: tenant, isForced: isForced, deadline: deadline)
        switch result {
        case .renewed:
            let newer = try await usableGrant(of: login, in: tenant)
            guard newer.generation != grant.generation else {
                throw GatewayError(.unavailable, "the login's token could not be renewed", retryAfter: 2)
            }
            return newer
        case .later(let reason, let retryAfter):
            let seconds = max(1, Int((retryAfter / .seconds(1)).rounded(.up)))
            throw GatewayError(
                .unavailable, "the login's token cannot be renewed now: \(reason)", retryAfter: seconds)
        case .reconnectRequired, .notConnected: throw Self.mustReconnect
        }
    }

    /// A token that has worked needs no understudy. When this fails the next call does it.
    private func forgetPrevious(_ login: LoginID, _ grant: AccessGrant, in tenant: TenantID) async {
        do {
            try await store.forgetPreviousToken(of: login, generation: grant.generation, in: tenant)
        } catch {
            Self.report.debug("an old refresh token was not forgotten", ["login": .text(login)])
        }
    }

    static let mustReconnect = GatewayError(
        .reconnectRequired, "Kick takes none of this login's tokens: its broadcaster must connect again")
}
