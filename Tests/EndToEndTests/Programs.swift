import Foundation
import Glibc
import HTTP
import HTTPClient
import Net
import TestKit
import Testing

/// One of the project's executables, as a process of its own.
final class RunningProgram: @unchecked Sendable {
    private let process = Process()
    private let log: URL

    /// - Parameters:
    ///   - environment: all that the program gets, besides PATH.
    ///   - log: the file that its standard error is appended to.
    init(
        _ name: String, _ arguments: [String], environment: [String: String] = [:], output: Pipe? = nil, log: URL
    ) throws {
        self.log = log
        if !FileManager.default.fileExists(atPath: log.path) {
            _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        }
        let errors = try FileHandle(forWritingTo: log)
        try errors.seekToEnd()
        process.executableURL = Self.directory.appendingPathComponent(name)
        process.arguments = arguments
        process.environment = environment.merging(["PATH": "/usr/bin:/bin"]) { given, _ in given }
        process.standardOutput = output ?? FileHandle.nullDevice
        process.standardError = errors
        try process.run()
        try errors.close()
    }

    /// What it has written to standard error, the end of it.
    var errorText: String {
        String(decoding: ((try? Data(contentsOf: log)) ?? Data()).suffix(20_000), as: UTF8.self)
    }
    var isRunning: Bool { process.isRunning }
    var pid: Int32 { process.processIdentifier }

    func kill() {
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// SIGTERM, and its exit code.
    @discardableResult
    func terminate() -> Int32 {
        process.terminate()
        process.waitUntilExit()
        return process.terminationStatus
    }

    func wait() -> Int32 {
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// The executables lie beside the test bundle.
    private static let directory = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()
}

/// A gateway and a sandbox as an operator starts them, each on a port of its own, with data in a temporary directory.
final class Deployment: @unchecked Sendable {
    let directory: URL
    let gatewayURL: String
    let sandboxURL: String
    let adminKey = "an-admin-key-of-the-tests-0123456789"
    private static let encryptionKey = Data(repeating: 7, count: 32).base64EncodedString()
    /// What the test has learnt that no log may hold: API keys, links.
    let secrets = Box<[String]>([])
    let client: OutboundClient
    let loops: LoopGroup
    private let environment: [String: String]
    private(set) var gateway: RunningProgram
    private let sandbox: RunningProgram

    struct Options {
        var users: [(id: Int64, name: String)] = [(1001, "nova")]
        var accessTokenSeconds = 7200
        var refreshMode = "reusable"
        var environment: [String: String] = [:]
    }

    /// Runs `body` on a loop, with everything started, and ends everything afterwards.
    static func run(
        _ options: Options = Options(), _ body: @escaping @Sendable (Deployment) async throws -> Void
    ) async throws {
        let deployment = try await Deployment(options)
        let result = await Task(executorPreference: deployment.loops.loops[0]) { try await body(deployment) }.result
        if case .failure(let error) = result {
            print("the gateway's log:\n\(deployment.gateway.errorText)\nbecause of: \(error)")
        }
        await deployment.client.shutdown()
        if deployment.gateway.isRunning { deployment.gateway.terminate() }
        deployment.sandbox.terminate()
        deployment.loops.shutdown()
        try deployment.checkLogs()
        try? FileManager.default.removeItem(at: deployment.directory)
        try result.get()
    }

    private init(_ options: Options) async throws {
        // Not under the home directory: started as root, PostgreSQL runs as a user that may not look into it.
        directory = URL(fileURLWithPath: "/tmp/kick-gateway-e2e-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o711])
        let port = try Self.freePort()
        gatewayURL = "http://127.0.0.1:\(port)"
        let usersFile = directory.appendingPathComponent("users.json")
        let users = options.users.map { ["id": $0.id, "username": $0.name] as [String: Any] }
        try JSONSerialization.data(withJSONObject: users).write(to: usersFile)
        let output = Pipe()
        sandbox = try RunningProgram(
            "kick-sandbox",
            [
                "--listen", "127.0.0.1:0", "--state", directory.appendingPathComponent("sandbox.json").path,
                "--redirect-uri", "http://localhost:\(port)/auth/kick/callback",
                "--webhook-url", "\(gatewayURL)/webhooks/kick", "--users", usersFile.path,
                "--access-token-seconds", String(options.accessTokenSeconds), "--refresh-mode", options.refreshMode,
                "--record-secrets", directory.appendingPathComponent("secrets").path,
            ], output: output, log: directory.appendingPathComponent("sandbox.log"))
        sandboxURL = try Self.readURL(from: output)
        environment = [
            "GATEWAY_LISTEN": "127.0.0.1:\(port)", "GATEWAY_PUBLIC_URL": "http://localhost:\(port)",
            "GATEWAY_DATA_DIR": directory.appendingPathComponent("data").path,
            "GATEWAY_ENCRYPTION_KEYS": "k1:\(Self.encryptionKey)",
            "GATEWAY_ADMIN_KEY": adminKey, "KICK_CLIENT_ID": "sandbox-client",
            "KICK_CLIENT_SECRET": "sandbox-secret", "KICK_API_URL": sandboxURL, "KICK_ID_URL": sandboxURL,
            "GATEWAY_RESOURCES": Checkout.root, "GATEWAY_LOG_LEVEL": "debug",
        ].merging(options.environment) { _, given in given }
        loops = try LoopGroup(count: 2)
        client = OutboundClient(loops: loops, tls: try TLSContext())
        gateway = try RunningProgram(
            "kick-gateway", ["serve"], environment: environment, log: directory.appendingPathComponent("gateway.log"))
        try await untilReady()
    }

    /// P6: nothing that any program wrote, down to debug, holds a token, a code, a secret or a key.
    private func checkLogs() throws {
        let recorded = try String(contentsOf: directory.appendingPathComponent("secrets"), encoding: .utf8)
        let known = Set(recorded.split(separator: "\n").map(String.init) + secrets.value)
            .union([adminKey, Self.encryptionKey, "sandbox-secret"])
        #expect(known.count >= 3)
        TestSecrets.add(known)
        let files = FileManager.default.enumerator(at: directory, includingPropertiesForKeys: nil)
        for case let file as URL in try #require(files) where file.lastPathComponent.contains("log") {
            guard let data = try? Data(contentsOf: file), !data.isEmpty else { continue }
            for secret in known where data.range(of: Data(secret.utf8)) != nil {
                Issue.record("P6 \(file.lastPathComponent) holds a secret that ends with \(secret.suffix(4))")
            }
        }
    }

    /// Starts the gateway again, after it was killed or stopped.
    func startGateway() async throws {
        gateway = try RunningProgram(
            "kick-gateway", ["serve"], environment: environment, log: directory.appendingPathComponent("gateway.log"))
        try await untilReady()
    }

    /// The process id of the gateway's private PostgreSQL.
    var postmaster: Int32? {
        let file = directory.appendingPathComponent("data/postgres/data/postmaster.pid")
        return (try? String(contentsOf: file, encoding: .utf8))?.split(separator: "\n").first.flatMap { Int32($0) }
    }

    func untilReady() async throws {
        let gateway = gateway
        try await until {
            guard gateway.isRunning else { throw Failure("the gateway has ended: \(gateway.errorText)") }
            return try await self.send(.get, "/health/ready").map { $0.status == .ok } ?? false
        }
    }

    // MARK: Calls

    /// The answer, or nil when there was none.
    func send(
        _ method: HTTP.Method, _ path: String, key: String? = nil, fields: Fields = Fields(), body: [UInt8] = [],
        base: String? = nil
    ) async throws -> OutboundResponse? {
        guard let url = HTTPURL((base ?? gatewayURL) + path) else { throw Failure("\(path) is no URL") }
        var request = OutboundRequest(method, url, fields: fields, body: body)
        if let key { request.fields.set(.authorization, FieldValue("Bearer \(key)")) }
        return try? await client.send(request, deadline: .after(.seconds(60)))
    }

    /// The JSON object of a successful answer.
    @discardableResult
    func json(
        _ method: HTTP.Method, _ path: String, key: String? = nil, body: [String: Any]? = nil, base: String? = nil
    ) async throws -> [String: Any] {
        let bytes = try body.map { Array(try JSONSerialization.data(withJSONObject: $0)) } ?? []
        let fields: Fields = body == nil ? [:] : [.contentType: "application/json"]
        guard let answer = try await send(method, path, key: key, fields: fields, body: bytes, base: base) else {
            throw Failure("\(method) \(path): no answer")
        }
        guard answer.status.isSuccess,
            let object = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
        else { throw Failure("\(method) \(path): \(answer.status) \(String(decoding: answer.body, as: UTF8.self))") }
        return object
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    // MARK: Ports and pipes

    /// A port that nothing listens at. Another process could take it before the gateway does; none of ours will.
    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard result else { throw Failure("no port is free") }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func readURL(from output: Pipe) throws -> String {
        var line = Data()
        while let byte = try output.fileHandleForReading.read(upToCount: 1), byte.first != UInt8(ascii: "\n") {
            line.append(byte)
        }
        guard let object = try JSONSerialization.jsonObject(with: line) as? [String: Any],
            let url = object["url"] as? String
        else { throw Failure("the sandbox did not start") }
        return url
    }
}
