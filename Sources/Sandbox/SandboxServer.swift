import HTTP
import HTTPClient
import HTTPServer
package import Net

/// A running sandbox. The loops are the caller's and outlive it.
package final class SandboxServer: Sendable {
    private let configuration: SandboxConfiguration
    private let core: SandboxCore
    private let demo: DemoDriver
    private let client: OutboundClient
    private let server: HTTPServer
    private let loops: LoopGroup

    /// Reads the state file or begins a new one. Throws a ``SandboxError`` when the configuration or the file is unfit.
    package init(configuration: SandboxConfiguration, loops: LoopGroup) throws {
        try configuration.validate()
        // As many at once as the largest trigger and the background together.
        let clientLimits = ClientLimits(connections: 72, waiters: 1024)
        let client = OutboundClient(loops: loops, tls: try TLSContext(), limits: clientLimits)
        let core = try SandboxCore(configuration: configuration, loops: loops, transport: client.webhookTransport)
        let demo = DemoDriver(core: core, loop: loops.next())
        self.configuration = configuration
        self.core = core
        self.demo = demo
        self.client = client
        self.loops = loops
        let routes = SandboxRoutes(core: core, demo: demo)
        var limits = ServerLimits()
        // A trigger waits for its deliveries.
        limits.handlerTime = .seconds(TriggerOrder.maximumDeadlineSeconds + 30)
        let server = HTTPServer(loops: loops, limits: limits, handler: routes.respond)
        self.server = server
        core.countConnections { [weak server] in server?.openConnections ?? 0 }
    }

    /// Listens. Returns the base URL, such as `http://127.0.0.1:8090`. Throws when somebody listens there already.
    package func start() async throws -> String {
        let bound = try await server.listen(on: [configuration.listenAddress])
        if configuration.demoEventsPerSecond > 0 { await demo.setRate(configuration.demoEventsPerSecond) }
        return "http://\(bound[0])"
    }

    /// Stops the demo and the deliveries, answers what is being asked, and closes. Everything that was answered is in
    /// the state file already.
    package func stop() async {
        await demo.setRate(0)
        await server.shutdown(grace: .seconds(2))
        await core.sender.stop()
        await client.shutdown()
    }
}

/// The whole route table, and what is answered outside it.
struct SandboxRoutes: Sendable {
    private let router: Router<Handler>
    private let api: APIRoutes

    init(core: SandboxCore, demo: DemoDriver) {
        api = APIRoutes(core: core)
        var router = Router<Handler>()
        OAuthRoutes(core: core).add(to: &router)
        api.add(to: &router)
        ControlRoutes(core: core, demo: demo).add(to: &router)
        self.router = router
    }

    func respond(to request: Request) async throws -> Response {
        switch router.match(request.method, request.head.pathBytes) {
        case .found, .options: return try await router.respond(to: request)
        case .methodNotAllowed, .notFound:
            if request.path.hasPrefix("/public/") { return try await api.unknownPath(request) }
            if request.path.hasPrefix("/sandbox/") { return try await router.respond(to: request) }
            return .html(Pages.notFound, status: .notFound)
        }
    }
}
