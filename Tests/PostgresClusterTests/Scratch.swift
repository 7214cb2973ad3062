import Foundation
import Testing

@testable import PostgresCluster

/// A directory of its own for one test, which the user that PostgreSQL runs as can reach; gone with the value.
final class Scratch: Sendable {
    let path: String

    init(under parent: String = "/tmp", mode: Int = 0o755) throws {
        path = "\(parent)/kgw-cluster-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

extension PostgresCluster.Options {
    /// Fast and small.
    static var test: PostgresCluster.Options {
        var options = PostgresCluster.Options()
        options.fsync = false
        options.settings = ["shared_buffers": "16MB", "max_connections": "20"]
        return options
    }
}

/// The result of a program.
struct Ran {
    let status: Int32
    let output: String
}

/// Runs a program to its end.
func run(_ program: String, _ arguments: [String], environment: [String: String]? = nil) throws -> Ran {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    if let environment { process.environment = environment }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let output = pipe.readToEnd()
    process.waitUntilExit()
    return Ran(
        status: process.terminationStatus,
        output: String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
}

extension PostgresCluster {
    /// What psql prints for the statement, unaligned.
    func psql(_ sql: String, user: String = PostgresCluster.owner) throws -> String {
        let ran = try run("\(binaryDirectory)/psql", ["-XAtq", "-d", connectionString(user: user), "-c", sql])
        guard ran.status == 0 else { throw PostgresClusterError(.failed, ran.output) }
        return ran.output
    }
}

/// Waits for a condition; false when it has not come true in half a minute.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<3000 {
        if try condition() { return true }
        usleep(10_000)
    }
    return false
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

/// Runs a test that blocks on a thread of its own: the few threads of the concurrency runtime belong to the others.
func blocking(_ body: () throws -> Void) async throws {
    try await withTaskExecutorPreference(ThreadExecutor()) {
        await switchThread()
        try body()
    }
}

/// A thread for every job.
private final class ThreadExecutor: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Gives the preferred executor the task, which it otherwise gets at the next suspension only.
@concurrent
private func switchThread() async {}
