package import Kick
package import Model
import Net
import Store
import Synchronization
package import Telemetry

/// The way to Kick for one deployment: clients per app, and the app tokens, one per app, got once for all who ask.
package final class KickAccess: Sendable {
    private struct AppToken {
        let token: Secret<String>
        let goodUntil: Deadline
    }

    private enum State {
        case known(AppToken)
        case fetching(Task<Result<AppToken, KickError>, Never>)
    }

    /// How long before its end an app token is no longer used.
    private static let margin = Duration.seconds(3600)
    private static let timeout = Duration.seconds(15)

    package let servers: KickServers
    package let api: KickAPI
    private let exchange: KickExchange
    let apps: AppDirectory
    private let tokens = Mutex<[AppID: State]>([:])

    package init(servers: KickServers, apps: AppDirectory, exchange: @escaping KickExchange) {
        self.servers = servers
        self.apps = apps
        self.exchange = exchange
        api = KickAPI(exchange: exchange)
    }

    /// The OAuth client of an app, and its public client id.
    package func oauth(for app: AppID) async throws -> (client: OAuthClient, clientID: String) {
        guard let found = try await apps.app(app) else {
            throw GatewayError(.internal, "the app of this login does not exist")
        }
        let credentials = AppCredentials(clientID: found.app.clientID, clientSecret: found.clientSecret)
        return (OAuthClient(credentials: credentials, exchange: exchange), found.app.clientID)
    }

    /// Runs a call with the app's token. When Kick says 401, which it does to app tokens long before their time
    /// (FACTS §1.5), the call is made once more with a new one.
    package func withAppToken<R: Sendable>(
        of app: AppID, _ call: (Secret<String>) async throws(KickError) -> R
    ) async throws -> R {
        let token = try await appToken(of: app)
        do {
            return try await call(token)
        } catch  where error.kind == .unauthorized {
            forget(token, of: app)
            return try await call(try await appToken(of: app))
        }
    }

    private func appToken(of app: AppID) async throws -> Secret<String> {
        let oauth = try await oauth(for: app).client
        let fetch = tokens.withLock { tokens -> Task<Result<AppToken, KickError>, Never>? in
            switch tokens[app] {
            case .known(let token) where !token.goodUntil.hasPassed: return nil
            case .fetching(let fetch): return fetch
            case .known, nil:
                let fetch = Self.fetch(with: oauth)
                tokens[app] = .fetching(fetch)
                return fetch
            }
        }
        guard let fetch else {
            guard case .known(let token)? = tokens.withLock({ $0[app] }) else { return try await appToken(of: app) }
            return token.token
        }
        let result = await fetch.value
        tokens.withLock { tokens in
            guard case .fetching(fetch)? = tokens[app] else { return }
            switch result {
            case .success(let token): tokens[app] = .known(token)
            case .failure: tokens[app] = nil
            }
        }
        return try result.get().token
    }

    /// Not the child of whoever happened to ask first: others wait for it too.
    private static func fetch(with oauth: OAuthClient) -> Task<Result<AppToken, KickError>, Never> {
        Task(executorPreference: Loop.current) {
            do throws(KickError) {
                let tokens = try await oauth.appToken(deadline: .after(timeout))
                let life = tokens.lifetime > margin * 2 ? tokens.lifetime - margin : tokens.lifetime / 2
                return .success(AppToken(token: tokens.accessToken, goodUntil: .after(life)))
            } catch {
                return .failure(error)
            }
        }
    }

    private func forget(_ token: Secret<String>, of app: AppID) {
        tokens.withLock { tokens in
            if case .known(let known)? = tokens[app], known.token == token { tokens[app] = nil }
        }
    }
}
