import CLinux
import FoundationEssentials
import Glibc

/// `kick-sandbox` as a child of `kick-gateway dev`. The kernel ends it when its parent dies.
final class SandboxProcess {
    private let pid: Int32

    /// Starts the program that lies beside this one, and returns when it says that it is ready.
    init(arguments: [String], directory: String) throws {
        let program = URL(filePath: Resources.executable).deletingLastPathComponent().path + "/kick-sandbox"
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw DevError("\(program) is missing: build it with make build")
        }
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { throw DevError("pipe failed") }
        defer { close(ends[0]) }
        pid = Self.spawn(program, arguments, output: ends[1])
        close(ends[1])
        guard pid > 0 else { throw DevError("\(program) cannot be started") }
        guard Self.readLine(from: ends[0]).contains("\"ready\":true") else {
            stop()
            throw DevError("the sandbox did not start; is its port taken?")
        }
    }

    /// Asks it to stop, and waits.
    func stop() {
        kill(pid, SIGTERM)
        while waitpid(pid, nil, 0) < 0 && errno == EINTR {}
    }

    private static func spawn(_ program: String, _ arguments: [String], output: Int32) -> Int32 {
        // A session of its own: Ctrl-C reaches the parent alone, which then stops things in order.
        var options = unsafe clinux_spawn_options(
            uid: 0, gid: 0, change_user: 0, parent_death_signal: SIGKILL, stdout_descriptor: output,
            stderr_descriptor: -1, new_session: 1, directory: nil)
        var pointers = unsafe ([program] + arguments).map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe clinux_spawn(program, &pointers, environ, &options)
    }

    /// The first line; what came before the end when there is none.
    private static func readLine(from descriptor: Int32) -> String {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < 4096 {
            let count = unsafe read(descriptor, &byte, 1)
            if count < 0 && errno == EINTR { continue }
            guard count == 1, byte != UInt8(ascii: "\n") else { break }
            line.append(byte)
        }
        return String(decoding: line, as: UTF8.self)
    }
}
