import Crypto
import Model
import Net
import Postgres
import ProcessKit
import Store
import Synchronization
import Telemetry

/// A login of the site.
struct KnownLogin: Sendable {
    let id: LoginID
    let userID: Int64
}

/// A login as it stands in its row. Times in microseconds of Unix time.
struct LoginRow: Sendable {
    let id: LoginID
    let userID: Int64
    let state: String
    let generation: Int64
    let dueAt: Int64?
    let refreshedAt: Int64?
    /// Whether a refresh was begun and not ended.
    let isAttempted: Bool

    var isConnected: Bool { state == LoginState.connected.rawValue }
}

extension Site {
    // MARK: Making

    /// Connects logins with pairs that Kick has just issued, as an import does.
    ///
    /// - Parameter wantsEvents: false: Kick is not asked for their events, so that refreshes are all that gateways do.
    func makeLogins(
        _ count: Int, tokenSeconds: Int, wantsEvents: Bool = false, refreshAfter: @escaping @Sendable () -> Duration
    ) async throws -> [KnownLogin] {
        let consents = try await kick.makeConsents(count, firstUserID: 1_000_000, tokenSeconds: tokenSeconds)
        let logins = try await eachOf(consents) { [self] consent in
            try await connect(consent, in: tenant.id, tokenSeconds: tokenSeconds, refreshAfter: refreshAfter())
        }
        if !wantsEvents { try await forgetWishes() }
        return logins
    }

    /// Stores one login as an import does.
    func connect(
        _ consent: KickStandIn.Consent, in tenant: TenantID, tokenSeconds: Int, refreshAfter: Duration
    ) async throws -> KnownLogin {
        let login = try await store.connect(
            LoginID(unchecked: LoginID.prefix + ULID.make().description),
            account: LoginStore.Account(
                kickUserID: Int64(consent.userID), username: "user\(consent.userID)", slug: nil),
            tokens: TokenPair(
                access: Secret(consent.accessToken), refresh: Secret(consent.refreshToken),
                lifetime: .seconds(tokenSeconds), scopes: consent.scopes),
            app: self.tenant.appID, refreshAfter: refreshAfter, link: nil, in: tenant)
        return KnownLogin(id: login.id, userID: login.kickUserID)
    }

    /// Keeps gateways from asking Kick for events: nobody is there whose subscriptions are to be looked at.
    func forgetWishes() async throws {
        try await database.execute("DELETE FROM watched_broadcasters")
    }

    /// Lets a connected login fall due at a time from now, negative for the past.
    func makeDue(_ login: LoginID, after delay: Duration) async throws {
        try await database.execute("UPDATE logins SET refresh_due_at = now() + \(delay) WHERE id = \(login)")
    }

    /// All connected ones at one moment; which, in microseconds of Unix time.
    @discardableResult
    func makeAllDue(after delay: Duration) async throws -> Int64 {
        let rows = try await database.query(
            """
            WITH moment AS (SELECT now() + \(delay) AS due_at), changed AS (
                UPDATE logins SET refresh_due_at = due_at FROM moment WHERE state = 'connected'
            )
            SELECT (extract(epoch FROM due_at) * 1e6)::bigint AS due_at FROM moment
            """)
        return try rows[0]["due_at", as: Int64.self]
    }

    // MARK: Looking

    func rows() async throws -> [LoginRow] {
        let rows = try await database.query(
            """
            SELECT id, kick_user_id, state, generation, (extract(epoch FROM refresh_due_at) * 1e6)::bigint AS due_at,
                (extract(epoch FROM refreshed_at) * 1e6)::bigint AS refreshed_at,
                refresh_attempt_started_at IS NOT NULL AS is_attempted
            FROM logins ORDER BY kick_user_id
            """)
        return try rows.map { row in
            LoginRow(
                id: try row["id", as: LoginID.self], userID: try row["kick_user_id", as: Int64.self],
                state: try row["state", as: String.self], generation: try row["generation", as: Int64.self],
                dueAt: try row["due_at", as: Int64?.self], refreshedAt: try row["refreshed_at", as: Int64?.self],
                isAttempted: try row["is_attempted", as: Bool.self])
        }
    }

    /// How many logins a condition holds for.
    func count(where condition: Query) async throws -> Int {
        Int(
            try await database.query("SELECT count(*) AS count FROM logins WHERE \(condition)")[0][
                "count", as: Int64.self])
    }

    /// Accounts that the tenant's log says must connect again.
    func accountsToldToReconnect() async throws -> [Int64] {
        let rows = try await database.query(
            """
            SELECT broadcaster_user_id FROM events
            WHERE tenant_id = \(tenant.id) AND type = 'gateway.login.reconnect_required'
            """)
        return try rows.map { try $0["broadcaster_user_id", as: Int64.self] }
    }

    /// Logins whose stored access token Kick does not take for theirs.
    func unusable(_ logins: [KnownLogin]) async throws -> [KnownLogin] {
        try await eachOf(logins) { [self] login -> KnownLogin? in
            guard let grant = try await store.accessGrant(of: login.id, in: tenant.id),
                let owner = try await kick.owner(of: grant.token.reveal()), Int64(owner) == login.userID
            else { return login }
            return nil
        }.compactMap(\.self)
    }

    // MARK: -

    /// The results in no particular order, a few at a time.
    func eachOf<Element: Sendable, Result: Sendable>(
        _ elements: [Element], _ body: @escaping @Sendable (Element) async throws -> Result
    ) async throws -> [Result] {
        let work = Work<Element, Result>(elements)
        let workers = (0..<8).map { number in
            workshop.loops.loops[number % workshop.loops.loops.count].spawn { await work.run(body) }
        }
        for worker in workers { await worker.value }
        return try work.results()
    }
}

/// What several workers do together.
private final class Work<Element: Sendable, Result: Sendable>: Sendable {
    private struct State {
        var rest: ArraySlice<Element>
        var results: [Result] = []
        var failure: (any Error)?
    }

    private let state: Mutex<State>

    init(_ elements: [Element]) {
        state = Mutex(State(rest: elements[...]))
    }

    func run(_ body: @Sendable (Element) async throws -> Result) async {
        while let element = state.withLock({ $0.failure == nil ? $0.rest.popFirst() : nil }) {
            do {
                let result = try await body(element)
                state.withLock { $0.results.append(result) }
            } catch {
                state.withLock { $0.failure = error }
            }
        }
    }

    func results() throws -> [Result] {
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            return state.results
        }
    }
}

/// Waits for a condition; throws when it does not come about in time. What is unavailable meanwhile counts as not yet.
func until(
    _ what: String, within patience: Duration, every pause: Duration = .milliseconds(50),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = Deadline.after(patience)
    while true {
        do {
            if try await condition() { return }
        } catch let error as DatabaseError where error.isUnavailable && !deadline.hasPassed {
            // It is looked at again.
        }
        guard !deadline.hasPassed else { throw ProcessError("\(what): not within \(patience)") }
        try await sleep(for: pause)
    }
}
