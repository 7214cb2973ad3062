import Glibc
import Synchronization
import Telemetry

/// Runs the server: starts it, waits for it, and starts it again when it ends unasked.
///
/// All on one thread of its own, the keeper. The server's parent-death signal is tied to the thread that started it:
/// when the gateway dies, however it dies, the kernel tells the server to shut down.
final class Postmaster: Sendable {
    private struct State {
        var pid: pid_t?
        var wasReady = false
        var stopping = false
        var ended = false
        var failure: PostgresClusterError?
    }

    private let state = Mutex(State())
    private let program: String
    private let arguments: [String]
    private let user: ClusterUser
    private let layout: ClusterLayout
    private let leftovers: Leftovers
    private let logFile: LogFile
    private let log = Log("postgres")

    init(
        program: String, arguments: [String], user: ClusterUser, layout: ClusterLayout, leftovers: Leftovers,
        logFile: LogFile
    ) {
        self.program = program
        self.arguments = arguments
        self.user = user
        self.layout = layout
        self.leftovers = leftovers
        self.logFile = logFile
    }

    var pid: pid_t? { state.withLock { $0.pid } }

    /// Starts the server and waits until it takes connections.
    func start(socket: String, timeout: Duration) throws(PostgresClusterError) {
        try startThread { [self] in keep() }
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            let (pid, ended, failure) = state.withLock { ($0.pid, $0.ended, $0.failure) }
            if let failure { throw failure }
            if ended {
                logFile.waitForLastWords()
                throw PostgresClusterError(
                    .failed, "PostgreSQL ended while it started. The end of \(logFile.path):\n\(logFile.tail())")
            }
            if let pid, isReady(pid), Self.accepts(socket) {
                state.withLock { $0.wasReady = true }
                return
            }
            usleep(10_000)
        }
        stop()
        throw PostgresClusterError(
            .failed,
            "PostgreSQL was not ready within \(timeout). The end of \(logFile.path):\n\(logFile.tail())")
    }

    /// Ends the server: transactions that run are rolled back, then a checkpoint. Returns when it is gone.
    func stop() {
        // SIGINT: fast shutdown; SIGQUIT: at once, with recovery at the next start; each with its patience.
        let steps: [(Int32, Duration)] = [(SIGINT, .seconds(30)), (SIGQUIT, .seconds(10)), (SIGKILL, .seconds(10))]
        for (signal, patience) in steps {
            // Under the lock the keeper cannot reap the process, so the number cannot name another one.
            let ended = state.withLock { state in
                state.stopping = true
                if let pid = state.pid { kill(pid, signal) }
                return state.ended
            }
            if ended { return }
            let deadline = ContinuousClock.now + patience
            while ContinuousClock.now < deadline {
                if state.withLock({ $0.ended }) { return }
                usleep(5_000)
            }
        }
    }

    // MARK: The keeper's thread

    private func keep() {
        var pause = Duration.milliseconds(200)
        while true {
            do {
                guard let pid = try launch() else { break }
                let startTime = ContinuousClock.now
                waitForEnd(of: pid)
                if ContinuousClock.now - startTime > .seconds(60) { pause = .milliseconds(200) }
            } catch {
                state.withLock { if !$0.wasReady { $0.failure = error } }
            }
            guard state.withLock({ $0.wasReady && !$0.stopping }) else { break }
            log.debug("the private PostgreSQL server ended unasked and is started again")
            rest(pause)
            pause = min(pause * 2, .seconds(5))
            // What the dead server left running would keep the next one from the shared memory.
            do throws(PostgresClusterError) {
                try leftovers.clear()
            } catch {
                log.debug("processes of the ended PostgreSQL server are still there")
            }
        }
        state.withLock { $0.ended = true }
    }

    /// Starts one server process; nil when a stop has been asked for.
    private func launch() throws(PostgresClusterError) -> pid_t? {
        let pipe = try ChildProcess.makePipe()
        defer { close(pipe.write) }
        let started: Result<pid_t, PostgresClusterError>? = state.withLock { state in
            guard !state.stopping else { return nil }
            return Result { () throws(PostgresClusterError) in
                let pid = try ChildProcess.start(
                    program, arguments, as: user.mustSwitch ? user.user : nil, directory: layout.data,
                    output: pipe.write, deathSignal: SIGINT)
                state.pid = pid
                return pid
            }
        }
        guard let started, case .success(let pid) = started else {
            close(pipe.read)
            return try started?.get()
        }
        try logFile.collect(from: pipe.read)
        return pid
    }

    private func waitForEnd(of pid: pid_t) {
        var info = unsafe siginfo_t()
        // Learn of the end first, reap under the lock: `stop` may not signal a number that is free again.
        while unsafe waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
        state.withLock { state in
            _ = ChildProcess.waitForEnd(of: pid)
            state.pid = nil
        }
    }

    private func rest(_ pause: Duration) {
        let deadline = ContinuousClock.now + pause
        while ContinuousClock.now < deadline, !state.withLock({ $0.stopping }) { usleep(20_000) }
    }

    // MARK: Readiness

    /// The server writes its state into the eighth line of postmaster.pid; pg_ctl(1) waits for the same word.
    private func isReady(_ pid: pid_t) -> Bool {
        guard let text = Files.text(of: layout.processFile) else { return false }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.count > 7 && lines[0] == String(pid) && lines[7].hasPrefix("ready")
    }

    /// Whether somebody takes connections at the socket.
    private static func accepts(_ path: String) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        return unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }
}
