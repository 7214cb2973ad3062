package import Kick
package import Model
package import Store
package import Telemetry

/// The way to Kick for one deployment: clients per app, and the app tokens, one per app, got once for all who ask.
package final class KickAccess: Sendable {
    package let servers: KickServers
    package let api: KickAPI
    let exchange: KickExchange
    let apps: AppDirectory
    private let tokens: AppTokens

    package init(
        servers: KickServers, apps: AppDirectory, tokens: AppTokenStore, policy: AppTokenPolicy = AppTokenPolicy(),
        exchange: @escaping KickExchange
    ) {
        self.servers = servers
        self.apps = apps
        self.exchange = exchange
        api = KickAPI(exchange: exchange)
        self.tokens = AppTokens(store: tokens, policy: policy) { app in
            try await Self.oauth(for: app, in: apps, exchange).client
        }
    }

    /// The OAuth client of an app, and its public client id.
    package func oauth(for app: AppID) async throws -> (client: OAuthClient, clientID: String) {
        try await Self.oauth(for: app, in: apps, exchange)
    }

    private static func oauth(
        for app: AppID, in apps: AppDirectory, _ exchange: @escaping KickExchange
    ) async throws -> (client: OAuthClient, clientID: String) {
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
        let token = try await tokens.token(of: app)
        do {
            return try await call(token.token)
        } catch  where error.kind == .unauthorized {
            tokens.refuse(token, of: app)
            return try await call(try await tokens.token(of: app).token)
        }
    }
}
