import FoundationEssentials
import Gateway
import Model
import Telemetry

/// `kick-gateway serve`: the gateway in production.
enum ServeCommand {
    private static let report = Log("gateway")

    static func run(_ arguments: [String]) async throws -> Int32 {
        guard arguments.isEmpty else {
            return Program.complain(
                "usage: kick-gateway serve\n\nSettings come from the environment: kick-gateway config\n")
        }
        return try await serve()
    }

    /// Runs the gateway until a signal ends it.
    ///
    /// - Parameters:
    ///   - adjust: changes what the environment has decided.
    ///   - onRefreshStep: see ``TokenKeeper``.
    static func serve(
        adjust: (inout Config) -> Void = { _ in },
        onRefreshStep: @escaping @Sendable (RefreshStep, LoginID) -> Void = { _, _ in }
    ) async throws -> Int32 {
        var config: Config
        do {
            config = try Config.read(.ofProcess(), executable: Resources.executable)
        } catch let problems as Config.Problems {
            let list = problems.list.map { "  - \($0)\n" }.joined()
            return Program.complain("kick-gateway: the environment is not complete:\n\(list)", code: 1)
        }
        adjust(&config)
        let gateway = try await RunningGateway.start(config, onRefreshStep: onRefreshStep)
        let signal = await SignalWatcher.wait()
        report.notice("signal received", ["signal": .int(Int(signal))])
        await gateway.stop()
        return 0
    }
}
