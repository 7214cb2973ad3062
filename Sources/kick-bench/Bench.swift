import FoundationEssentials
import Glibc
import HTTPClient
import Net
import ProcessKit

/// The whole run: rows in order, each on a stage that fits it, then the table.
struct Bench {
    private let options: Options
    private let workshop: Workshop
    private let loops: LoopGroup

    init(_ options: Options, control: LoopGroup) throws {
        self.options = options
        // For 10,000 streams at both ends.
        try Files.raiseDescriptorLimit(needed: 12_000)
        loops = try LoopGroup(count: 2)
        workshop = Workshop(
            options: options, program: try Self.gatewayProgram(), loops: loops, kickLoops: try LoopGroup(count: 1),
            client: OutboundClient(loops: control, tls: try TLSContext()), pool: try WebhookPool(loops: loops))
    }

    /// Prints the table; false when a row failed.
    func run() async throws -> Bool {
        let machine = Machine(directory: options.directory)
        var rows: [Row] = []
        var version: String?
        var stage: (kind: StageKind, stage: Stage)?
        for name in RowName.allCases where options.wants(name) {
            progress(name)
            do {
                if name == .history {
                    await stage?.stage.stop()
                    stage = nil
                    let history = try await HistoryRows.measure(options)
                    version = version ?? history.postgres
                    rows += history.rows
                    continue
                }
                if name.needsFreshStage || stage?.kind != name.stage {
                    await stage?.stage.stop()
                    stage = nil
                    stage = (name.stage, try await Stage.set(name.stage, workshop))
                }
                guard let current = stage?.stage else { continue }
                if version == nil { version = Machine.postgresVersion(below: current.gateway.pid) }
                rows.append(try await Self.measure(name, on: current))
            } catch {
                var row = Row(name)
                row.failure = "\(error)"
                rows.append(row)
                await stage?.stage.stop()
                stage = nil
                complain("\(name.rawValue): FAILED: \(error)")
            }
        }
        await stage?.stage.stop()
        let report = Report(machine: machine, postgres: version, isQuick: options.isQuick, rows: rows)
        print(report.markdown)
        if let path = options.jsonPath { try report.writeJSON(to: path) }
        // What is printed may go through a pipe.
        fflush(nil)
        return rows.allSatisfy { $0.failure == nil }
    }

    private static func measure(_ name: RowName, on stage: Stage) async throws -> Row {
        switch name {
        case .idleMemory: try await MemoryRows.idle(on: stage)
        case .idleStreams: try await MemoryRows.streams(on: stage)
        case .hello64: try await RequestRows.hello(name, connections: 64, on: stage)
        case .hello512: try await RequestRows.hello(name, connections: 512, on: stage)
        case .read: try await RequestRows.read(on: stage)
        case .cached: try await KickRows.cached(on: stage)
        case .readers: try await KickRows.readers(on: stage)
        case .kickRead: try await KickRows.publicRead(on: stage)
        case .kickOwn: try await KickRows.ownRead(on: stage)
        case .stream: try await StreamRows.paced(on: stage)
        case .burst: try await StreamRows.burst(on: stage)
        case .webhook: try await WebhookRows.fast(on: stage)
        case .webhookPaced: try await WebhookRows.paced(on: stage)
        case .history: throw ProcessError("these rows have a stage of their own")
        }
    }

    /// To standard error, so that standard output is the table alone.
    private func progress(_ name: RowName) {
        complain("\(name.rawValue) …")
    }

    private static func gatewayProgram() throws -> String {
        let program = URL(filePath: Files.ownProgram).deletingLastPathComponent().path + "/kick-gateway"
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw ProcessError("\(program) is missing: run make bench, which builds it")
        }
        return program
    }
}
