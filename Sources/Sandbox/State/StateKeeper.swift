import FoundationEssentials
import Glibc
import Synchronization

/// The state behind its lock, and the file it survives in.
///
/// A change is on disk before ``change(_:)`` returns: a token that a client has seen is known after a restart.
package final class StateKeeper: Sendable {
    private let state: Mutex<SandboxState>
    /// Nil: the state lives and dies with the process.
    private let path: String?

    /// Starts with what `path` holds; with `initial()` when there is no such file. Throws when the file cannot be read,
    /// or holds something else: a sandbox that forgot its tokens without a word would be a riddle.
    package init(path: String?, initial: () throws -> SandboxState) throws {
        self.path = path
        if let path, unsafe access(path, F_OK) == 0 {
            do {
                let data = try Data(contentsOf: URL(filePath: path))
                state = Mutex(try JSONDecoder().decode(SandboxState.self, from: data))
            } catch {
                throw SandboxError.stateFile(path: path, reason: "cannot be read: \(error)")
            }
        } else {
            state = Mutex(try initial())
        }
    }

    package func read<Result>(_ body: (SandboxState) -> Result) -> Result {
        state.withLock { body($0) }
    }

    /// Applies `body` and writes the file. When the file cannot be written nothing has changed.
    ///
    /// Without a file it costs what `body` costs; with one, a copy and the writing of the whole state.
    package func change<Result>(_ body: (inout SandboxState) -> Result) throws -> Result {
        try state.withLock { state in
            // Nothing can fail: changed where it is.
            guard path != nil else { return body(&state) }
            var next = state
            let result = body(&next)
            try write(next)
            state = next
            return result
        }
    }

    /// A new file takes the old one's place in one step, readable by the owner alone: it holds the client secret and
    /// the signing key.
    private func write(_ state: SandboxState) throws {
        guard let path else { return }
        let bytes = Array(try JSONEncoder().encode(state))
        let temporary = path + ".new"
        // A file left over by another user's or an older run may have other permissions.
        unsafe unlink(temporary)
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot create \(temporary)", errno) }
        var start = 0
        while start < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress! + start, buffer.count - start)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let code = errno
                close(descriptor)
                throw failure("cannot be written", code)
            }
            start += count
        }
        guard close(descriptor) == 0, unsafe rename(temporary, path) == 0 else {
            throw failure("cannot be replaced", errno)
        }
    }

    private func failure(_ what: String, _ code: Int32) -> SandboxError {
        .stateFile(path: path ?? "", reason: "\(what): \(unsafe String(cString: strerror(code)))")
    }
}
