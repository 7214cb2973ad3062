import Crypto
import HTTPClient
import Net
import ProcessKit
import Sandbox
import Synchronization

/// What a row needs to stand on.
enum StageKind: Sendable {
    /// A gateway and nothing else.
    case bare
    /// One tenant with two logins.
    case small
    /// One tenant with a login for every broadcaster of the webhook pool.
    case oneTenant
    /// A tenant for every broadcaster of the webhook pool, with that one login.
    case manyTenants
}

/// What all stages share.
struct Workshop: Sendable {
    let options: Options
    /// Path of `kick-gateway`.
    let program: String
    /// Loops that put load on the gateway.
    let loops: LoopGroup
    /// Loops of the stand-in for Kick, idle while something is measured.
    let kickLoops: LoopGroup
    /// For the calls that set a stage.
    let client: OutboundClient
    let pool: WebhookPool
}

/// A gateway as shipped, with the stand-in for Kick that it was told of, and tenants made through its routes.
final class Stage: Sendable {
    let workshop: Workshop
    let gateway: GatewayProcess
    /// API keys of the tenants, in order.
    let keys: [String]
    let calls: GatewayCalls
    /// How many webhooks of the pool it has had: it would know them again.
    let webhooksSent = Atomic(0)
    private let sandbox: SandboxServer

    private static let patience = Duration.seconds(60)

    private init(
        workshop: Workshop, gateway: GatewayProcess, keys: [String], calls: GatewayCalls, sandbox: SandboxServer
    ) {
        self.calls = calls
        self.workshop = workshop
        self.gateway = gateway
        self.keys = keys
        self.sandbox = sandbox
    }

    static func set(_ kind: StageKind, _ workshop: Workshop) async throws -> Stage {
        let sandbox = try SandboxServer(configuration: sandboxConfiguration(workshop), loops: workshop.kickLoops)
        let kick = try await sandbox.start()
        do {
            return try await set(kind, workshop, sandbox: sandbox, kick: kick)
        } catch {
            await sandbox.stop()
            throw error
        }
    }

    private static func set(
        _ kind: StageKind, _ workshop: Workshop, sandbox: SandboxServer, kick: String
    ) async throws -> Stage {
        let adminKey = SecretToken(prefix: "kga_").reveal()
        let gateway = try await GatewayProcess.start(
            workshop.program, in: workshop.options.directory,
            settings: [
                "GATEWAY_ADMIN_KEY": adminKey, "GATEWAY_ENCRYPTION_KEYS": try SealingKey.random(id: "k1").revealText(),
                "KICK_CLIENT_ID": "bench-client", "KICK_CLIENT_SECRET": "bench-secret", "KICK_API_URL": kick,
                "KICK_ID_URL": kick,
                // One key opens all the streams there are, and makes all the requests.
                "GATEWAY_STREAMS_PER_KEY": "50000", "GATEWAY_STREAMS_PER_TENANT": "50000", "GATEWAY_KEY_RATE": "0",
                // What calls cost is to be seen, not how they are held back.
                "GATEWAY_KICK_RATE": "100000",
            ])
        do {
            let calls = GatewayCalls(
                client: workshop.client, gateway: "http://\(gateway.address)", kick: kick, adminKey: adminKey)
            let keys = try await makeTenants(kind, calls)
            return Stage(workshop: workshop, gateway: gateway, keys: keys, calls: calls, sandbox: sandbox)
        } catch {
            let words = gateway.lastWords
            gateway.stop()
            throw ProcessError("\(error)\nthe gateway's last words:\n\(words)")
        }
    }

    func stop() async {
        gateway.stop()
        await sandbox.stop()
    }

    func sample() -> UsageSample { UsageSample(gateway: gateway.pid) }

    // MARK: -

    private static func sandboxConfiguration(_ workshop: Workshop) -> SandboxConfiguration {
        var configuration = SandboxConfiguration()
        configuration.listenAddress = .ipv4([127, 0, 0, 1], port: 0)
        configuration.signingKeyPEM = workshop.pool.keyPEM
        configuration.app.clientID = "bench-client"
        configuration.app.clientSecret = "bench-secret"
        configuration.app.redirectURIs = ["\(GatewayProcess.publicURL)/auth/kick/callback"]
        configuration.app.webhookURL = nil
        configuration.users = WebhookPool.broadcasters.map { SandboxUser(id: $0, username: "broadcaster\($0)") }
        return configuration
    }

    private static func makeTenants(_ kind: StageKind, _ calls: GatewayCalls) async throws -> [String] {
        let broadcasters = Array(WebhookPool.broadcasters)
        let tenants: [[Int]] =
            switch kind {
            case .bare: []
            case .small: [Array(broadcasters.prefix(2))]
            case .oneTenant: [broadcasters]
            case .manyTenants: broadcasters.map { [$0] }
            }
        var keys: [String] = []
        for (index, broadcasters) in tenants.enumerated() {
            let key = try await calls.makeTenant(named: "tenant \(index)")
            for broadcaster in broadcasters { try await calls.connect(broadcaster: broadcaster, key: key) }
            keys.append(key)
        }
        // Background work would be measured too, so it is waited for: every login subscribes to its events.
        let deadline = Deadline.after(patience)
        for key in keys {
            while true {
                let (all, active) = try await calls.subscriptions(key: key)
                if all > 0, all == active { break }
                guard !deadline.hasPassed else {
                    throw ProcessError("subscriptions: only \(active) of \(all) are active")
                }
                try await sleep(for: .milliseconds(50))
            }
        }
        return keys
    }
}
