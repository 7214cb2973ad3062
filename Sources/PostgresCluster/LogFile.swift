import Glibc
import Synchronization

/// PostgreSQL's log: a file that is bounded, and its end for error texts.
///
/// The server writes into a pipe and a thread of ours into the file, because only so can it be cut while the server
/// runs. When the file is full it becomes `….1`, in place of the one before.
final class LogFile: Sendable {
    let path: String
    /// Bytes in one file; at most twice that on disk.
    static let capacity = 1_048_576

    private struct State {
        var descriptor: Int32 = -1
        var size = 0
        /// Pipes whose writers are not all gone yet.
        var openPipes = 0
    }
    private let state = Mutex(State())

    init(path: String) throws(PostgresClusterError) {
        self.path = path
        guard reopen() else { throw Files.failure("write", path) }
    }

    deinit {
        let descriptor = state.withLock { $0.descriptor }
        if descriptor >= 0 { close(descriptor) }
    }

    func append(_ bytes: [UInt8]) {
        let full = state.withLock { state in
            guard state.descriptor >= 0 else { return true }
            // A full disk loses log lines, never the service.
            _ = Files.writeAll(bytes, to: state.descriptor)
            state.size += bytes.count
            return state.size >= Self.capacity
        }
        if full {
            unsafe rename(path, path + ".1")
            _ = reopen()
        }
    }

    /// Copies what arrives at a pipe's read end, and closes it when the last writer is gone. On a thread of its own.
    func collect(from descriptor: Int32) throws(PostgresClusterError) {
        state.withLock { $0.openPipes += 1 }
        try startThread { [self] in
            while let chunk = ChildProcess.readChunk(descriptor) { append(chunk) }
            close(descriptor)
            state.withLock { $0.openPipes -= 1 }
        }
    }

    /// Waits until the last words of a server that has ended are in the file. Not for long: a process that outlives
    /// the server keeps its pipe open.
    func waitForLastWords() {
        for _ in 0..<100 where state.withLock({ $0.openPipes > 0 }) { usleep(10_000) }
    }

    /// The last lines, for an error text.
    func tail(lines: Int = 12) -> String {
        let text = Files.text(of: path) ?? ""
        return text.split(separator: "\n").suffix(lines).map { "  \($0)" }.joined(separator: "\n")
    }

    private func reopen() -> Bool {
        state.withLock { state in
            if state.descriptor >= 0 { close(state.descriptor) }
            state.descriptor = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            state.size = state.descriptor < 0 ? 0 : max(0, lseek(state.descriptor, 0, SEEK_END))
            return state.descriptor >= 0
        }
    }
}
