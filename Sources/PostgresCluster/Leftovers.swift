import FoundationEssentials
import Glibc

/// PostgreSQL processes that outlived the gateway that started them.
///
/// Found through /proc rather than through postmaster.pid alone: that file may name a process id that meanwhile
/// belongs to somebody else, and when a postmaster is killed its backends may live on without it.
struct Leftovers: Sendable {
    let layout: ClusterLayout
    /// The server's `cluster_name`, which it puts into the titles of its processes.
    let clusterName: String

    struct Found: Equatable {
        let pid: pid_t
        let parent: pid_t
    }

    /// Stops what still runs in the data directory and removes what it left, so that a new server can start.
    ///
    /// Only sound while the directory's lock is held and no server of ours runs. First the polite request that the
    /// parent-death signal has usually made already, then harder ones.
    func clear() throws(PostgresClusterError) {
        // Tenths of a second after which the next signal goes out; all lists together bound the wait.
        let signals: [(signal: Int32?, patience: Int)] = [(nil, 20), (SIGINT, 150), (SIGQUIT, 80), (SIGKILL, 50)]
        var found = processes()
        for (signal, patience) in signals where !found.isEmpty {
            if let signal { found.forEach { send(signal, to: $0, among: found) } }
            for _ in 0..<patience where !found.isEmpty {
                usleep(100_000)
                found = processes()
            }
        }
        if let survivor = found.first {
            throw PostgresClusterError(
                .inUse, "PostgreSQL process \(survivor.pid) still uses \(layout.data) and does not stop.")
        }
        // Nobody is left, so the file is stale whatever process its number names today.
        unsafe unlink(layout.processFile)
    }

    private func send(_ signal: Int32, to process: Found, among all: [Found]) {
        let hasParent = all.contains { $0.pid == process.parent }
        // The postmaster ends its own children, except that nothing may survive SIGKILL.
        if hasParent && signal != SIGKILL { return }
        // For a backend SIGINT only cancels a statement. Without a postmaster it must go.
        let isOrphanedBackend = !hasParent && commandLine(of: process.pid).hasPrefix("postgres: ")
        kill(process.pid, signal == SIGINT && isOrphanedBackend ? SIGTERM : signal)
    }

    /// Every live PostgreSQL process of this data directory.
    func processes() -> [Found] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let data = FileStatus(following: layout.data)
        return names.compactMap(pid_t.init).compactMap { pid in
            guard pid != getpid(), isOurs(pid, data: data), let parent = parent(of: pid) else { return nil }
            return Found(pid: pid, parent: parent)
        }
    }

    private func isOurs(_ pid: pid_t, data: FileStatus?) -> Bool {
        // A server's processes have the data directory as their working directory. That is proof, but in a container
        // root lacks the right to look (CAP_SYS_PTRACE); command lines everybody may read.
        if let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe") {
            guard program.split(separator: "/").last?.hasPrefix("postgres") == true else { return false }
            if let data, let directory = FileStatus(following: "/proc/\(pid)/cwd") {
                return directory.isSameFile(as: data)
            }
        }
        let line = commandLine(of: pid)
        if line.hasPrefix("postgres: \(clusterName): ") { return true }
        return line.split(separator: "\0").first?.hasSuffix("/postgres") == true
            && line.split(separator: "\0").contains { $0 == layout.data }
    }

    private func commandLine(of pid: pid_t) -> String {
        Files.text(of: "/proc/\(pid)/cmdline") ?? ""
    }

    /// The parent, nil when the process is gone or only waits to be reaped (proc(5), /proc/pid/stat).
    private func parent(of pid: pid_t) -> pid_t? {
        guard let text = Files.text(of: "/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 1, fields[0] != "Z", fields[0] != "X" else { return nil }
        return pid_t(fields[1])
    }
}
