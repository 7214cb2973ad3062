import Kick
package import Model
package import Net
package import Store
import Telemetry

/// Ends logins: here at once, and at Kick as soon as Kick can be had.
///
/// The row says what is left to do, so any replica goes on where another stopped. Every step may be done twice.
package struct Disconnecting: Sendable {
    /// For the calls of one teardown; a request that ends a login waits as long.
    private static let timeout = Duration.seconds(10)
    /// Longer than everything that a teardown may wait for.
    private static let lease = Duration.seconds(60)
    /// First and last pause after an attempt that failed.
    private static let pauses: ClosedRange<Duration> = .seconds(30) ... .seconds(3600)
    private static let batch = 8
    private static let report = Log("logins")

    private let store: LoginStore
    private let kick: KickAccess

    package init(store: LoginStore, kick: KickAccess) {
        self.store = store
        self.kick = kick
    }

    // MARK: On request

    /// Ends a login, and tries to have it ended at Kick by the deadline. What is left then is done in the background: the
    /// login says so (`teardown.isPending`). May be called again, with the same effect. Throws `notFound`, also for
    /// another tenant's login (P14).
    package func disconnect(_ id: LoginID, in tenant: TenantID, deadline: Deadline) async throws -> Login {
        let ended = try await store.disconnect(id, in: tenant) { LoginEvents.make(.disconnected, $0) }
        guard let ended else { throw GatewayError(.notFound, "there is no such login") }
        guard ended.teardown.isPending else { return ended }
        let deadline = min(deadline, .after(Self.timeout))
        do {
            try await tearDownSoon(id, in: tenant, deadline: deadline)
            return try await store.login(id, in: tenant) ?? ended
        } catch {
            // The wish is committed, and the rest is nobody's failure who asked.
            Self.report.warning(
                "a login could not be ended at Kick yet",
                ["login": .text(id), "tenant": .text(tenant), "error": .string("\(error)")])
            return ended
        }
    }

    private func tearDownSoon(_ id: LoginID, in tenant: TenantID, deadline: Deadline) async throws {
        while !deadline.hasPassed {
            switch try await store.claimTeardown(of: id, in: tenant, lease: Self.lease) {
            case .done: return
            case .claimed(let claim): return try await tearDown(claim, deadline: deadline)
            case .busy: try await sleep(for: .milliseconds(50))
            }
        }
    }

    // MARK: In the background

    /// Finishes what requests left, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            let count = await tearDownDue()
            try? await sleep(for: count == Self.batch ? .milliseconds(10) : .seconds(5) * Double.random(in: 0.5...1))
        }
    }

    /// Works on a few that are due; returns how many.
    func tearDownDue() async -> Int {
        do {
            let claims = try await store.claimDueTeardowns(Self.batch, lease: Self.lease)
            await withTaskGroup { group in
                for claim in claims {
                    group.addTask {
                        do {
                            try await tearDown(claim, deadline: .after(Self.timeout))
                        } catch {
                            // The lease runs out, and the login is claimed again.
                            Self.report.warning(
                                "the end of a login could not be recorded",
                                ["login": .text(claim.login), "error": .string("\(error)")])
                        }
                    }
                }
            }
            return claims.count
        } catch {
            Self.report.warning("the list of ended logins cannot be read", ["error": .string("\(error)")])
            return 0
        }
    }

    // MARK: One teardown

    /// Throws when the database is away. The broadcaster's event subscriptions are ended by whoever reviews them
    /// (``SubscriptionReconciler``): other tenants may go on wanting them.
    private func tearDown(_ claim: TeardownClaim, deadline: Deadline) async throws {
        var trouble: String?
        do {
            guard try await revoke(claim, deadline: deadline) else { return }
        } catch let error as KickError {
            trouble = "\(error)"
        } catch let error as GatewayError {
            trouble = error.message
        }
        guard let trouble else {
            try await store.finishTeardown(claim)
            Self.report.info(
                "a login was ended at Kick", ["login": .text(claim.login), "tenant": .text(claim.tenant)])
            return
        }
        try await settle(claim, trouble)
    }

    private func settle(_ claim: TeardownClaim, _ trouble: String) async throws {
        guard claim.isLast else {
            let full = min(Self.pauses.upperBound, Self.pauses.lowerBound * Double(1 << min(claim.failures, 16)))
            let pause = full * Double.random(in: 0.5...1)
            try await store.postponeTeardown(claim, retryAfter: pause)
            Self.report.warning(
                "a login is not ended at Kick yet",
                [
                    "login": .text(claim.login), "tenant": .text(claim.tenant), "reason": .string(trouble),
                    "failures": .int(Int(claim.failures) + 1), "seconds": .double(pause / .seconds(1)),
                ])
            return
        }
        guard try await store.abandonTeardown(claim) else { return }
        Self.report.error(
            "a login's tokens are erased although Kick did not confirm its end for a day",
            ["login": .text(claim.login), "tenant": .text(claim.tenant), "reason": .string(trouble)])
    }

    /// Revokes every token that is stored and erases them. False when the login was connected anew, or holds others by
    /// now: they are the next claim's.
    private func revoke(_ claim: TeardownClaim, deadline: Deadline) async throws -> Bool {
        guard try await store.isCurrent(claim) else { return false }
        if !claim.tokens.isEmpty {
            let oauth = try await kick.oauth(for: claim.app).client
            for token in claim.tokens {
                try await Self.revoke(token, oauth, deadline: deadline)
            }
        }
        guard !claim.isUnreadable else { throw GatewayError(.internal, "the login's tokens do not open") }
        guard !claim.tokens.isEmpty else { return true }
        return try await store.eraseTokens(claim)
    }

    private static func revoke(
        _ token: TeardownClaim.Token, _ oauth: OAuthClient, deadline: Deadline
    ) async throws(KickError) {
        do {
            try await oauth.revoke(
                token.secret, token.isRefreshToken ? .refreshToken : .accessToken, deadline: deadline)
        } catch {
            // A token that Kick does not know needs no revoking.
            guard error.kind == .badRequest || error.kind == .unauthorized else { throw error }
        }
    }
}
