import CLinux
import Glibc

/// Starts programs: as another user if need be, in a session of their own, and not outliving this process.
enum ChildProcess {
    struct Finished {
        /// Exit code, or 128 + number of the signal that ended it.
        let status: Int32
        /// Standard output and standard error, mixed; of much output only the end.
        let output: String
    }

    /// What children see of the environment: nothing of the gateway's, which holds its secrets.
    static let environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", "TZ=UTC", "LC_ALL=C"]

    /// Starts the program and returns its process id.
    ///
    /// A session of its own keeps the terminal's Ctrl-C away: the gateway decides when PostgreSQL stops. The death
    /// signal is tied to the calling *thread* (prctl(2)), so long-lived children need a long-lived thread.
    ///
    /// - Parameters:
    ///   - user: whom to change to; nil to stay.
    ///   - output: descriptor for standard output and standard error.
    static func start(
        _ program: String, _ arguments: [String], as user: SystemUser?, directory: String = "/", output: Int32,
        deathSignal: Int32
    ) throws(PostgresClusterError) -> pid_t {
        let pid = unsafe withCStrings([program] + arguments) { arguments in
            unsafe withCStrings(environment) { environment in
                unsafe directory.withCString { directory in
                    var options = unsafe clinux_spawn_options(
                        uid: user?.uid ?? 0, gid: user?.gid ?? 0, change_user: user == nil ? 0 : 1,
                        parent_death_signal: deathSignal, stdout_descriptor: output, stderr_descriptor: output,
                        new_session: 1, directory: directory)
                    return unsafe clinux_spawn(program, arguments, environment, &options)
                }
            }
        }
        guard pid > 0 else {
            throw PostgresClusterError(.failed, "Cannot run \(program): \(Files.systemMessage(errno)).")
        }
        return pid
    }

    /// Runs the program to its end and collects what it printed.
    static func run(
        _ program: String, _ arguments: [String], as user: SystemUser?
    ) throws(PostgresClusterError) -> Finished {
        let pipe = try makePipe()
        defer { close(pipe.read) }
        let pid: pid_t
        do {
            defer { close(pipe.write) }
            pid = try start(program, arguments, as: user, output: pipe.write, deathSignal: SIGKILL)
        }
        var output: [UInt8] = []
        while let chunk = readChunk(pipe.read) {
            output += chunk
            if output.count > 65_536 { output.removeFirst(output.count - 32_768) }
        }
        return Finished(status: waitForEnd(of: pid), output: String(decoding: output, as: UTF8.self))
    }

    /// A pipe whose ends no child inherits by accident.
    static func makePipe() throws(PostgresClusterError) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw Files.failure("make", "a pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// The next bytes from a blocking descriptor; nil at its end.
    static func readChunk(_ descriptor: Int32) -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return nil }
            return Array(chunk[..<count])
        }
    }

    /// Waits until a child has ended and takes it off the process table.
    static func waitForEnd(of pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0 {
            // ECHILD: the process was started with SIGCHLD ignored and the kernel reaped the child.
            if errno != EINTR { return -1 }
        }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe strings.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
    }
}

/// Runs the body on a new detached thread.
func startThread(_ body: @escaping @Sendable () -> Void) throws(PostgresClusterError) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    let box = unsafe Unmanaged.passRetained(Box(body))
    var thread = pthread_t()
    let code = unsafe pthread_create(
        &thread, nil,
        { argument in
            unsafe Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
            return nil
        }, box.toOpaque())
    guard code == 0 else {
        unsafe box.release()
        throw PostgresClusterError(.failed, "Cannot start a thread: \(Files.systemMessage(code)).")
    }
    pthread_detach(thread)
}
