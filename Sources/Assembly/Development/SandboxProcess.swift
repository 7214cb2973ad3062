import CLinux
import FoundationEssentials
import Glibc
import Synchronization

/// `kick-sandbox` as a child of `kick-gateway dev`. The kernel ends it when its parent dies.
///
/// More exactly, when the thread dies that started it (prctl(2), PR_SET_PDEATHSIG), and the runtime's own threads come
/// and go. So it has a thread of its own, which does nothing but wait for it.
final class SandboxProcess: Sendable {
    private let keeper: pthread_t
    private let pid: Int32

    /// Starts the program that lies beside this one, and returns when it says that it is ready.
    init(arguments: [String]) throws {
        let program = URL(filePath: Resources.executable).deletingLastPathComponent().path + "/kick-sandbox"
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw DevError("\(program) is missing: build it with make build")
        }
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { throw DevError("pipe failed") }
        defer { close(ends[0]) }
        let start = Start(program: program, arguments: arguments, output: ends[1])
        keeper = start.run()
        pid = start.pid()
        guard pid > 0 else {
            pthread_join(keeper, nil)
            throw DevError("\(program) cannot be started")
        }
        guard Self.readLine(from: ends[0]).contains("\"ready\":true") else {
            stop()
            throw DevError("the sandbox did not start; is its port taken?")
        }
    }

    /// Asks it to stop, and waits.
    func stop() {
        kill(pid, SIGTERM)
        pthread_join(keeper, nil)
    }

    /// What the keeper's thread does.
    private final class Start: Sendable {
        private let program: String
        private let arguments: [String]
        private let output: Int32
        private let spawned = Mutex<Int32?>(nil)

        init(program: String, arguments: [String], output: Int32) {
            self.program = program
            self.arguments = arguments
            self.output = output
        }

        func run() -> pthread_t {
            var thread = pthread_t()
            let code = unsafe pthread_create(
                &thread, nil,
                { argument in
                    guard let argument = unsafe argument else { return nil }
                    unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().keep()
                    return nil
                }, Unmanaged.passRetained(self).toOpaque())
            precondition(code == 0, "pthread_create failed")
            return thread
        }

        /// The child's process id, or a negative number.
        func pid() -> Int32 {
            while true {
                if let pid = spawned.withLock({ $0 }) { return pid }
                sched_yield()
            }
        }

        private func keep() {
            let pid = spawn()
            close(output)
            spawned.withLock { $0 = pid }
            guard pid > 0 else { return }
            while waitpid(pid, nil, 0) < 0 && errno == EINTR {}
        }

        private func spawn() -> Int32 {
            // A session of its own: Ctrl-C reaches the parent alone, which then stops things in order.
            var options = unsafe clinux_spawn_options(
                uid: 0, gid: 0, change_user: 0, parent_death_signal: SIGKILL, stdout_descriptor: output,
                stderr_descriptor: -1, new_session: 1, directory: nil)
            var pointers = unsafe ([program] + arguments).map { unsafe strdup($0) }
            unsafe pointers.append(nil)
            defer { unsafe pointers.forEach { unsafe free($0) } }
            return unsafe clinux_spawn(program, &pointers, environ, &options)
        }
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
