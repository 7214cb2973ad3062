import Kick
import Model
package import Net
package import Store
import Synchronization
import Telemetry

/// Keeps the tokens of every login alive.
///
/// One refresh is: a lease in the login's row, committed before Kick is called (P3, P4); the call, with nothing locked
/// and no connection held; the new pair stored in place of the one it renews before anybody can use it (P1). It is a job of
/// its own, which no caller's hanging up can cut, and shutdown waits for it (P2).
package final class TokenKeeper: Sendable {
    private struct State {
        var running: Set<LoginID> = []
        var isStopping = false
    }

    /// How often the schedule is looked at when nothing is known to be due.
    private static let idlePause = Duration.seconds(5)
    /// How long a rotated pair is tried to be stored while the database is away. Kick may have ended the old one.
    private static let storePatience = Duration.seconds(900)

    private let store: LoginStore
    private let kick: KickAccess
    private let policy: RefreshPolicy
    private let loops: LoopGroup
    private let state = Mutex(State())
    private static let report = Log("tokens")

    package init(store: LoginStore, kick: KickAccess, policy: RefreshPolicy = RefreshPolicy(), loops: LoopGroup) {
        self.store = store
        self.kick = kick
        self.policy = policy
        self.loops = loops
    }

    // MARK: Schedule

    /// Refreshes what is due, until the task is cancelled. Any number of processes may do so: rows are claimed.
    package func run() async {
        while !Task.isCancelled {
            try? await sleep(for: await refreshDue())
        }
    }

    /// Starts what is due and there is room for; returns when to look again.
    func refreshDue() async -> Duration {
        let (room, running) = state.withLock { state in
            (state.isStopping ? 0 : policy.concurrency - state.running.count, Array(state.running))
        }
        guard room > 0 else { return .milliseconds(50) }
        do {
            let apps = try await kick.apps.list().map(\.id)
            let leases = try await store.claimDueRefreshes(
                room: Dictionary(uniqueKeysWithValues: apps.map { ($0, room) }), lease: policy.lease, excluding: running
            )
            for lease in leases { start(lease) }
            if leases.count == room { return .milliseconds(10) }
            let next = try await store.timeUntilNextRefresh(of: apps) ?? Self.idlePause
            return min(max(next, .milliseconds(20)), Self.idlePause)
        } catch {
            Self.report.warning("the refresh schedule cannot be read", ["error": .string("\(error)")])
            return .seconds(1)
        }
    }

    /// Lets refreshes under way come to their end, and starts no more. Returns false at the deadline (P2, P18).
    package func drain(deadline: Deadline) async -> Bool {
        state.withLock { $0.isStopping = true }
        while runningCount > 0 {
            if deadline.hasPassed { return false }
            try? await sleep(for: .milliseconds(10))
        }
        return true
    }

    /// Refreshes under way in this process.
    var runningCount: Int { state.withLock { $0.running.count } }

    private func start(_ lease: RefreshLease) {
        _ = state.withLock { $0.running.insert(lease.login) }
        loops.next().spawn { [self] in
            await refresh(lease)
            _ = state.withLock { $0.running.remove(lease.login) }
        }
    }

    // MARK: One refresh

    func refresh(_ lease: RefreshLease) async {
        do {
            let oauth = try await kick.oauth(for: lease.app).client
            try await settle(await call(oauth, lease.refreshToken), lease, oauth)
        } catch {
            Self.report.error(
                "a refresh could not be carried out",
                ["login": .text(lease.login), "tenant": .text(lease.tenant), "error": .string("\(error)")])
        }
    }

    private func settle(_ outcome: RefreshOutcome, _ lease: RefreshLease, _ oauth: OAuthClient) async throws {
        switch outcome {
        case .renewed(let tokens): try await keep(tokens, lease, usedPrevious: false)
        case .tryLater(let error): try await postpone(lease, error)
        case .refused(let refusal):
            // The one before may still be good: its successor was lost, or never reached us whole (P4).
            guard let previous = lease.previousRefreshToken, previous != lease.refreshToken else {
                return try await giveUp(lease, refusal)
            }
            switch await call(oauth, previous) {
            case .renewed(let tokens): try await keep(tokens, lease, usedPrevious: true)
            case .tryLater(let error): try await postpone(lease, error)
            case .refused(let refusal): try await giveUp(lease, refusal)
            }
        }
    }

    private func call(_ oauth: OAuthClient, _ token: Secret<String>) async -> RefreshOutcome {
        await oauth.refresh(token, deadline: .after(policy.timeout))
    }

    /// Stores the new pair, however long the database is away: it may be the only one that works.
    private func keep(_ tokens: TokenSet, _ lease: RefreshLease, usedPrevious: Bool) async throws {
        let used = usedPrevious ? lease.previousRefreshToken : nil
        let pair = TokenPair(
            access: tokens.accessToken, refresh: tokens.refreshToken ?? used ?? lease.refreshToken,
            lifetime: tokens.lifetime, scopes: tokens.scopes?.map(\.rawValue))
        let deadline = Deadline.after(Self.storePatience)
        var failures: Int64 = 0
        while true {
            do {
                let event = GatewayEvent(type: "", broadcasterUserID: 0, body: [])
                let refreshAfter = policy.refreshAfter(lifetime: pair.lifetime)
                if try await store.store(
                    store.seal(pair, for: lease), refreshAfter: refreshAfter, for: lease, recovered: event)
                {
                    Self.report.info(
                        "tokens refreshed",
                        ["login": .text(lease.login), "tenant": .text(lease.tenant), "failures": .int(Int(failures))])
                } else {
                    Self.report.warning(
                        "a refreshed pair was not stored: the login has moved on",
                        ["login": .text(lease.login), "tenant": .text(lease.tenant)])
                }
                return
            } catch {
                guard !deadline.hasPassed else { throw error }
                failures += 1
                Self.report.error(
                    "a refreshed pair is not stored yet",
                    ["login": .text(lease.login), "tenant": .text(lease.tenant), "error": .string("\(error)")])
                try? await sleep(for: min(.seconds(5), .milliseconds(100) * Double(1 << min(failures, 10))))
            }
        }
    }

    private func postpone(_ lease: RefreshLease, _ error: KickError) async throws {
        let pause = policy.pause(
            afterFailures: lease.failures, asked: error.retryAfter,
            answerWasLost: error.kind == .unreachable(requestSent: true))
        Self.report.warning(
            "a refresh did not succeed and is tried again",
            ["login": .text(lease.login), "tenant": .text(lease.tenant), "error": .string("\(error)")])
        try await store.postpone(lease, retryAfter: pause, error: "\(error)", failing: nil)
    }

    private func giveUp(_ lease: RefreshLease, _ refusal: TokenRefusal) async throws {
        let reason = refusal.message ?? "Kick refused the refresh token"
        if try await store.requireReconnect(
            lease, error: reason, lost: GatewayEvent(type: "", broadcasterUserID: 0, body: []))
        {
            Self.report.warning(
                "a login must be connected again: Kick refused every token that is held",
                ["login": .text(lease.login), "tenant": .text(lease.tenant), "reason": .string(reason)])
        }
    }
}
