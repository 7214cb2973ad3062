import Kick
package import Model
package import Net
package import Store
import Synchronization
import Telemetry

/// Keeps the tokens of every login alive.
///
/// One refresh is a flight: a lease in the login's row, committed before Kick is called (P3, P4); the call, with nothing
/// locked and no connection held; the new pair stored in place of the one it renews before anybody can use it (P1). It is
/// a job of its own, which no caller's hanging up can cut, and shutdown waits for it (P2). What the schedule begins and
/// what a caller needs at once are the same flight. One flight, step by step, is in `RefreshFlight.swift`.
package final class TokenKeeper: Sendable {
    /// What became of a flight, for whoever waited for it.
    package enum Result: Sendable {
        /// The row holds a newer pair.
        case renewed
        /// It did not come to an answer, and is tried again later.
        case later(reason: String, retryAfter: Duration)
        /// Kick has refused every token that is held.
        case reconnectRequired
        /// There is no such login, or it is not connected.
        case notConnected
    }

    private struct State {
        var flights: [LoginID: Promise<Result>] = [:]
        var gates: [AppID: RefreshGate] = [:]
        var isStopping = false
    }

    /// How often the schedule is looked at when nothing is known to be due.
    private static let idlePause = Duration.seconds(1)
    /// How soon it is looked at again while there is more to do than room for it.
    private static let busyPause = Duration.milliseconds(20)

    let store: LoginStore
    let kick: KickAccess
    let policy: RefreshPolicy
    /// Told of each step of every flight, on the flight's own thread: for tests that end the process in the middle.
    let onStep: @Sendable (RefreshStep, LoginID) -> Void
    private let loops: LoopGroup
    private let state = Mutex(State())
    static let report = Log("tokens")

    package init(
        store: LoginStore, kick: KickAccess, policy: RefreshPolicy = RefreshPolicy(), loops: LoopGroup,
        onStep: @escaping @Sendable (RefreshStep, LoginID) -> Void = { _, _ in }
    ) {
        self.store = store
        self.kick = kick
        self.policy = policy
        self.loops = loops
        self.onStep = onStep
    }

    // MARK: On schedule

    /// Refreshes what is due, until the task is cancelled. Any number of processes may do so: rows are claimed.
    package func run() async {
        while !Task.isCancelled {
            try? await sleep(for: await refreshDue())
        }
    }

    /// Starts what is due and there is room for; returns when to look again.
    func refreshDue() async -> Duration {
        do {
            let apps = try await kick.apps.ids()
            let (room, flying) = roomNow(for: apps)
            guard !room.isEmpty else { return Self.busyPause }
            onStep(.beforeIntent, LoginID(unchecked: ""))
            let leases = try await store.claimDueRefreshes(room: room, lease: policy.lease, excluding: flying)
            for lease in leases { start(lease) }
            guard leases.isEmpty else { return Self.busyPause }
            let next = try await store.timeUntilNextRefresh(of: Array(room.keys)) ?? Self.idlePause
            // What is due and was not claimed is another process's, or does not open.
            return next == .zero ? .milliseconds(250) : min(max(next, Self.busyPause), Self.idlePause)
        } catch {
            Self.report.warning("the refresh schedule cannot be read", ["error": .string("\(error)")])
            return .seconds(1)
        }
    }

    /// How many refreshes may begin for each app that has any room, and the logins that are being refreshed.
    private func roomNow(for apps: [AppID]) -> (room: [AppID: Int], flying: [LoginID]) {
        state.withLock { state in
            guard !state.isStopping else { return ([:], []) }
            let now = Deadline.now()
            var room: [AppID: Int] = [:]
            for app in apps {
                let free = state.gates[app, default: RefreshGate(policy: policy, now: now)].room(now: now)
                if free > 0 { room[app] = free }
            }
            return (room, Array(state.flights.keys))
        }
    }

    private func start(_ lease: RefreshLease) {
        let flight = Promise<Result>()
        // A caller's flight may have begun between the look and the claim. It finds the lease taken and waits for its end,
        // so the one that holds the lease takes its place: that is the one to join, and to wait for at shutdown.
        state.withLock { $0.flights[lease.login] = flight }
        loops.next().spawn { [self] in
            end(flight, of: lease.login, await fly(lease))
        }
    }

    private func end(_ flight: Promise<Result>, of login: LoginID, _ result: Result) {
        onStep(.beforeRelease, login)
        state.withLock { state in
            if state.flights[login] === flight { state.flights[login] = nil }
        }
        flight.fulfil(result)
    }

    // MARK: On demand

    /// Has a login's pair renewed now, or waits for whoever is at it, in this process or another.
    ///
    /// The flight goes on when the caller gives up. Throws `unavailable` when there is no result by the deadline.
    ///
    /// - Parameters:
    ///   - generation: the pair that is too old. Nothing is done when the row holds another.
    ///   - isForced: also when an attempt failed a moment ago, and when Kick has refused all tokens before.
    package func refresh(
        _ login: LoginID, generation: Int64, in tenant: TenantID, isForced: Bool = false, deadline: Deadline
    ) async throws(GatewayError) -> Result {
        let (flight, mustBegin) = state.withLock { state -> (Promise<Result>?, Bool) in
            if let flight = state.flights[login] { return (flight, false) }
            guard !state.isStopping else { return (nil, false) }
            let flight = Promise<Result>()
            state.flights[login] = flight
            return (flight, true)
        }
        guard let flight else { throw GatewayError(.unavailable, "the gateway is stopping", retryAfter: 1) }
        if mustBegin {
            loops.next().spawn { [self] in
                end(flight, of: login, await begin(login, generation, tenant, isForced))
            }
        }
        guard let result = await flight.value(until: deadline) else {
            throw GatewayError(.unavailable, "the login's token is being refreshed, which takes long", retryAfter: 2)
        }
        return result
    }

    private func begin(_ login: LoginID, _ generation: Int64, _ tenant: TenantID, _ isForced: Bool) async -> Result {
        // Whoever holds the lease ends it, one way or the other, before it runs out.
        let deadline = Deadline.after(policy.lease + .seconds(5))
        var pause = Duration.milliseconds(25)
        do {
            while true {
                if let wait = try await waitForGate(of: login, in: tenant) {
                    return .later(reason: "Kick's token endpoint is in trouble", retryAfter: wait)
                }
                onStep(.beforeIntent, login)
                let claim = try await store.claimRefresh(
                    of: login, generation: generation, in: tenant, lease: policy.lease, isForced: isForced)
                switch claim {
                case .leased(let lease): return await fly(lease)
                case .renewed: return .renewed
                case .notConnected(.reconnectRequired): return .reconnectRequired
                case .notConnected: return .notConnected
                case .postponed(let wait, let reason): return .later(reason: reason, retryAfter: wait)
                case .unreadable: return .later(reason: "the login's tokens do not open", retryAfter: .seconds(60))
                case .taken:
                    guard !deadline.hasPassed else {
                        return .later(reason: "another process does not finish its refresh", retryAfter: .seconds(5))
                    }
                    try? await sleep(for: pause)
                    pause = min(pause * 2, .milliseconds(400))
                }
            }
        } catch {
            Self.report.warning(
                "a refresh could not begin", ["login": .text(login), "error": .string("\(error)")])
            return .later(reason: "the database is not available", retryAfter: .seconds(2))
        }
    }

    private func waitForGate(of login: LoginID, in tenant: TenantID) async throws -> Duration? {
        guard let app = try await store.app(of: login, in: tenant) else { return nil }
        return state.withLock { $0.gates[app]?.wait(now: .now()) }
    }

    // MARK: The gate of an app

    func callDidBegin(_ app: AppID) {
        let now = Deadline.now()
        state.withLock { $0.gates[app, default: RefreshGate(policy: policy, now: now)].begin(now: now) }
    }

    /// - Parameter trouble: why the endpoint did not do its work; nil when it did.
    func callDidEnd(_ app: AppID, trouble: KickError?) {
        let (shutFor, reopened) = state.withLock { state -> (Duration?, Bool) in
            state.gates[app]?.end()
            guard let trouble else {
                let wasShut = state.gates[app]?.isShut ?? false
                state.gates[app]?.didAnswer()
                return (nil, wasShut)
            }
            return (state.gates[app]?.didFail(trouble, now: .now()), false)
        }
        if let shutFor, let trouble {
            Self.report.warning(
                "Kick's token endpoint is left alone for a while",
                ["app": .text(app), "seconds": .double(shutFor / .seconds(1)), "error": .string("\(trouble)")])
        }
        if reopened { Self.report.notice("Kick's token endpoint works again", ["app": .text(app)]) }
    }

    // MARK: The end

    /// Lets refreshes under way come to their end, and starts no more. Returns false at the deadline (P2, P18).
    package func drain(deadline: Deadline) async -> Bool {
        while let flight = state.withLock({ state in
            state.isStopping = true
            return state.flights.values.first
        }) {
            guard await flight.value(until: deadline) != nil else { return false }
        }
        return true
    }

    /// Refreshes under way in this process.
    var flightCount: Int { state.withLock { $0.flights.count } }
}
