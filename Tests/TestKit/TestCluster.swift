import Foundation
package import PostgresCluster
import Synchronization

/// A PostgreSQL server for tests: private, in a temporary directory, without fsync, gone when the process exits.
///
/// Most tests share ``shared`` and take a database of their own from ``TestDatabase``. A test that kills or restarts
/// the server makes its own.
package final class TestCluster: Sendable {
    /// This process's server, started when first asked for.
    package static var shared: TestCluster {
        get throws { try sharedResult.get() }
    }

    private static let sharedResult = Result { try TestCluster() }

    /// The data directory.
    package let directory: String
    private let state: Mutex<PostgresCluster>

    /// A server of one's own. Takes a second or two, on a thread of its own.
    package static func make() async throws -> TestCluster {
        try await blocking { try TestCluster() }
    }

    private init() throws {
        _ = Self.cleaning
        directory = "\(Self.prefix)\(getpid())-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        state = Mutex(try PostgresCluster.start(in: directory, options: Self.options))
        Self.live.withLock { $0[directory] = WeakCluster(self) }
    }

    deinit {
        stop()
        Self.remove(directory)
    }

    package var cluster: PostgresCluster { state.withLock { $0 } }

    package var connectionString: String { cluster.connectionString }

    /// Shuts the server down and keeps its data.
    package func stop() {
        cluster.stop()
    }

    /// Shuts the server down, if it runs, and starts it again. The connection string stays the same.
    package func restart() async throws {
        try await blocking { [self] in
            stop()
            try state.withLock { $0 = try PostgresCluster.start(in: directory, options: Self.options) }
        }
    }

    /// `kill -9` of the server. The cluster starts it again by itself, after a moment.
    package func kill() {
        if let pid = cluster.postmasterPID { Foundation.kill(pid, SIGKILL) }
    }

    /// Runs SQL as superuser with psql and returns what it prints, unaligned. Blocks.
    @discardableResult
    package func psql(_ sql: String, database: String = "postgres") throws -> String {
        let cluster = cluster
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(cluster.binaryDirectory)/psql")
        let target = cluster.connectionString(user: PostgresCluster.superuser, database: database)
        process.arguments = ["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", target, "-c", sql]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let data = output.readToEnd()
        process.waitUntilExit()
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard process.terminationStatus == 0 else { throw PSQLFailure(output: text) }
        return text
    }

    package struct PSQLFailure: Error {
        package let output: String
    }

    // MARK: Private

    private static var options: PostgresCluster.Options {
        var options = PostgresCluster.Options()
        options.fsync = false
        // Commits still reach the operating system: killing the server loses nothing.
        options.settings = ["shared_buffers": "32MB", "max_connections": "1000", "log_min_duration_statement": "-1"]
        return options
    }

    private static let prefix = "/tmp/kick-gateway-test-"
    private static let live = Mutex<[String: WeakCluster]>([:])

    private struct WeakCluster: @unchecked Sendable {
        weak var cluster: TestCluster?

        init(_ cluster: TestCluster) {
            self.cluster = cluster
        }
    }

    /// Once a process: sweeps what crashed processes left, and cleans up at exit.
    private static let cleaning: Void = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/tmp")) ?? []
        for name in names where "/tmp/\(name)".hasPrefix(prefix) {
            // A server that a test has stopped for a while holds no lock, but its process lives.
            let owner = "/tmp/\(name)".dropFirst(prefix.count).prefix { $0 != "-" }
            if let process = pid_t(owner), Foundation.kill(process, 0) == 0 { continue }
            // Whoever lives holds its directory's lock.
            let lock = open("/tmp/\(name)/gateway.lock", O_RDWR | O_CLOEXEC)
            guard lock >= 0 else { continue }
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { remove("/tmp/\(name)") }
            close(lock)
        }
        atexit {
            let clusters = TestCluster.live.withLock { $0 }
            for (directory, entry) in clusters {
                entry.cluster?.stop()
                TestCluster.remove(directory)
            }
        }
    }()

    private static func remove(_ directory: String) {
        live.withLock { $0[directory] = nil }
        try? FileManager.default.removeItem(atPath: directory)
    }
}

/// Runs something that blocks, away from the threads of tasks.
@discardableResult
package func blocking<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

extension Pipe {
    /// Everything until the end. `FileHandle` traps when a signal interrupts it.
    func readToEnd() -> Data {
        var data = Data()
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(fileHandleForReading.fileDescriptor, &chunk, chunk.count)
            if count > 0 { data.append(contentsOf: chunk[..<count]) }
            if count == 0 || (count < 0 && errno != EINTR) { return data }
        }
    }
}
