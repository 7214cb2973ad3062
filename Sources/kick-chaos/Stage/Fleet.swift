import ProcessKit
import Synchronization

/// The replicas of a run, the living and what the dead leave behind.
final class Fleet: Sendable {
    private struct State {
        var replicas: [Replica] = []
        var logs: [String] = []
        var endedCPU: UInt64 = 0
    }

    private let site: Site
    private let order: HostedGateway.Order
    private let settings: [String: String]
    private let state = Mutex(State())

    /// Starts so many and waits until they listen.
    static func start(
        _ count: Int, on site: Site, order: HostedGateway.Order = HostedGateway.Order(),
        settings: [String: String] = [:]
    ) async throws -> Fleet {
        let fleet = Fleet(site: site, order: order, settings: settings)
        for _ in 0..<count { fleet.add(try site.startReplica(order, settings: settings)) }
        for replica in fleet.replicas { try await replica.untilListening() }
        return fleet
    }

    private init(site: Site, order: HostedGateway.Order, settings: [String: String]) {
        self.site = site
        self.order = order
        self.settings = settings
    }

    var replicas: [Replica] { state.withLock { $0.replicas } }

    /// CPU time of all of them so far, the dead included, in nanoseconds.
    var cpuNanoseconds: UInt64 {
        state.withLock { state in
            state.endedCPU + state.replicas.reduce(0) { $0 + ($1.cpuNanoseconds ?? 0) }
        }
    }

    /// Kills one of them, counted round; which.
    @discardableResult
    func kill(_ number: Int) async throws -> Replica {
        let replica = state.withLock { $0.replicas.remove(at: number % $0.replicas.count) }
        guard let ending = try await replica.kill(), ending.signal != 0 else {
            throw ProcessError("a gateway had ended by itself:\n\(replica.process.lastWords)")
        }
        state.withLock { $0.endedCPU += ending.cpuNanoseconds }
        return replica
    }

    /// Starts one more, without waiting for it.
    @discardableResult
    func startOne() throws -> Replica {
        let replica = try site.startReplica(order, settings: settings)
        add(replica)
        return replica
    }

    /// Stops them all in order.
    func stop() async throws {
        for replica in state.withLock({ state in
            defer { state.replicas = [] }
            return state.replicas
        }) {
            let ending = try await replica.stop()
            state.withLock { $0.endedCPU += ending.cpuNanoseconds }
        }
    }

    /// What all of them have written, the dead as well.
    func findings() async throws -> LogFindings {
        let logs = state.withLock { $0.logs }
        return try await blocking { logs.map { LogFindings(log: $0) }.reduce(LogFindings(), +) }
    }

    private func add(_ replica: Replica) {
        state.withLock { state in
            state.replicas.append(replica)
            state.logs.append(replica.process.log)
        }
    }
}
