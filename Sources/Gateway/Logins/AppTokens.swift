import Kick
import Model
import Net
import Store
import Synchronization
import Telemetry

/// The apps' own access tokens: one per app for all replicas, remembered here for as long as it is good.
///
/// Who needs one and finds none in the database takes the lease to fetch it; everybody else waits for the row to change.
final class AppTokens: Sendable {
    struct Token: Sendable {
        let token: Secret<String>
        /// Number in the database of this token; of the one before while it could not be stored.
        let generation: Int64
        /// When another one is wanted, and when this one ends.
        var renewAt: Deadline
        let endsAt: Deadline
        var isRefused = false
    }

    private typealias Fetch = Task<Result<Token, any Error>, Never>

    private struct Entry {
        var known: Token?
        var fetch: Fetch?
    }

    private static let report = Log("apps")

    private let store: AppTokenStore
    private let policy: AppTokenPolicy
    private let oauth: @Sendable (AppID) async throws -> OAuthClient
    private let entries = Mutex<[AppID: Entry]>([:])

    init(
        store: AppTokenStore, policy: AppTokenPolicy, oauth: @escaping @Sendable (AppID) async throws -> OAuthClient
    ) {
        self.store = store
        self.policy = policy
        self.oauth = oauth
    }

    /// The app's token, from memory while that is good. All who ask meanwhile share one look at the database.
    func token(of app: AppID) async throws -> Token {
        if let known = entries.withLock({ $0[app]?.known }), !known.isRefused, !known.renewAt.hasPassed { return known }
        return try await fetched(app).value.get()
    }

    /// Kick has answered 401 to this token. Whoever asks next gets another one.
    func refuse(_ token: Token, of app: AppID) {
        entries.withLock { entries in
            guard entries[app]?.known?.token == token.token else { return }
            entries[app]?.known?.isRefused = true
        }
    }

    private func fetched(_ app: AppID) -> Fetch {
        entries.withLock { entries in
            if let fetch = entries[app]?.fetch { return fetch }
            let known = entries[app]?.known
            // Nobody's child: whoever asked first may hang up, and the others wait on.
            let fetch = Fetch(executorPreference: Loop.current) { [self] in
                let result = await renewed(known, of: app)
                self.entries.withLock { entries in
                    entries[app] = Entry(known: (try? result.get()) ?? entries[app]?.known)
                }
                return result
            }
            entries[app, default: Entry()].fetch = fetch
            return fetch
        }
    }

    // MARK: Renewing

    private func renewed(_ known: Token?, of app: AppID) async -> Result<Token, any Error> {
        do {
            return .success(try await renew(app, insteadOf: known))
        } catch {
            guard var known, !known.isRefused, !known.endsAt.hasPassed else { return .failure(error) }
            Self.report.warning(
                "an app's token could not be renewed yet", ["app": .text(app), "error": .string("\(error)")])
            known.renewAt = .after(policy.pause)
            return .success(known)
        }
    }

    /// The token in the database, unless it is the one that is not wanted any more or near its end; else the next one.
    private func renew(_ app: AppID, insteadOf known: Token?) async throws -> Token {
        let oauth = try await oauth(app)
        let deadline = Deadline.after(policy.patience)
        var unwanted = known?.generation
        var least = policy.leastLife
        while !deadline.hasPassed {
            let (generation, stored) = try await store.current(of: app)
            if let stored, generation != unwanted, stored.life > least { return token(stored) }
            unwanted = generation
            // Whatever comes now was fetched while we waited.
            least = .zero
            switch try await store.claim(app, generation: generation, lease: policy.lease) {
            case .leased(let lease):
                if let token = try await fetch(with: oauth, lease) { return token }
            case .taken: try await sleep(for: policy.poll)
            case .renewed: break
            }
        }
        throw GatewayError(.unavailable, "the app's token is being fetched by another replica", retryAfter: 5)
    }

    /// Nil when another process was faster to store one.
    private func fetch(with oauth: OAuthClient, _ lease: AppTokenLease) async throws -> Token? {
        let tokens: TokenSet
        do {
            tokens = try await oauth.appToken(deadline: .after(policy.timeout))
        } catch {
            try? await store.release(lease)
            throw error
        }
        do {
            let stored = try await store.store(tokens.accessToken, lifetime: tokens.lifetime, for: lease)
            return stored.map(token)
        } catch {
            Self.report.warning(
                "an app's token could not be stored", ["app": .text(lease.app), "error": .string("\(error)")])
            return token(tokens.accessToken, generation: lease.generation, life: tokens.lifetime)
        }
    }

    private func token(_ stored: StoredAppToken) -> Token {
        token(stored.token, generation: stored.generation, life: stored.life)
    }

    private func token(_ token: Secret<String>, generation: Int64, life: Duration) -> Token {
        let use = life > policy.margin * 2 ? life - policy.margin : life * policy.partOfShortLife
        return Token(token: token, generation: generation, renewAt: .after(use), endsAt: .after(life))
    }
}

/// When and how app tokens are got.
package struct AppTokenPolicy: Sendable {
    /// How long before its end a token is replaced; a life that is short against that is used up to this part.
    package var margin = Duration.seconds(3600)
    package var partOfShortLife = 0.5
    /// A token with less life than this is not taken from the database.
    package var leastLife = Duration.seconds(60)
    /// For the call to Kick, and how long one process may keep the others waiting for it.
    package var timeout = Duration.seconds(15)
    package var lease = Duration.seconds(25)
    /// How often, and how long, to look whether another process has got one.
    package var poll = Duration.milliseconds(100)
    package var patience = Duration.seconds(40)
    /// Until the next try when a token that still works could not be renewed.
    package var pause = Duration.seconds(5)

    package init() {}
}
