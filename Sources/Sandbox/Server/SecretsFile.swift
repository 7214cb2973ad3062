import Glibc
import Synchronization

/// Every secret that the sandbox issued or was told, one a line: for a test that looks for them where they must not be.
///
/// A line is written before the answer that shows the secret to anybody.
package final class SecretsFile: Sendable {
    private let path: String
    private let descriptor: Int32
    /// Those that may come again and again.
    private let written = Mutex<Set<SecretHash>>([])
    private static let rememberedCount = 100_000

    /// Opens the file for the owner alone; what is in it stays.
    package init(path: String) throws(SandboxError) {
        self.path = path
        descriptor = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path, "cannot be opened", errno) }
        guard fchmod(descriptor, 0o600) == 0 else { throw Self.failure(path, "cannot be made private", errno) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Writes what the sandbox issued.
    package func issued(_ secrets: [String]) throws(SandboxError) {
        try append(secrets)
    }

    /// Writes what somebody presented, unless it was written already.
    package func told(_ secrets: String?...) throws(SandboxError) {
        let fresh = written.withLock { written in
            if written.count > Self.rememberedCount { written = [] }
            return secrets.compactMap(\.self).filter { !$0.isEmpty && written.insert(SecretHash(of: $0)).inserted }
        }
        try append(fresh)
    }

    private func append(_ secrets: [String]) throws(SandboxError) {
        guard !secrets.isEmpty else { return }
        // One write for all: lines of two threads do not mix.
        let bytes = Array(secrets.map { $0 + "\n" }.joined().utf8)
        let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard count == bytes.count else { throw Self.failure(path, "cannot be written", errno) }
    }

    private static func failure(_ path: String, _ what: String, _ code: Int32) -> SandboxError {
        .configuration(reason: "secrets file \(path) \(what): \(unsafe String(cString: strerror(code)))")
    }
}
