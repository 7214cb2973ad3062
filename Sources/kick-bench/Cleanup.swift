import FoundationEssentials
import Glibc
import Synchronization

/// What must not outlive the program: processes that it started and directories that it made. Emptied in the order of
/// the run, or all at once when a signal ends it.
enum Cleanup {
    private struct State {
        var isEnding = false
        var processes: Set<Int32> = []
        var directories: Set<String> = []
    }

    private static let state = Mutex(State())

    /// Starts a process under the lock, so that a signal meanwhile does not miss it. Throws when a signal came before.
    static func start(_ spawn: () throws -> Int32) throws -> Int32 {
        try state.withLock { state in
            guard !state.isEnding else { throw BenchError("interrupted") }
            let pid = try spawn()
            state.processes.insert(pid)
            return pid
        }
    }

    static func add(directory: String) throws {
        try state.withLock { state in
            guard !state.isEnding else { throw BenchError("interrupted") }
            state.directories.insert(directory)
        }
    }

    /// Asks the process to stop, waits, and ends it the hard way after `patience` seconds. Blocks.
    static func stop(_ pid: Int32, patience: Double) {
        waitIfEnding()
        end(pid, patience: patience)
    }

    private static func end(_ pid: Int32, patience: Double) {
        guard state.withLock({ $0.processes.contains(pid) }) else { return }
        kill(pid, SIGTERM)
        if !reap(pid, patience: patience) {
            kill(pid, SIGKILL)
            _ = reap(pid, patience: 5)
        }
        state.withLock { _ = $0.processes.remove(pid) }
    }

    /// A database whose gateway was killed still writes for a moment: tried again until it is gone. Blocks.
    static func remove(_ directory: String) {
        for _ in 0..<100 {
            try? FileManager.default.removeItem(atPath: directory)
            guard FileManager.default.fileExists(atPath: directory) else { break }
            usleep(50_000)
        }
        state.withLock { _ = $0.directories.remove(directory) }
    }

    /// Ends everything. Nothing can be started any more.
    static func all() {
        let (processes, directories) = state.withLock { state in
            state.isEnding = true
            return (state.processes, state.directories)
        }
        for pid in processes { end(pid, patience: 10) }
        for directory in directories { remove(directory) }
    }

    /// Once everything is being ended nobody else ends anything: a second SIGTERM would make the gateway leave its database.
    private static func waitIfEnding() {
        while state.withLock({ $0.isEnding }) { sleep(1) }
    }

    /// Waits until the process has ended; false when it has not in time.
    private static func reap(_ pid: Int32, patience: Double) -> Bool {
        for _ in 0..<max(1, Int(patience * 100)) {
            let result = waitpid(pid, nil, WNOHANG)
            if result == pid || (result < 0 && errno == ECHILD) { return true }
            usleep(10_000)
        }
        return false
    }
}
