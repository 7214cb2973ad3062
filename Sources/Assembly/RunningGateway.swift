import API
import Crypto
import FoundationEssentials
import Gateway
import HTTP
import HTTPClient
import HTTPServer
import Kick
import Model
import Net
import Postgres
import PostgresCluster
import Store
import Telemetry

/// The service, wired: what is made from the configuration, in the order in which it starts; and how it stops.
final class RunningGateway: Sendable {
    /// Where it listens, with the port that the kernel chose.
    let address: SocketAddress
    private let loops: LoopGroup
    private let cluster: PostgresCluster?
    private let database: Database
    private let clients: Clients
    private let server: HTTPServer
    private let keeper: TokenKeeper
    private let importing: Importing
    private let background: [Task<Void, Never>]
    private static let report = Log("gateway")

    private init(
        address: SocketAddress, loops: LoopGroup, cluster: PostgresCluster?, database: Database,
        clients: Clients, server: HTTPServer, keeper: TokenKeeper, importing: Importing,
        background: [Task<Void, Never>]
    ) {
        self.address = address
        self.loops = loops
        self.cluster = cluster
        self.database = database
        self.clients = clients
        self.server = server
        self.keeper = keeper
        self.importing = importing
        self.background = background
    }

    /// Starts everything and returns when requests are answered. Throws with a text for whoever started it.
    ///
    /// - Parameter onRefreshStep: see ``TokenKeeper``; for programs that test the gateway to destruction.
    static func start(
        _ config: Config, onRefreshStep: @escaping @Sendable (RefreshStep, LoginID) -> Void = { _, _ in }
    ) async throws -> RunningGateway {
        let cluster = try config.databaseURL == nil ? PostgresCluster.start(in: config.dataDirectory) : nil
        do {
            return try await start(config, cluster: cluster, onRefreshStep: onRefreshStep)
        } catch {
            cluster?.stop()
            throw error
        }
    }

    private static func start(
        _ config: Config, cluster: PostgresCluster?,
        onRefreshStep: @escaping @Sendable (RefreshStep, LoginID) -> Void
    ) async throws -> RunningGateway {
        let loops = try LoopGroup(count: config.loopCount)
        let database = Database(
            options: try ConnectionOptions(config.databaseURL ?? cluster?.connectionString ?? ""), loops: loops)
        try await migrate(database, config)
        let vault = try Vault(database: database, masterKeys: config.masterKeys)
        try await vault.load()
        let tenants = TenantStore(database: database, vault: vault)
        let apps = AppDirectory(store: tenants)
        try await putDefaultApp(config, tenants)
        let clients = try Clients(loops: loops)
        let kick = try kickAccess(
            config, apps: apps, tokens: AppTokenStore(database: database, vault: vault), clients: clients)

        let log = EventLog(database: database)
        let logins = LoginStore(database: database, vault: vault)
        let keys = KeyStore(database: database)
        let idempotency = IdempotencyStore(database: database, vault: vault)
        let subscriptions = SubscriptionStore(database: database)
        let subscribing = Subscribing(store: subscriptions)
        let reconciler = SubscriptionReconciler(store: subscriptions, kick: kick, policy: config.subscriptionPolicy)
        let deliveries = DeliveryTracker { try await subscriptions.record($0) }
        let verifier = verifier(config, kick: kick, loops: loops)
        let feed = EventFeed(
            log: log, loops: loops, limits: config.streamLimits, encode: { EventEncoding.stream($0, isHistory: $1) },
            encodeGap: { EventEncoding.stream($0) })
        let access = AccessControl(store: keys)
        let keeper = TokenKeeper(
            store: logins, kick: kick, policy: config.refreshPolicy, loops: loops, onStep: onRefreshStep)
        let rotation = KeyRotation(vault: vault, resealing: Resealing(vault: vault, database: database))
        let tokens = LoginTokens(store: logins, keeper: keeper, policy: config.refreshPolicy)
        let importing = Importing(store: logins, tenants: tenants, keeper: keeper, tokens: tokens)
        let disconnecting = Disconnecting(store: logins, kick: kick)
        let connecting = Connecting(
            store: ConnectStore(database: database, vault: vault), logins: logins, kick: kick,
            publicURL: try url(config.publicURL))
        let upstream = Upstream(
            kick: kick, tokens: tokens, logins: logins, tenants: tenants, changes: ReadChangeStore(database: database),
            connecting: connecting, policy: config.upstreamPolicy)
        let services = Services(
            administration: Administration(tenants: tenants, keys: keys, apps: apps, access: access),
            rotation: rotation, access: access, rates: KeyRates(quota: config.keyRate),
            idempotency: Idempotency(store: idempotency), apps: apps,
            connecting: connecting,
            importing: importing, disconnecting: disconnecting,
            records: Records(logins: logins), subscribing: subscribing,
            subscriptionCheck: SubscriptionCheck(
                subscribing: subscribing, store: subscriptions, kick: kick, verifier: verifier,
                publicURL: config.publicURL, probe: try probe(config, clients.orders),
                onKickAnswer: { reconciler.kickAnswered($0) }),
            quotas: SubscriptionQuotas(store: subscriptions, apps: apps), tokens: tokens,
            upstream: upstream, feed: feed,
            replay: EventReplay(log: log, logins: logins),
            retention: TenantRetention(log: log, standard: config.retention, minimum: config.webhookMaximumAge),
            verifier: verifier,
            ingest: WebhookIngest(
                log: log, feed: feed, deliveries: deliveries, memory: config.webhookMaximumAge + .seconds(86_400)),
            missing: { await missing(database) }, adminKey: config.adminKey, isHTTPS: config.isHTTPS,
            contract: try contract(config))

        let server = HTTPServer(loops: loops, handler: Routes.handler(services))
        let address = try await server.listen(on: [config.listen])[0]
        let watch = KeyWatch(store: keys, access: access, feed: feed)
        listen(database, feed: feed, watch: watch, rotation: rotation, upstream: upstream)
        let retention = Retention(log: log, keep: config.retention)
        let sweep = IdempotencySweep(store: idempotency)
        let census = SubscriptionCensus(store: subscriptions, kick: kick, policy: config.subscriptionPolicy)
        let background = [
            loops.next().spawn { await keeper.run() }, loops.next().spawn { await reconciler.run() },
            loops.next().spawn { await census.run() }, loops.next().spawn { await deliveries.run() },
            loops.next().spawn { await disconnecting.run() },
            loops.next().spawn { await feed.poll() }, loops.next().spawn { await watch.run() },
            loops.next().spawn { await retention.run() }, loops.next().spawn { await rotation.run() },
            loops.next().spawn { await sweep.run() },
        ]
        report.notice("listening", ["address": .text(address), "public_url": .string(config.publicURL)])
        return RunningGateway(
            address: address, loops: loops, cluster: cluster, database: database, clients: clients, server: server,
            keeper: keeper, importing: importing, background: background)
    }

    /// Stops in the order in which nothing is lost (P18): no new requests, those in flight answered, streams ended;
    /// then the refreshes under way come to their end; then the pools and the database close.
    ///
    /// A call to Kick takes fifteen seconds at most, waiting for its turn included: its caller is to have the answer.
    func stop() async {
        Self.report.notice("stopping")
        await server.shutdown(grace: .seconds(16))
        for task in background { task.cancel() }
        for task in background { await task.value }
        let isDrained = await withTaskExecutorPreference(loops.loops[0]) {
            await loops.loops[0].enter()
            let deadline = Deadline.after(.seconds(30))
            let isDrained = await keeper.drain(deadline: deadline)
            return await importing.drain(deadline: deadline) && isDrained
        }
        if !isDrained { Self.report.error("a token refresh was still under way at the end of the grace period") }
        await clients.shutdown()
        await database.shutdown()
        loops.shutdown()
        cluster?.stop()
        Self.report.notice("stopped")
    }
}

/// The ways out. Questions to Kick have connections of their own: when Kick does not answer they hold them all, and orders
/// and tokens must not wait for that.
private struct Clients: Sendable {
    let questions: OutboundClient
    let orders: OutboundClient

    init(loops: LoopGroup) throws {
        let tls = try TLSContext()
        questions = OutboundClient(loops: loops, tls: tls, limits: ClientLimits(connections: 128, waiters: 1024))
        orders = OutboundClient(loops: loops, tls: tls, limits: ClientLimits(connections: 64, waiters: 1024))
    }

    func shutdown() async {
        await questions.shutdown()
        await orders.shutdown()
    }
}

// MARK: - Parts

extension RunningGateway {
    /// How long the database may take to be there at start.
    private static let databasePatience = Duration.seconds(60)

    /// Brings the schema up to date, once the database can be reached.
    private static func migrate(_ database: Database, _ config: Config) async throws {
        let migrations = try Migration.load(from: config.resources + "/migrations")
        let deadline = Deadline.after(databasePatience)
        while true {
            do {
                _ = try await Migrator(database: database, migrations: migrations).run()
                return
            } catch let error as DatabaseError where error.isUnavailable && !deadline.hasPassed {
                report.warning("waiting for the database", ["error": .string(error.debugDescription)])
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    private static func putDefaultApp(_ config: Config, _ tenants: TenantStore) async throws {
        guard let app = config.app else { return }
        _ = try await tenants.put(
            AppID(unchecked: AppID.prefix + ULID.make().description), name: "default", clientID: app.clientID,
            clientSecret: app.clientSecret, isDefault: true)
    }

    private static func kickAccess(
        _ config: Config, apps: AppDirectory, tokens: AppTokenStore, clients: Clients
    ) throws -> KickAccess {
        let servers = KickServers(id: try url(config.kickID), api: try url(config.kickAPI))
        return KickAccess(
            servers: servers, apps: apps, tokens: tokens,
            exchange: KickTransport.exchange(over: clients.questions, orders: clients.orders, servers: servers))
    }

    private static func verifier(_ config: Config, kick: KickAccess, loops: LoopGroup) -> WebhookVerifier {
        var policy = WebhookVerifier.Policy()
        policy.maximumAge = config.webhookMaximumAge
        return WebhookVerifier(policy: policy, loops: loops) { deadline in
            try await kick.api.publicKey(deadline: deadline)
        }
    }

    /// A webhook without a signature: only the gateway refuses it in its own words.
    private static func probe(_ config: Config, _ client: OutboundClient) throws -> SubscriptionCheck.Probe {
        let address = try url(config.publicURL + "/webhooks/kick")
        return { deadline in
            let answer = try await client.send(OutboundRequest(.post, address), deadline: deadline)
            return answer.status == .unauthorized
                && String(decoding: answer.body, as: UTF8.self).contains(#""webhook_refused""#)
        }
    }

    private static func missing(_ database: Database) async -> [String] {
        do {
            _ = try await database.query("SELECT 1", by: .after(.seconds(2)))
            return []
        } catch {
            return ["database"]
        }
    }

    private static func listen(
        _ database: Database, feed: EventFeed, watch: KeyWatch, rotation: KeyRotation, upstream: Upstream
    ) {
        _ = database.listen(channels: [
            EventLog.channel, KeyStore.revocationChannel, Vault.channel, ReadChangeStore.channel,
        ]) { notification in
            if notification.channel == Vault.channel {
                Loop.current?.spawn { await rotation.reload() }
                return
            }
            if notification.channel == KeyStore.revocationChannel {
                if let key = KeyID(notification.payload) { watch.didRevoke(key) }
                return
            }
            if notification.channel == ReadChangeStore.channel {
                upstream.didChange(notification.payload.split(separator: " ").compactMap { CacheTag(String($0)) })
                return
            }
            feed.didHear(notification.payload)
        } onConnect: {
            // What was announced while nobody listened is found by looking.
            Loop.current?.spawn { await feed.compareWithLog() }
            Loop.current?.spawn { await rotation.reload() }
        }
    }

    private static func contract(_ config: Config) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: config.resources + "/openapi/openapi.json")))
    }

    private static func url(_ text: String) throws -> HTTPURL {
        guard let url = HTTPURL(text) else { throw Config.Problems(list: ["\(text) is no http or https URL"]) }
        return url
    }
}
