import Model
import Net
import Postgres
import Synchronization

/// Looks at the logins every two seconds while a scenario runs: how late refreshes come, and what PostgreSQL uses.
final class Sampler: Sendable {
    private struct State {
        var last: [LoginID: LoginRow] = [:]
        var lateness: [Double] = []
        /// By the number of the postmaster.
        var databaseCPU: [Int32: UInt64] = [:]
        var databaseCPUAtStart: UInt64 = 0
    }

    private let site: Site
    private let state = Mutex(State())

    init(_ site: Site) {
        self.site = site
        sampleDatabaseCPU()
        state.withLock { state in state.databaseCPUAtStart = state.databaseCPU.values.reduce(0, +) }
    }

    func run() async {
        while !Task.isCancelled {
            // The database may be away.
            if let rows = try? await site.rows() { take(rows) }
            sampleDatabaseCPU()
            try? await sleep(for: .seconds(2))
        }
    }

    /// Seconds from the moment at which a login was due until its new pair was stored. Of those refreshes that were the
    /// only ones between two looks.
    var lateness: Spread { state.withLock { Spread($0.lateness) } }

    /// PostgreSQL's CPU time since the beginning, up to two seconds before each of its ends.
    func databaseCPU() -> UInt64 {
        sampleDatabaseCPU()
        return state.withLock { state in state.databaseCPU.values.reduce(0, +) - state.databaseCPUAtStart }
    }

    private func take(_ rows: [LoginRow]) {
        state.withLock { state in
            for row in rows {
                if let before = state.last[row.id], row.generation == before.generation + 1, let due = before.dueAt,
                    let stored = row.refreshedAt
                {
                    state.lateness.append(max(0, Double(stored - due) / 1e6))
                }
                state.last[row.id] = row
            }
        }
    }

    private func sampleDatabaseCPU() {
        guard let pid = site.server.pid, let time = site.server.cpuNanoseconds else { return }
        state.withLock { state in state.databaseCPU[pid] = max(state.databaseCPU[pid] ?? 0, time) }
    }
}
