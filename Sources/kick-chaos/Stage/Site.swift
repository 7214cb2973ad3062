import Crypto
import FoundationEssentials
import HTTPClient
import Model
import Net
import Postgres
import PostgresCluster
import ProcessKit
import Sandbox
import Store
import Synchronization
import Telemetry

/// One database with one tenant, the stand-in for Kick that its logins are of, and gateways to run on both. This program
/// reads the database through the product's own store, with the same keys.
final class Site: Sendable {
    let workshop: Workshop
    let server: DatabaseServer
    let kick: KickStandIn
    let store: LoginStore
    let database: Database
    let tenant: Tenant
    let adminKey: String
    private let name: String
    private let masterKey: SealingKey
    private let replicaCount = Atomic(0)

    private init(
        _ workshop: Workshop, _ server: DatabaseServer, _ kick: KickStandIn, name: String, database: Database,
        store: LoginStore, tenant: Tenant, masterKey: SealingKey
    ) {
        self.workshop = workshop
        self.server = server
        self.kick = kick
        self.name = name
        self.database = database
        self.store = store
        self.tenant = tenant
        self.masterKey = masterKey
        adminKey = SecretToken(prefix: "kga_").reveal()
    }

    /// - Parameters:
    ///   - name: of the database; letters, digits and `_`.
    ///   - policy: changes how Kick deals with tokens.
    static func make(
        _ name: String, _ workshop: Workshop, _ server: DatabaseServer, policy: (inout TokenPolicy) -> Void
    ) async throws -> Site {
        let maintenance = Database(options: try ConnectionOptions(server.maintenanceURL), loops: workshop.loops)
        try await maintenance.execute(Query(unescaped: "CREATE DATABASE \(name) OWNER \(PostgresCluster.owner)"))
        await maintenance.shutdown()
        var limits = PoolLimits()
        limits.connectionsPerLoop = 4
        let database = Database(
            options: try ConnectionOptions(server.url(of: name, application: "kick-chaos")), loops: workshop.loops,
            limits: limits)
        _ = try await Migrator(database: database, migrations: try Migration.load(from: migrations())).run()
        let masterKey = try SealingKey.random(id: "k1")
        let vault = try Vault(database: database, masterKeys: [masterKey])
        try await vault.load()
        let tenants = TenantStore(database: database, vault: vault)
        let app = try await tenants.put(
            makeID(), name: "default", clientID: KickStandIn.clientID, clientSecret: Secret(KickStandIn.clientSecret),
            isDefault: true)
        guard let tenant = try await tenants.create(makeID(), name: "tenant", app: app) else {
            throw ProcessError("the tenant exists already")
        }
        return Site(
            workshop, server, try await KickStandIn.start(workshop, policy), name: name, database: database,
            store: LoginStore(database: database, vault: vault), tenant: tenant, masterKey: masterKey)
    }

    func close() async {
        await database.shutdown(within: .seconds(5))
        await kick.stop()
    }

    // MARK: Gateways

    /// Starts a gateway; it does not listen yet.
    ///
    /// - Parameter settings: its environment beyond what every gateway here gets.
    func startReplica(
        _ order: HostedGateway.Order = HostedGateway.Order(), settings: [String: String] = [:]
    ) throws -> Replica {
        let number = replicaCount.add(1, ordering: .relaxed).newValue
        var environment = [
            "DATABASE_URL": server.url(of: name), "GATEWAY_LISTEN": "127.0.0.1:0",
            "GATEWAY_PUBLIC_URL": "http://gateway.chaos.invalid", "GATEWAY_ENCRYPTION_KEYS": masterKey.revealText(),
            "GATEWAY_ADMIN_KEY": adminKey, "KICK_CLIENT_ID": KickStandIn.clientID,
            "KICK_CLIENT_SECRET": KickStandIn.clientSecret, "KICK_API_URL": kick.url, "KICK_ID_URL": kick.url,
            // One key makes all the requests.
            "GATEWAY_KEY_RATE": "0",
        ]
        environment.merge(settings) { _, given in given }
        return Replica(
            process: try LoggedProcess.start(
                Files.ownProgram, order.arguments, environment: environment,
                log: "\(server.directory)/\(name)-\(number).log"))
    }

    // MARK: -

    private static func makeID<ID: Identifier>() -> ID { ID(unchecked: ID.prefix + ULID.make().description) }

    /// The directory `migrations` nearest above the program.
    private static func migrations() throws -> String {
        var directory = URL(filePath: Files.ownProgram).resolvingSymlinksInPath().deletingLastPathComponent()
        for _ in 0..<8 {
            let path = directory.path + "/migrations"
            if FileManager.default.fileExists(atPath: path) { return path }
            directory = directory.deletingLastPathComponent()
        }
        throw ProcessError("there is no directory migrations/ above \(Files.ownProgram)")
    }
}
