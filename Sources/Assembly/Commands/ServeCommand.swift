import FoundationEssentials
import Telemetry

/// `kick-gateway serve`: the gateway in production.
enum ServeCommand {
    private static let report = Log("gateway")

    static func run(_ arguments: [String]) async throws -> Int32 {
        guard arguments.isEmpty else {
            return Program.complain(
                "usage: kick-gateway serve\n\nSettings come from the environment: kick-gateway config\n")
        }
        let config: Config
        do {
            config = try Config.read(.ofProcess(), executable: Resources.executable)
        } catch let problems as Config.Problems {
            let list = problems.list.map { "  - \($0)\n" }.joined()
            return Program.complain("kick-gateway: the environment is not complete:\n\(list)", code: 1)
        }
        let gateway = try await RunningGateway.start(config)
        let signal = await SignalWatcher.wait()
        report.notice("signal received", ["signal": .int(Int(signal))])
        await gateway.stop()
        return 0
    }
}
