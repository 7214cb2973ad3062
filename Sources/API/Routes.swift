import Gateway
package import HTTP
package import HTTPServer
package import Model
import Telemetry

/// Who may call a route.
package enum RouteAccess: Sendable, Equatable {
    /// Anybody; the handler itself decides (a signature, a state, a link).
    case open
    /// Whoever has an API key with the scope.
    case key(KeyScope)
    /// Whoever has the admin key.
    case admin
}

/// One line of the table: what a method on a path does, and for whom.
package struct Route: Sendable {
    package let method: HTTP.Method
    package let pattern: String
    package let access: RouteAccess
    let handler: @Sendable (RequestContext) async throws -> Response
}

/// A request on its way through a route.
struct RequestContext: Sendable {
    let request: Request
    let services: Services
    /// Set on routes that need a key.
    let caller: Caller?

    /// Who calls. Only on routes that need a key.
    func requireCaller() throws -> Caller {
        guard let caller else { throw GatewayError(.unauthenticated, "send the API key") }
        return caller
    }
}

/// The HTTP surface: everything there is, in one table. `openapi/openapi.json` says the same, and a test compares them.
package enum Routes {
    package static let all: [Route] = [
        // People and machines that look after the service.
        open(.get, "/", Pages.live),
        open(.get, "/health/live", Health.live),
        open(.get, "/health/ready", Health.ready),
        open(.get, "/docs", Pages.docs),
        open(.get, "/openapi.json", Pages.contract),

        // Logging in.
        open(.get, "/auth/kick", Auth.begin),
        open(.get, "/auth/kick/callback", Auth.callback),

        // Kick.
        open(.post, "/webhooks/kick", Webhooks.receive),
        open(.post, "/webhooks/kick/{app}", Webhooks.receive),
        open(.post, "/webhooks/kick/drops", Webhooks.receiveClaim),
        open(.post, "/webhooks/kick/{app}/drops", Webhooks.receiveClaim),

        // A tenant's frontends and bots.
        key(.loginsWrite, .post, "/v1/connect-links", Logins.createLink),
        key(.loginsRead, .get, "/v1/logins", Logins.list),
        key(.loginsWrite, .post, "/v1/logins", Logins.importPair),
        key(.loginsRead, .get, "/v1/logins/{id}", Logins.get),
        key(.loginsWrite, .delete, "/v1/logins/{id}", Logins.disconnect),
        key(.loginsWrite, .post, "/v1/logins/{id}/refresh", Logins.refresh),
        key(.loginsRead, .post, "/v1/logins/{id}/check", LoginUse.check),
        key(.loginsRead, .get, "/v1/logins/{id}/introspection", Introspection.get),

        // Kick, as simple JSON.
        key(.channelsRead, .get, "/v1/users", Users.list),
        key(.channelsRead, .get, "/v1/users/{user}", Users.get),
        key(.channelsRead, .get, "/v1/broadcasters/{broadcaster}/user", Users.own),
        key(.channelsRead, .get, "/v1/channels", Channels.list),
        key(.channelsRead, .get, "/v1/channels/{channel}", Channels.get),
        key(.channelsRead, .get, "/v1/broadcasters/{broadcaster}/channel", Channels.own),
        key(.channelsWrite, .patch, "/v1/broadcasters/{broadcaster}/channel", Channels.update),
        key(.streamKeyRead, .get, "/v1/broadcasters/{broadcaster}/stream-key", Channels.streamKey),
        key(.channelsRead, .get, "/v1/livestreams", Livestreams.list),
        key(.channelsRead, .get, "/v1/livestreams/stats", Livestreams.stats),
        key(.channelsRead, .get, "/v1/categories", Categories.list),
        key(.channelsRead, .get, "/v1/categories/{category}", Categories.get),
        key(.chatWrite, .post, "/v1/broadcasters/{broadcaster}/chat/messages", Chat.send),
        key(.moderationWrite, .delete, "/v1/broadcasters/{broadcaster}/chat/messages/{message}", Chat.delete),
        key(.moderationWrite, .put, "/v1/broadcasters/{broadcaster}/bans/{user}", Bans.put),
        key(.moderationWrite, .delete, "/v1/broadcasters/{broadcaster}/bans/{user}", Bans.delete),
        key(.rewardsRead, .get, "/v1/broadcasters/{broadcaster}/rewards", Rewards.list),
        key(.rewardsWrite, .post, "/v1/broadcasters/{broadcaster}/rewards", Rewards.create),
        key(.rewardsWrite, .patch, "/v1/broadcasters/{broadcaster}/rewards/{reward}", Rewards.update),
        key(.rewardsWrite, .delete, "/v1/broadcasters/{broadcaster}/rewards/{reward}", Rewards.delete),
        key(.rewardsRead, .get, "/v1/broadcasters/{broadcaster}/redemptions", Redemptions.list),
        key(.rewardsWrite, .post, "/v1/broadcasters/{broadcaster}/redemptions/accept", Redemptions.accept),
        key(.rewardsWrite, .post, "/v1/broadcasters/{broadcaster}/redemptions/reject", Redemptions.reject),
        key(.kicksRead, .get, "/v1/broadcasters/{broadcaster}/kicks/leaderboard", KicksLeaderboards.get),
        key(.adsRead, .get, "/v1/broadcasters/{broadcaster}/ads", Ads.get),
        key(.adsWrite, .post, "/v1/broadcasters/{broadcaster}/ads/breaks", Ads.start),
        key(.adsWrite, .post, "/v1/broadcasters/{broadcaster}/ads/enrollment", Ads.enroll),
        key(.dropsRead, .get, "/v1/drops/claims", Drops.list),
        key(.dropsWrite, .patch, "/v1/drops/claims", Drops.update),
        key(.channelsRead, .get, "/v1/public-key", PublicKeys.get),

        // What comes from Kick by itself.
        key(.subscriptionsRead, .get, "/v1/subscriptions", Subscriptions.list),
        key(.subscriptionsRead, .get, "/v1/broadcasters/{broadcaster}/subscriptions", Subscriptions.get),
        key(.subscriptionsWrite, .put, "/v1/broadcasters/{broadcaster}/subscriptions", Subscriptions.put),
        key(.subscriptionsRead, .post, "/v1/broadcasters/{broadcaster}/subscriptions/check", Subscriptions.check),
        key(.eventsRead, .get, "/v1/events", Events.page),
        key(.eventsRead, .get, "/v1/events/stream", Events.stream),
        key(.eventsRead, .get, "/v1/events/retention", EventRetention.get),
        key(.eventsWrite, .put, "/v1/events/retention", EventRetention.put),
        key(.eventsRead, .get, "/v1/events/{cursor}", Events.get),
        key(.eventsWrite, .post, "/v1/events/{cursor}/replay", Replays.one),
        key(.eventsWrite, .post, "/v1/events/replay", Replays.stretch),
        key(.eventsWrite, .post, "/v1/events/test", Replays.test),

        // Admins.
        admin(.get, "/admin/v1/tenants", Admin.listTenants),
        admin(.post, "/admin/v1/tenants", Admin.createTenant),
        admin(.get, "/admin/v1/tenants/{tenant}/keys", Admin.listKeys),
        admin(.post, "/admin/v1/tenants/{tenant}/keys", Admin.createKey),
        admin(.delete, "/admin/v1/keys/{key}", Admin.revokeKey),
        admin(.get, "/admin/v1/apps", Admin.listApps),
        admin(.put, "/admin/v1/apps", Admin.putApp),
        admin(.get, "/admin/v1/apps/{app}/quotas", Quotas.list),
        admin(.get, "/admin/v1/encryption-keys", EncryptionKeys.status),
        admin(.post, "/admin/v1/encryption-keys/rotate", EncryptionKeys.rotate),
        admin(.delete, "/admin/v1/encryption-keys/{id}", EncryptionKeys.retire),
    ]

    private typealias RouteHandler = @Sendable (RequestContext) async throws -> Response

    private static func open(_ method: HTTP.Method, _ pattern: String, _ handler: @escaping RouteHandler) -> Route {
        Route(method: method, pattern: pattern, access: .open, handler: handler)
    }

    private static func key(
        _ scope: KeyScope, _ method: HTTP.Method, _ pattern: String, _ handler: @escaping RouteHandler
    ) -> Route {
        Route(method: method, pattern: pattern, access: .key(scope), handler: handler)
    }

    private static func admin(_ method: HTTP.Method, _ pattern: String, _ handler: @escaping RouteHandler) -> Route {
        Route(method: method, pattern: pattern, access: .admin, handler: handler)
    }

    /// The handler of the whole surface: finds the route, checks who calls, runs it, and turns errors into problems.
    package static func handler(_ services: Services) -> Handler {
        var router = Router<Route>()
        for route in all { router.add(route.method, route.pattern, route) }
        return { [router] request in
            let start = RequestLog.start()
            let (response, pattern) = await respond(to: request, router, services)
            RequestLog.write(request, response, route: pattern, since: start)
            return response
        }
    }

    private static func respond(
        to request: Request, _ router: Router<Route>, _ services: Services
    ) async -> (Response, route: String) {
        switch router.match(request.method, request.head.pathBytes) {
        case .found(let route, let parameters):
            var request = request
            request.parameters = parameters
            do {
                return (try await run(route, request, services), route.pattern)
            } catch {
                return (Problem.response(to: error, request: request, route: route.pattern), route.pattern)
            }
        case .options(let allow): return (.options(allow: allow), "*")
        case .methodNotAllowed(let allow): return (.methodNotAllowed(request, allow: allow), "*")
        case .notFound: return (.notFound(request), "*")
        }
    }

    private static func run(_ route: Route, _ request: Request, _ services: Services) async throws -> Response {
        switch route.access {
        case .open: break
        case .admin: try Authentication.requireAdmin(request, keyHash: services.adminKeyHash)
        case .key(let scope):
            let caller = try await services.access.caller(secret: Authentication.bearerToken(request))
            let context = RequestContext(request: request, services: services, caller: caller)
            guard let allowance = services.rates.take(caller.key) else {
                return try await run(route, context, caller, scope)
            }
            return await run(route, context, caller, scope, allowance)
        }
        return try await route.handler(RequestContext(request: request, services: services, caller: nil))
    }

    /// For a caller whose requests are counted: every answer says how many are left, also one that is a problem.
    private static func run(
        _ route: Route, _ context: RequestContext, _ caller: Caller, _ scope: KeyScope, _ allowance: KeyAllowance
    ) async -> Response {
        var response: Response
        do {
            guard allowance.isAllowed else {
                throw GatewayError(
                    .rateLimited, "this API key has used up its requests", retryAfter: allowance.secondsToReset)
            }
            response = try await run(route, context, caller, scope)
        } catch {
            response = Problem.response(to: error, request: context.request, route: route.pattern)
        }
        context.services.rateLimit.append(allowance, to: &response.fields)
        return response
    }

    private static func run(
        _ route: Route, _ context: RequestContext, _ caller: Caller, _ scope: KeyScope
    ) async throws -> Response {
        try caller.require(scope)
        guard IdempotentRoute.applies(to: context.request) else { return try await route.handler(context) }
        return try await IdempotentRoute.respond(
            to: context.request, tenant: caller.tenant, route: route.pattern,
            idempotency: context.services.idempotency
        ) { try await route.handler(context) }
    }
}
