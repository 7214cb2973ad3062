import FoundationEssentials
import Glibc
import HTTPClient
import Net
import Telemetry

/// `kick-gateway dev`: everything on this machine, with a demo that shows the main job. Data and secrets stay in the data
/// directory; a second start goes on with them.
enum DevCommand {
    static let usage = """
        usage: kick-gateway dev

        Starts a private PostgreSQL, the sandbox (a stand-in for Kick) and the gateway, with a demo tenant whose two
        broadcasters are logged in and produce events. Ctrl-C stops everything; the data stays.

          GATEWAY_LISTEN          where the gateway listens [127.0.0.1:8080]
          GATEWAY_SANDBOX_LISTEN  where the sandbox listens [127.0.0.1:8090]
          GATEWAY_DATA_DIR        where data is kept [/var/lib/kick-gateway-dev as root, else ~/.local/share/kick-gateway-dev]
          GATEWAY_DEMO_RATE       demo events per second, 0 for none [1]

        """

    static func run(_ arguments: [String]) async throws -> Int32 {
        guard arguments.isEmpty else { return Program.complain(usage, code: arguments == ["--help"] ? 0 : 2) }
        var environment = Environment.ofProcess()
        let listen = environment.text("GATEWAY_LISTEN") ?? "127.0.0.1:8080"
        let sandboxListen = environment.text("GATEWAY_SANDBOX_LISTEN") ?? "127.0.0.1:8090"
        let directory = environment.text("GATEWAY_DATA_DIR") ?? DataDirectory.standard + "-dev"
        let rate = environment.text("GATEWAY_DEMO_RATE") ?? "1"
        guard let port = SocketAddress(parsing: listen)?.port,
            let sandboxAddress = SocketAddress(parsing: sandboxListen), sandboxAddress.port ?? 0 != 0, port != 0
        else { return Program.complain("GATEWAY_LISTEN and GATEWAY_SANDBOX_LISTEN: expected an address and a port\n") }
        let level = environment.text("GATEWAY_LOG_LEVEL") ?? "warning"

        try makeDirectory(directory)
        var secrets = try DevSecrets.load(from: directory)
        Program.say("sandbox …\n")
        let sandbox = try SandboxProcess(
            arguments: [
                "--listen", sandboxListen, "--state", "\(directory)/sandbox.json",
                "--redirect-uri", "http://localhost:\(port)/auth/kick/callback",
                "--webhook-url", "http://127.0.0.1:\(port)/webhooks/kick",
                "--drops-webhook-url", "http://127.0.0.1:\(port)/webhooks/kick/drops", "--demo", rate,
            ])
        defer { sandbox.stop() }
        let kick = "http://\(sandboxAddress)"

        Program.say("database and gateway …\n")
        let config = try Config.read(
            Environment([
                "GATEWAY_LISTEN": listen, "GATEWAY_PUBLIC_URL": "http://localhost:\(port)",
                "GATEWAY_DATA_DIR": directory, "GATEWAY_ENCRYPTION_KEYS": secrets.encryptionKeys,
                "GATEWAY_ADMIN_KEY": secrets.adminKey, "GATEWAY_LOG_LEVEL": level,
                "KICK_CLIENT_ID": "sandbox-client", "KICK_CLIENT_SECRET": "sandbox-secret", "KICK_API_URL": kick,
                "KICK_ID_URL": kick, "DATABASE_URL": environment.text("DATABASE_URL") ?? "",
                "GATEWAY_RESOURCES": environment.text("GATEWAY_RESOURCES") ?? "",
                "GATEWAY_KEY_RATE": environment.text("GATEWAY_KEY_RATE") ?? "",
                "GATEWAY_KICK_RATE": environment.text("GATEWAY_KICK_RATE") ?? "",
            ]), executable: Resources.executable)
        let gateway = try await RunningGateway.start(config)

        let loops = try LoopGroup(count: 1)
        let client = OutboundClient(loops: loops, tls: try TLSContext())
        let base = "http://\(gateway.address)"
        do {
            Program.say("demo tenant …\n")
            let demo = Demo(
                gateway: JSONClient(client: client, base: base), adminKey: secrets.adminKey, sandbox: kick)
            let key = try await demo.prepare(knownKey: secrets.demoKey)
            if secrets.demoKey != key {
                secrets.demoKey = key
                try secrets.save(to: directory)
            }
            Program.say(summary(base: "http://localhost:\(port)", sandbox: kick, key: key, secrets, directory))
        } catch {
            await client.shutdown()
            await gateway.stop()
            loops.shutdown()
            throw error
        }
        await client.shutdown()
        loops.shutdown()
        _ = await SignalWatcher.wait()
        Program.say("\nstopping …\n")
        await gateway.stop()
        return 0
    }

    private static func summary(
        base: String, sandbox: String, key: String, _ secrets: DevSecrets, _ directory: String
    ) -> String {
        """

        kick-gateway is running. Ctrl-C stops it; the data stays in \(directory).

          Watch events   \(base)/#key=\(key)
          Sandbox        \(sandbox)/
          API key        \(key)
          Admin key      \(secrets.adminKey)
          Routes         \(base)/docs

        The main job in five lines:

          export GATEWAY=\(base) KEY=\(key)
          curl -s $GATEWAY/v1/logins -H "Authorization: Bearer $KEY"
          curl -s $GATEWAY/v1/channels/nova -H "Authorization: Bearer $KEY"
          curl -sN --max-time 5 $GATEWAY/v1/events/stream -H "Authorization: Bearer $KEY"
          curl -s -X POST $GATEWAY/v1/broadcasters/1001/chat/messages -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{"content":"hello"}'
          curl -s -X POST $GATEWAY/v1/connect-links -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{}'

        """
    }

    /// Root's directory must be passable for the user that PostgreSQL runs as; what lies in it is private itself.
    private static func makeDirectory(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: geteuid() == 0 ? 0o711 : 0o700])
        } catch {
            throw DevError("cannot make the directory \(path)")
        }
    }
}
