package import Foundation
import Glibc

/// Certificates made with openssl(1) in a directory of their own, for one test run.
package struct TestAuthority: Sendable {
    package struct Failure: Error {
        let command: [String]
        let output: String
    }

    /// Made once, and gone with the process.
    package static let shared = Result {
        let authority = try TestAuthority()
        atexit { TestAuthority.removeFiles() }
        return authority
    }

    private static func removeFiles() {
        if case .success(let authority) = shared { try? FileManager.default.removeItem(at: authority.directory) }
    }

    package let directory: URL
    /// PEM file of the authority's own certificate.
    package var certificate: String { path("authority.pem") }

    private init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "test-authority-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=Test Authority", "-keyout", path("authority.key"), "-out", path("authority.pem"))
    }

    /// Makes `<file>.pem` and `<file>.key`.
    ///
    /// - Parameters:
    ///   - names: `DNS:…` and `IP:…`.
    ///   - days: how long it is valid; a negative number has expired.
    ///   - isSelfSigned: whether it stands on its own instead of on the authority.
    package func makeCertificate(
        _ file: String, names: String, days: Int = 2, isSelfSigned: Bool = false
    ) throws {
        try Data("subjectAltName=\(names)\n".utf8).write(to: directory.appending(path: "\(file).ext"))
        try openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(file)",
            "-keyout", path("\(file).key"), "-out", path("\(file).csr"))
        let issuer =
            isSelfSigned
            ? ["-signkey", path("\(file).key")]
            : ["-CA", certificate, "-CAkey", path("authority.key"), "-set_serial", "\(UInt32.random(in: 1 ... .max))"]
        try openssl(
            ["x509", "-req", "-in", path("\(file).csr"), "-days", "\(days)", "-extfile", path("\(file).ext")]
                + ["-out", path("\(file).pem")] + issuer)
    }

    package func path(_ file: String) -> String { directory.appending(path: file).path }

    private func openssl(_ arguments: String...) throws { try openssl(arguments) }

    private func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(command: arguments, output: text) }
    }
}

/// An `openssl s_server` on a unix socket: a TLS server that is not ours. It serves one connection after the other.
package final class OpenSSLServer: @unchecked Sendable {
    /// Where it listens.
    package let socketPath: String
    /// What the server received, in its quiet mode.
    package let outputPath: String
    private let process = Process()
    private let input = Pipe()

    /// Starts it with a certificate of ``TestAuthority`` and waits until it listens.
    ///
    /// - Parameter arguments: such as `-quiet` (standard input goes to the client) or `-www` (a page for every GET).
    package init(_ authority: TestAuthority, certificate: String, _ arguments: [String]) async throws {
        let name = UUID().uuidString.prefix(8)
        socketPath = authority.path("\(name).sock")
        outputPath = authority.path("\(name).out")
        _ = FileManager.default.createFile(atPath: outputPath, contents: nil)
        process.executableURL = URL(filePath: "/usr/bin/env")
        // s_server ends when its socket's path has more than 31 bytes, so the path is a relative one.
        process.currentDirectoryURL = authority.directory
        process.arguments =
            ["openssl", "s_server", "-unix", "\(name).sock", "-cert", authority.path("\(certificate).pem")]
            + ["-key", authority.path("\(certificate).key")] + arguments
        process.standardInput = input
        process.standardOutput = FileHandle(forWritingAtPath: outputPath)
        process.standardError = FileHandle.nullDevice
        try process.run()
        await until { FileManager.default.fileExists(atPath: socketPath) || !process.isRunning }
        guard process.isRunning else {
            throw TestAuthority.Failure(
                command: process.arguments ?? [], output: String(decoding: received, as: UTF8.self))
        }
    }

    /// Hands bytes to its standard input. Blocks while the pipe is full, so large data goes from a thread of its own.
    package func send(_ bytes: [UInt8]) {
        let handle = input.fileHandleForWriting
        if bytes.count < 4096 { return handle.write(Data(bytes)) }
        Thread.detachNewThread { try? handle.write(contentsOf: Data(bytes)) }
    }

    /// What it has written to its standard output so far.
    package var received: [UInt8] {
        [UInt8](FileManager.default.contents(atPath: outputPath) ?? Data())
    }

    /// How many bytes ``received`` would have.
    package var receivedCount: Int {
        (try? FileManager.default.attributesOfItem(atPath: outputPath))?[.size] as? Int ?? 0
    }

    package func stop() {
        // The child inherits a signal mask that may hold SIGTERM back.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
