import FoundationEssentials
import Glibc
import Synchronization

/// What must not outlive the program: processes that it started, servers that it runs and directories that it made.
/// Emptied in the order of the run, or all at once when a signal ends it.
package enum Cleanup {
    /// How a process has ended.
    package struct Ending: Sendable {
        /// Number of the signal that ended it; 0 when it ended by itself.
        package let signal: Int32
        /// Its exit code; 0 when a signal ended it.
        package let code: Int32
        /// User and system time of all its threads.
        package let cpuNanoseconds: UInt64
    }

    private struct State {
        var isEnding = false
        var processes: Set<Int32> = []
        var ended: [Int32: Ending] = [:]
        var servers: [(name: String, stop: @Sendable () -> Void)] = []
        var directories: Set<String> = []
    }

    private static let state = Mutex(State())

    /// Starts a process under the lock, so that a signal meanwhile does not miss it. Throws when a signal came before.
    package static func start(_ spawn: () throws -> Int32) throws -> Int32 {
        try state.withLock { state in
            guard !state.isEnding else { throw ProcessError("interrupted") }
            let pid = try spawn()
            state.processes.insert(pid)
            return pid
        }
    }

    package static func add(directory: String) throws {
        try state.withLock { state in
            guard !state.isEnding else { throw ProcessError("interrupted") }
            state.directories.insert(directory)
        }
    }

    /// Something that runs within this program and has to be stopped before its directory goes, under a name of its own.
    package static func add(server name: String, stop: @escaping @Sendable () -> Void) throws {
        try state.withLock { state in
            guard !state.isEnding else { throw ProcessError("interrupted") }
            state.servers.append((name, stop))
        }
    }

    /// Stops a server, if it is known. Blocks.
    package static func stop(server name: String) {
        waitIfEnding()
        let found = state.withLock { state -> (@Sendable () -> Void)? in
            guard let index = state.servers.firstIndex(where: { $0.name == name }) else { return nil }
            return state.servers.remove(at: index).stop
        }
        found?()
    }

    // MARK: Processes

    /// Asks the process to stop, waits, and ends it the hard way after `patience` seconds. Nil when it was none of ours.
    /// Blocks.
    @discardableResult
    package static func stop(_ pid: Int32, patience: Double) -> Ending? {
        waitIfEnding()
        return end(pid, by: SIGTERM, patience: patience)
    }

    /// Ends the process at once. Blocks for the moment that takes.
    @discardableResult
    package static func kill(_ pid: Int32) -> Ending? {
        waitIfEnding()
        return end(pid, by: SIGKILL, patience: 5)
    }

    /// How the process ended; nil while it runs.
    package static func ending(of pid: Int32) -> Ending? {
        state.withLock { state in
            guard state.processes.contains(pid), let ending = reap(pid) else { return nil }
            state.processes.remove(pid)
            state.ended[pid] = ending
            return ending
        }
    }

    /// How a process that has ended did so, in words.
    package static func epitaph(of pid: Int32) -> String {
        guard let ending = state.withLock({ $0.ended[pid] }) else { return "is not known to have ended" }
        return ending.signal == 0 ? "ended with code \(ending.code)" : "was ended by signal \(ending.signal)"
    }

    private static func end(_ pid: Int32, by signal: Int32, patience: Double) -> Ending? {
        // Under the lock nobody reaps it, so the number cannot name another one.
        let isOurs = state.withLock { state in
            guard state.processes.contains(pid) else { return false }
            Glibc.kill(pid, signal)
            return true
        }
        guard isOurs else { return nil }
        for _ in 0..<max(1, Int(patience * 200)) {
            if let ending = ending(of: pid) { return ending }
            usleep(5_000)
        }
        return signal == SIGKILL ? nil : end(pid, by: SIGKILL, patience: 5)
    }

    /// Takes an ended process off the table; nil while it runs.
    private static func reap(_ pid: Int32) -> Ending? {
        var status: Int32 = 0
        var usage = rusage()
        let result = unsafe wait4(pid, &status, WNOHANG, &usage)
        guard result == pid else {
            return result < 0 && errno == ECHILD ? Ending(signal: 0, code: -1, cpuNanoseconds: 0) : nil
        }
        func nanoseconds(_ time: timeval) -> UInt64 { (UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_usec)) * 1000 }
        return Ending(
            signal: status & 0x7f, code: (status >> 8) & 0xff,
            cpuNanoseconds: nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime))
    }

    // MARK: The end

    /// A database whose server was killed still writes for a moment: tried again until it is gone. Blocks.
    package static func remove(_ directory: String) {
        for _ in 0..<100 {
            try? FileManager.default.removeItem(atPath: directory)
            guard FileManager.default.fileExists(atPath: directory) else { break }
            usleep(50_000)
        }
        state.withLock { _ = $0.directories.remove(directory) }
    }

    /// Lets a directory stay.
    package static func leave(_ directory: String) {
        state.withLock { _ = $0.directories.remove(directory) }
    }

    /// Ends everything. Nothing can be started any more.
    package static func all() {
        let (processes, servers, directories) = state.withLock { state in
            state.isEnding = true
            defer { state.servers = [] }
            return (state.processes, state.servers, state.directories)
        }
        for pid in processes { _ = end(pid, by: SIGTERM, patience: 10) }
        for server in servers { server.stop() }
        for directory in directories { remove(directory) }
    }

    /// Once everything is being ended nobody else ends anything: a second SIGTERM would make a gateway leave its database.
    private static func waitIfEnding() {
        while state.withLock({ $0.isEnding }) { sleep(1) }
    }
}
