import CLinux
import Glibc

/// Starting programs.
package enum ChildProcess {
    /// Starts a program whose standard output and error go to `output`. The kernel ends it when the calling thread ends.
    package static func spawn(
        _ program: String, _ arguments: [String], environment: [String: String], output: Int32
    ) throws -> Int32 {
        // A session of its own: Ctrl-C reaches this program alone, which then stops things in order.
        var options = unsafe clinux_spawn_options(
            uid: 0, gid: 0, change_user: 0, parent_death_signal: SIGTERM, stdout_descriptor: output,
            stderr_descriptor: output, new_session: 1, directory: nil)
        var words = unsafe ([program] + arguments).map { unsafe strdup($0) }
        var variables = unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") }
        unsafe words.append(nil)
        unsafe variables.append(nil)
        defer { unsafe (words + variables).forEach { unsafe free($0) } }
        let pid = unsafe clinux_spawn(program, &words, &variables, &options)
        guard pid > 0 else {
            throw ProcessError("cannot start \(program): \(unsafe String(cString: strerror(errno)))")
        }
        return pid
    }

    /// What a program that ends by itself writes.
    package static func output(of program: String, _ arguments: [String]) -> String? {
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { return nil }
        defer { close(ends[0]) }
        let pid = try? spawn(program, arguments, environment: [:], output: ends[1])
        close(ends[1])
        guard let pid else { return nil }
        defer { while waitpid(pid, nil, 0) < 0 && errno == EINTR {} }
        return Files.text("/proc/self/fd/\(ends[0])")
    }
}
