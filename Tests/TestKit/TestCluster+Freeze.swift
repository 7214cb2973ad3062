import Foundation
import PostgresCluster

extension TestCluster {
    /// Stops every process of the server where it is (SIGSTOP) while `body` runs: connections stay, and nobody answers.
    package func frozen<R>(_ body: () async throws -> R) async throws -> R {
        let processes = processes
        for process in processes { Foundation.kill(process, SIGSTOP) }
        defer { for process in processes { Foundation.kill(process, SIGCONT) } }
        return try await body()
    }

    private var processes: [pid_t] {
        guard let postmaster = cluster.postmasterPID else { return [] }
        let children = try? String(
            contentsOfFile: "/proc/\(postmaster)/task/\(postmaster)/children", encoding: .utf8)
        return [postmaster] + (children ?? "").split(separator: " ").compactMap { pid_t($0) }
    }
}
