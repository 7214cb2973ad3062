import Kick
import Model
import Net
import Store
import Telemetry

/// The points of a refresh between which a process may die (P4). In this order.
package enum RefreshStep: String, Sendable, CaseIterable {
    /// Nothing is known of the attempt yet.
    case beforeIntent = "before_intent"
    /// The lease is committed; Kick has not been called.
    case afterIntent = "after_intent"
    /// The call goes out now.
    case calling
    /// Kick has answered: the new pair is in this process's memory and nowhere else.
    case afterAnswer = "after_answer"
    /// The new pair is sealed.
    case afterSeal = "after_seal"
    /// The statement that stores it goes out now.
    case beforeCommit = "before_commit"
    /// The new pair is stored.
    case afterCommit = "after_commit"
    /// Whoever waits has not been told yet.
    case beforeRelease = "before_release"
}

/// One refresh, from the lease to its outcome.
extension TokenKeeper {
    func fly(_ lease: RefreshLease) async -> Result {
        onStep(.afterIntent, lease.login)
        if lease.isRecovery {
            Self.report.warning(
                "an attempt to refresh was cut off and is made again",
                ["login": .text(lease.login), "tenant": .text(lease.tenant)])
        }
        do {
            let oauth = try await kick.oauth(for: lease.app).client
            return try await settle(await call(oauth, lease.refreshToken, lease), lease, oauth)
        } catch {
            // The lease runs out, and the attempt is made again.
            Self.report.error(
                "a refresh could not be carried out",
                ["login": .text(lease.login), "tenant": .text(lease.tenant), "error": .string("\(error)")])
            return .later(reason: "the refresh could not be carried out", retryAfter: policy.lease)
        }
    }

    private func settle(_ outcome: RefreshOutcome, _ lease: RefreshLease, _ oauth: OAuthClient) async throws -> Result {
        switch outcome {
        case .renewed(let tokens): return try await keep(tokens, lease, sent: lease.refreshToken)
        case .tryLater(let error): return try await postpone(lease, error)
        case .refused(let refusal):
            // Another process may have stored a pair that it got before its lease ran out: that one is good.
            guard try await store.isCurrent(lease) else { return .renewed }
            // The token before may still be good: its successor was lost, or never reached us whole (P4).
            guard let previous = lease.previousRefreshToken, previous != lease.refreshToken else {
                return try await giveUp(lease, refusal)
            }
            switch await call(oauth, previous, lease) {
            case .renewed(let tokens): return try await keep(tokens, lease, sent: previous)
            case .tryLater(let error): return try await postpone(lease, error)
            case .refused(let refusal): return try await giveUp(lease, refusal)
            }
        }
    }

    private func call(_ oauth: OAuthClient, _ token: Secret<String>, _ lease: RefreshLease) async -> RefreshOutcome {
        callDidBegin(lease.app)
        onStep(.calling, lease.login)
        let outcome = await oauth.refresh(token, deadline: .after(policy.timeout))
        onStep(.afterAnswer, lease.login)
        if case .tryLater(let error) = outcome {
            callDidEnd(lease.app, trouble: error)
        } else {
            callDidEnd(lease.app, trouble: nil)
        }
        return outcome
    }

    /// Stores the new pair, however long the database is away: it may be the only one that works.
    private func keep(_ tokens: TokenSet, _ lease: RefreshLease, sent: Secret<String>) async throws -> Result {
        let pair = TokenPair(
            access: tokens.accessToken, refresh: tokens.refreshToken ?? sent, lifetime: tokens.lifetime,
            scopes: tokens.scopes?.map(\.rawValue))
        let recovered = LoginEvents.make(
            .recovered, login: lease.login, kickUserID: lease.kickUserID, username: lease.username, state: .connected,
            reason: nil)
        let deadline = Deadline.after(policy.storePatience)
        var failures = 0
        while true {
            do {
                let sealed = store.seal(pair, for: lease)
                onStep(.afterSeal, lease.login)
                let refreshAfter = policy.refreshAfter(lifetime: pair.lifetime)
                onStep(.beforeCommit, lease.login)
                let isStored = try await store.store(
                    sealed, refreshAfter: refreshAfter, for: lease, recovered: recovered)
                onStep(.afterCommit, lease.login)
                if isStored {
                    Self.report.info(
                        "tokens refreshed",
                        ["login": .text(lease.login), "tenant": .text(lease.tenant), "failures": .int(failures)])
                } else if try await store.keepForTeardown(sealed, for: lease) {
                    Self.report.notice(
                        "a refreshed pair is revoked: the login was ended meanwhile",
                        ["login": .text(lease.login), "tenant": .text(lease.tenant)])
                    return .notConnected
                } else {
                    // A statement whose answer was lost has stored it; or the login was connected anew.
                    Self.report.notice(
                        "a refreshed pair was not stored: the login has moved on",
                        ["login": .text(lease.login), "tenant": .text(lease.tenant), "failures": .int(failures)])
                }
                return .renewed
            } catch {
                guard !deadline.hasPassed else { throw error }
                failures += 1
                Self.report.error(
                    "a refreshed pair is not stored yet",
                    ["login": .text(lease.login), "tenant": .text(lease.tenant), "error": .string("\(error)")])
                try? await sleep(for: min(.seconds(5), .milliseconds(50) * Double(1 << min(failures, 10))))
            }
        }
    }

    private func postpone(_ lease: RefreshLease, _ error: KickError) async throws -> Result {
        // An answer that was lost, whole or in part, may have been a new pair.
        let wasLost = error.kind == .unreachable(requestSent: true) || error.kind == .undecodable
        let pause = policy.pause(afterFailures: lease.failures, asked: error.retryAfter, answerWasLost: wasLost)
        Self.report.warning(
            "a refresh did not succeed and is tried again",
            [
                "login": .text(lease.login), "tenant": .text(lease.tenant), "error": .string("\(error)"),
                "failures": .int(Int(lease.failures) + 1), "seconds": .double(pause / .seconds(1)),
            ])
        let mustTell = lease.hasExpired || lease.failures + 1 >= policy.failuresBeforeTelling
        let failing = LoginEvents.make(
            .refreshFailing, login: lease.login, kickUserID: lease.kickUserID, username: lease.username,
            state: .connected, reason: "\(error)")
        try await store.postpone(lease, retryAfter: pause, error: "\(error)", failing: mustTell ? failing : nil)
        return .later(reason: "\(error)", retryAfter: pause)
    }

    private func giveUp(_ lease: RefreshLease, _ refusal: TokenRefusal) async throws -> Result {
        let reason = refusal.message ?? "Kick refused the refresh token"
        let lost = LoginEvents.make(
            .reconnectRequired, login: lease.login, kickUserID: lease.kickUserID, username: lease.username,
            state: .reconnectRequired, reason: reason)
        guard try await store.requireReconnect(lease, error: reason, lost: lost) else { return .renewed }
        Self.report.warning(
            "a login must be connected again: Kick refused every token that is held",
            ["login": .text(lease.login), "tenant": .text(lease.tenant), "reason": .string(reason)])
        return .reconnectRequired
    }
}
