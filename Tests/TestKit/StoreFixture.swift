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
    package let sealer: Sealer
    package let tenants: TenantStore
    package let logins: LoginStore
    package let connects: ConnectStore
    package let log: EventLog

    private init(_ testDatabase: TestDatabase) throws {
        loops = try LoopGroup(count: 2)
        self.testDatabase = testDatabase
        database = Database(options: try ConnectionOptions(testDatabase.connectionString), loops: loops)
        sealer = try Sealer(keys: [try SealingKey.random(id: "t1")])
        tenants = TenantStore(database: database, sealer: sealer)
        logins = LoginStore(database: database, sealer: sealer)
        connects = ConnectStore(database: database, sealer: sealer)
        log = EventLog(database: database)
    }

    /// Runs `body`, on a loop, with a database of its own.
    package static func run(_ body: @escaping @Sendable (StoreFixture) async throws -> Void) async throws {
        let fixture = try StoreFixture(try await TestDatabase.make(template: template))
        let result = await Task(executorPreference: fixture.loops.loops[0]) { try await body(fixture) }.result
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
        of tenant: Tenant, kickUserID: Int64, refresh: String = "refresh-1", lifetime: Duration = .seconds(7200),
        refreshAfter: Duration = .seconds(6000)
    ) async throws -> Login {
        let link = id(ConnectLinkID.self)
        try await connects.createLink(
            link, tokenHash: RandomBytes.make(32), scopes: [], expiresAt: .now() + .seconds(60), in: tenant.id)
        return try await logins.connect(
            id(LoginID.self),
            account: LoginStore.Account(kickUserID: kickUserID, username: "user\(kickUserID)", slug: nil),
            tokens: TokenPair(
                access: Secret("access-1"), refresh: Secret(refresh), lifetime: lifetime, scopes: ["user:read"]),
            app: tenant.appID, refreshAfter: refreshAfter, link: link, in: tenant.id)
    }

    package func incoming(
        _ messageID: String, app: AppID, broadcaster: Int64, body: String = "{}", type: String = "chat.message.sent",
        receivedAt: Timestamp = .now()
    ) -> IncomingEvent {
        IncomingEvent(
            app: app, messageID: messageID, type: type, version: "1", broadcasterUserID: broadcaster,
            subscriptionID: "sub", sentAt: .now(), receivedAt: receivedAt, body: Array(body.utf8))
    }

    package func id<ID: Identifier>(_ type: ID.Type) -> ID {
        ID(unchecked: ID.prefix + ULID.make().description)
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
