import Crypto
import Foundation
import HTTP
import HTTPClient
import Kick
import Model
import Net
import Postgres
import Sandbox
import Store
import Telemetry
import TestKit

@testable import Gateway

/// The sandbox as Kick, reached over loopback, and a database with a tenant: for tests of what happens between the two.
struct KickStage: Sendable {
    let fixture: StoreFixture
    let tenant: Tenant
    let sandbox: String
    let client: OutboundClient

    /// Making a key takes long; all sandboxes of a run can sign with the same.
    private static let signingKey = try? PrivateKey.generate(.rsaPKCS1SHA256).revealPEM()

    static func run(
        _ configure: (inout SandboxConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (KickStage) async throws -> Void
    ) async throws {
        var configuration = SandboxConfiguration()
        configuration.listenAddress = .ipv4([127, 0, 0, 1], port: 0)
        configuration.signingKeyPEM = signingKey
        configuration.secretsPath = TestSecrets.path
        configuration.app = RegisteredApp(
            clientID: "client", clientSecret: "client-secret", redirectURIs: ["http://localhost/cb"])
        configure(&configuration)
        let chosen = configuration
        try await StoreFixture.run { fixture in
            let sandbox = try SandboxServer(configuration: chosen, loops: fixture.loops)
            let client = OutboundClient(loops: fixture.loops, tls: try TLSContext())
            let stage = KickStage(
                fixture: fixture, tenant: try await fixture.makeTenant(), sandbox: try await sandbox.start(),
                client: client)
            do {
                try await body(stage)
            } catch {
                await client.shutdown()
                await sandbox.stop()
                throw error
            }
            await client.shutdown()
            await sandbox.stop()
        }
    }

    // MARK: Gateways

    /// The way to Kick as one process has it.
    func kick(through tamper: (@Sendable (@escaping KickExchange) -> KickExchange)? = nil) throws -> KickAccess {
        let url = HTTPURL(sandbox)!
        let servers = KickServers(id: url, api: url)
        let exchange = KickTransport.exchange(over: client, servers: servers)
        return KickAccess(
            servers: servers, apps: AppDirectory(store: fixture.tenants),
            tokens: AppTokenStore(database: fixture.database, vault: fixture.vault),
            exchange: tamper?(exchange) ?? exchange)
    }

    func keeper(_ policy: RefreshPolicy = RefreshPolicy(), kick: KickAccess? = nil) throws -> TokenKeeper {
        TokenKeeper(store: fixture.logins, kick: try kick ?? self.kick(), policy: policy, loops: fixture.loops)
    }

    // MARK: Logins

    /// A login whose tokens are the sandbox's own.
    func makeLogin(_ user: Int = 5001, lifetime: Duration = .seconds(7200)) async throws -> Login {
        let answer = try await call(.post, "/sandbox/grants", ["users": [user]])
        let grant = try (answer["data"] as? [[String: Any]])?.first.orThrow("no grant")
        return try await fixture.makeLogin(
            of: tenant, kickUserID: Int64(user),
            access: try (grant?["access_token"] as? String).orThrow("no token"),
            refresh: try (grant?["refresh_token"] as? String).orThrow("no token"), lifetime: lifetime)
    }

    func login(_ login: Login) async throws -> Login {
        try await fixture.logins.login(login.id, in: tenant.id).orThrow("the login is gone")
    }

    /// Brings it about that the login is due now.
    func makeDue(_ login: Login) async throws {
        _ = try await fixture.database.execute(
            "UPDATE logins SET refresh_due_at = now() - interval '1 second' WHERE id = \(login.id)")
    }

    /// Brings it about that the access token's life is over, and that the pair is not brand-new.
    func expire(_ login: Login) async throws {
        _ = try await fixture.database.execute(
            """
            UPDATE logins SET access_expires_at = now() - interval '1 second',
                refresh_issued_at = now() - interval '1 hour' WHERE id = \(login.id)
            """)
    }

    /// Refreshes what is due and waits for the end of it.
    func refreshDue(with keeper: TokenKeeper) async {
        _ = await keeper.refreshDue()
        await until { keeper.flightCount == 0 }
    }

    /// The types of the events in the tenant's log.
    func logged() async throws -> [String] {
        try await fixture.log.read(after: 0, limit: 100, in: tenant.id).map(\.type)
    }

    // MARK: The sandbox's control

    @discardableResult
    func call(_ method: HTTP.Method, _ path: String, _ body: [String: Any]? = nil) async throws -> [String: Any] {
        var request = OutboundRequest(method, HTTPURL(sandbox + path)!)
        if let body {
            request.fields.set(.contentType, "application/json")
            request.body = Array(try JSONSerialization.data(withJSONObject: body))
        }
        let response = try await client.send(request, deadline: .after(.seconds(30)))
        guard response.status.isSuccess else {
            throw StageError("\(method) \(path): \(response.status) \(String(decoding: response.body, as: UTF8.self))")
        }
        return (try? JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]) ?? [:]
    }

    func order(fault: [String: Any]) async throws {
        var fault = fault
        fault["target"] = fault["target"] ?? "token"
        try await call(.post, "/sandbox/faults", fault)
    }

    struct StageError: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }
}

extension Optional {
    fileprivate func orThrow(_ what: String) throws -> Wrapped {
        guard let self else { throw KickStage.StageError(what) }
        return self
    }
}
