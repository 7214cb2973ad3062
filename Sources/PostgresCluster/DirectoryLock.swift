import Glibc
import Synchronization

/// The lock that makes a data directory belong to one gateway at a time.
///
/// flock(2): the kernel drops it when the process ends, however it ends, so there is no stale lock. The process id
/// inside is for people. The file stays when the lock is given back, since deleting it would let two holders in.
final class DirectoryLock: Sendable {
    private let descriptor: Mutex<Int32>

    init(path: String) throws(PostgresClusterError) {
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Files.failure("open", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            guard code == EWOULDBLOCK else {
                throw PostgresClusterError(.files, "Cannot lock \(path): \(Files.systemMessage(code)).")
            }
            let holder = Files.text(of: path)?.split(separator: "\n").first.map { "process \($0)" } ?? "a process"
            throw PostgresClusterError(
                .inUse, "Another gateway, \(holder), uses this data directory (it holds the lock \(path)).")
        }
        ftruncate(descriptor, 0)
        _ = Files.writeAll(Array("\(getpid())\n".utf8), to: descriptor)
        self.descriptor = Mutex(descriptor)
    }

    /// Gives the directory back. May be called twice.
    func release() {
        descriptor.withLock { descriptor in
            guard descriptor >= 0 else { return }
            ftruncate(descriptor, 0)
            // A process that is being started just now holds a copy of the descriptor until its exec, and the lock is
            // the copy's too: closing ours would not give it back.
            flock(descriptor, LOCK_UN)
            close(descriptor)
            descriptor = -1
        }
    }

    deinit { release() }
}
