package import Crypto
package import Model
package import Net
package import Postgres
package import Store
import Telemetry

/// A database with the product's schema, empty, and what makes rows in it.
package final class StoreFixture: Sendable {
    package let loops: LoopGroup
    package let testDatabase: TestDatabase
    package let database: Database
    /// The environment's key of the vault.
    package let master: SealingKey
    package let vault: Vault
    package let tenants: TenantStore
    package let logins: LoginStore
    package let connects: ConnectStore
    package let log: EventLog

    private init(_ testDatabase: TestDatabase) throws {
        loops = try LoopGroup(count: 2)
        self.testDatabase = testDatabase
        database = Database(options: try ConnectionOptions(testDatabase.connectionString), loops: loops)
        master = try SealingKey.random(id: "t1")
        vault = try Vault(database: database, masterKeys: [master])
        tenants = TenantStore(database: database, vault: vault)
        logins = LoginStore(database: database, vault: vault)
        connects = ConnectStore(database: database, vault: vault)
        log = EventLog(database: database)
    }

    /// Runs `body`, on a loop, with a database of its own.
    ///
    /// - Parameter cluster: nil takes the shared server, which must not be stopped.
    package static func run(
        on cluster: TestCluster? = nil, _ body: @escaping @Sendable (StoreFixture) async throws -> Void
    ) async throws {
        let fixture = try StoreFixture(try await TestDatabase.make(template: template, on: cluster))
        let task = Task(executorPreference: fixture.loops.loops[0]) {
            try await fixture.vault.load()
            try await body(fixture)
        }
        // So that a test's time limit ends it.
        let result = await withTaskCancellationHandler {
            await task.result
        } onCancel: {
            task.cancel()
        }
        await fixture.database.shutdown(within: .seconds(5))
        fixture.loops.shutdown()
        try await fixture.testDatabase.remove()
        try result.get()
    }

    private static let template = TestDatabase.Template("gateway_schema") { testDatabase in
        let loops = try LoopGroup(count: 1)
        let database = Database(options: try ConnectionOptions(testDatabase.connectionString), loops: loops)
        _ = try await Migrator(database: database, migrations: try Migration.load(from: migrationsDirectory)).run()
        await database.shutdown()
        loops.shutdown()
    }

    /// `migrations/` of the checkout.
    package static var migrationsDirectory: String { Checkout.root + "/migrations" }

    // MARK: Rows

    package func makeTenant(_ name: String = "tenant") async throws -> Tenant {
        let app = try await tenants.put(
            id(AppID.self), name: "app", clientID: "client", clientSecret: Secret("client-secret"), isDefault: true)
        guard let tenant = try await tenants.create(id(TenantID.self), name: name, app: app) else {
            throw GatewayError(.conflict, "the tenant exists")
        }
        return tenant
    }

    package func makeLogin(
        of tenant: Tenant, kickUserID: Int64, access: String = "access-1", refresh: String = "refresh-1",
        lifetime: Duration = .seconds(7200),
        refreshAfter: Duration = .seconds(6000)
    ) async throws -> Login {
        let link = id(ConnectLinkID.self)
        try await connects.createLink(
            link, tokenHash: RandomBytes.make(32), scopes: [], expiresAt: .now() + .seconds(60), in: tenant.id)
        return try await logins.connect(
            id(LoginID.self),
            account: LoginStore.Account(kickUserID: kickUserID, username: "user\(kickUserID)", slug: nil),
            tokens: TokenPair(
                access: Secret(access), refresh: Secret(refresh), lifetime: lifetime,
                scopes: ["user:read", "events:subscribe"]),
            app: tenant.appID, refreshAfter: refreshAfter, link: link, in: tenant.id)
    }

    // MARK: Refreshes

    /// Claims what is due, of the one app that there is.
    package func claimDue(
        _ limit: Int, lease: Duration, excluding: [LoginID] = []
    ) async throws -> [RefreshLease] {
        let apps = try await tenants.apps().map(\.app.id)
        return try await logins.claimDueRefreshes(
            room: Dictionary(uniqueKeysWithValues: apps.map { ($0, limit) }), lease: lease, excluding: excluding)
    }

    package func store(_ pair: TokenPair, refreshAfter: Duration, for lease: RefreshLease) async throws -> Bool {
        try await logins.store(
            logins.seal(pair, for: lease), refreshAfter: refreshAfter, for: lease,
            recovered: event("gateway.login.recovered"))
    }

    package func giveUp(_ lease: RefreshLease, error: String) async throws -> Bool {
        try await logins.requireReconnect(lease, error: error, lost: event("gateway.login.reconnect_required"))
    }

    package func event(_ type: String, broadcaster: Int64 = 1) -> GatewayEvent {
        GatewayEvent(type: type, broadcasterUserID: broadcaster, body: Array("{}".utf8))
    }

    // MARK: Webhooks

    package func incoming(
        _ messageID: String, app: AppID, broadcaster: Int64, body: String = "{}", type: String = "chat.message.sent",
        receivedAt: Timestamp = .now(), subscription: String = "sub", sameness: IncomingEvent.Sameness? = nil
    ) -> IncomingEvent {
        IncomingEvent(
            app: app, messageID: messageID, type: type, version: "1", broadcasterUserID: broadcaster,
            subscriptionID: subscription, sentAt: .now(), receivedAt: receivedAt, body: Array(body.utf8),
            sameness: sameness)
    }

    /// Brings it about that the first events of a log were logged some days ago, in a partition of that day.
    package func age(upTo sequence: Int64, days: Int32, in tenant: TenantID) async throws {
        _ = try await database.query(
            """
            SELECT keep_event_partitions(
                (now() AT TIME ZONE 'UTC')::date - \(days), (now() AT TIME ZONE 'UTC')::date - \(days)) AS made
            """)
        _ = try await database.execute(
            """
            UPDATE events SET logged_at = logged_at - \(Int64(days) * 86_400_000) * interval '1 millisecond'
            WHERE tenant_id = \(tenant) AND seq <= \(sequence)
            """)
    }

    package func id<ID: Identifier>(_ type: ID.Type) -> ID {
        ID(unchecked: ID.prefix + ULID.make().description)
    }
}

extension EventLog {
    /// Up to `limit` events after a sequence number.
    package func read(
        after sequence: Int64, limit: Int, filter: EventFilter = .everything, span: EventSpan = .all,
        hidesDuplicates: Bool = false, in tenant: TenantID
    ) async throws(DatabaseError) -> [Event] {
        try await slice(
            after: sequence, limits: EventSliceLimits(count: limit), filter: filter, span: span,
            hidesDuplicates: hidesDuplicates, in: tenant
        ).events
    }
}

/// Where the project lies, from the place of this file.
package enum Checkout {
    package static let root: String = {
        var path = #filePath
        for _ in 0..<3 { path = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) }
        return path
    }()
}
