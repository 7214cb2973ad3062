import Crypto
import FoundationEssentials
import Glibc
import HTTPClient
import Net
import ProcessKit
import Synchronization
import Telemetry

/// What all scenarios share.
final class Workshop: Sendable {
    let options: Options
    /// Loops of this program's own work.
    let loops: LoopGroup
    /// Loops of the stand-ins for Kick.
    let kickLoops: LoopGroup
    let client: OutboundClient
    /// Signs webhooks. Kick's is an RSA key, whose signatures cost twenty times their verification: here that would be most
    /// of the work.
    let signingKey: PrivateKey

    init(_ options: Options) throws {
        self.options = options
        // This program's own rooms: only what goes wrong in them.
        Log.threshold.store(LogLevel.error.rawValue, ordering: .relaxed)
        try Files.raiseDescriptorLimit(needed: 16_384)
        loops = try LoopGroup(count: 3)
        kickLoops = try LoopGroup(count: 2)
        client = OutboundClient(loops: loops, tls: try TLSContext(), limits: ClientLimits(body: 64 << 20))
        signingKey = try PrivateKey.generate(.ed25519)
    }

    /// Runs the scenario and prints its result; false when a promise was broken.
    func run() async throws -> Bool {
        let machine = Machine(directory: options.directory)
        let directory = try Files.makeTemporaryDirectory(in: options.directory, prefix: "kick-chaos")
        let begin = Deadline.now()
        let server = try await DatabaseServer.start(in: directory)
        var outcome: Outcome
        do {
            outcome =
                switch options.scenario {
                case .killMatrix: try await KillMatrix(workshop: self, server: server).run()
                case .replicas: try await ReplicasRun(workshop: self, server: server).run()
                case .herd: try await HerdRun(workshop: self, server: server).run()
                case .rotateKeys: try await RotationRun(workshop: self, server: server).run()
                case .outage: try await OutageRun(workshop: self, server: server).run()
                case .ledger: try await LedgerRun(workshop: self, server: server).run()
                case .duplicates: try await DuplicatesRun(workshop: self, server: server).run()
                case .reconcile: try await ReconcileRun(workshop: self, server: server).run()
                case .databaseStop: try await DatabaseStopRun(workshop: self, server: server).run()
                }
        } catch {
            say("logs: \(directory)")
            Cleanup.leave(directory)
            throw error
        }
        let minutes = (Deadline.now() - begin) / .seconds(60)
        let postgres = Machine.postgresVersion(of: server.program)
        await server.stop()
        if options.keepsLogs || !outcome.isGood {
            say("logs: \(directory)")
            Cleanup.leave(directory)
        }
        outcome.head = [
            machine.line(postgres: postgres),
            "\(Date.now.formatted(.iso8601.year().month().day())), \(minutes.text(1)) minutes, `\(options.command)`.",
        ]
        try publish(outcome)
        return outcome.isGood
    }

    private func publish(_ outcome: Outcome) throws {
        let text = outcome.markdown
        print(text)
        // What is printed may go through a pipe.
        fflush(nil)
        if let path = options.outPath { try Data((text + "\n").utf8).write(to: URL(filePath: path)) }
        guard let path = options.intoPath else { return }
        let (begin, end) = ("<!-- \(options.scenario.rawValue) -->", "<!-- /\(options.scenario.rawValue) -->")
        guard let old = Files.text(path), let first = old.firstRange(of: begin), let last = old.firstRange(of: end),
            first.upperBound <= last.lowerBound
        else { throw ProcessError("\(path) has no lines \(begin) and \(end)") }
        let new = "\(old[..<first.upperBound])\n\n\(text)\n\n\(old[last.lowerBound...])"
        try Data(new.utf8).write(to: URL(filePath: path))
    }
}
