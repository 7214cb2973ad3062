import Foundation
import HTTP
import TestKit
import Testing

/// The encryption keys, as an operator handles them: with the program's own command.
@Suite("Keys", .serialized, .timeLimit(.minutes(2)))
struct KeysTests {
    /// What a run of `kick-gateway` has printed, on both outputs, and its exit code.
    private static func gateway(
        _ arguments: [String], _ environment: [String: String]
    ) async throws -> (text: String, code: Int32) {
        try await Task.detached {
            let process = Process()
            let output = Pipe()
            process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
                .deletingLastPathComponent().appendingPathComponent("kick-gateway")
            process.arguments = arguments
            process.environment = environment.merging(["PATH": "/usr/bin:/bin"]) { given, _ in given }
            process.standardOutput = output
            process.standardError = output
            try process.run()
            let text = try output.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            return (String(decoding: text, as: UTF8.self), process.terminationStatus)
        }.value
    }

    private static func writer(_ deployment: Deployment) async throws -> String {
        let status = try await deployment.json(.get, "/admin/v1/encryption-keys", key: deployment.adminKey)
        let keys = status["keys"] as? [[String: Any]]
        return keys?.first { $0["writes"] as? Bool == true }?["id"] as? String ?? ""
    }

    @Test("a key is rotated and retired by command while the gateway runs, and a start with another key is refused")
    func command() async throws {
        try await Deployment.run { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            try await tenant.connect(1001)
            let environment = [
                "GATEWAY_LISTEN": deployment.gatewayURL.replacing("http://", with: ""),
                "GATEWAY_ADMIN_KEY": deployment.adminKey,
            ]
            func keys(_ arguments: String...) async throws -> (text: String, code: Int32) {
                try await Self.gateway(["keys"] + arguments, environment)
            }
            let old = try await Self.writer(deployment)
            let status = try await keys("status")
            #expect(status.code == 0)
            #expect(status.text.contains(old) && status.text.contains("wrapped by k1, writes"))
            #expect(status.text.contains("logins.access_token") && status.text.contains("k1  wraps"))

            let refused = try await keys("retire", old)
            #expect(refused.code == 1 && refused.text.contains("this key writes"))
            let rotated = try await keys("rotate")
            let new = try await Self.writer(deployment)
            #expect(rotated.code == 0 && new != old)
            #expect(rotated.text.contains("\(new) writes now") && rotated.text.contains("(100 %)"))
            #expect(rotated.text.contains("kick-gateway keys retire \(old)"))
            #expect(try await keys("retire", old).code == 0)
            let again = try await keys("retire", old)
            #expect(again.code == 1 && again.text.contains("no such encryption key"))

            // What goes wrong is said, in one line.
            let wrong = try await Self.gateway(
                ["keys", "status"], environment.merging(["GATEWAY_ADMIN_KEY": "another"]) { $1 })
            #expect(wrong.code == 1 && wrong.text.contains("does not accept GATEWAY_ADMIN_KEY"))
            #expect(try await keys("--help").text.hasPrefix("usage:"))
            #expect(try await keys("retire").code == 2)

            deployment.gateway.terminate()
            let away = try await keys("status")
            #expect(away.code == 1 && away.text.contains("no gateway answers at \(deployment.gatewayURL)"))

            let settings = [
                "GATEWAY_LISTEN": "127.0.0.1:0", "GATEWAY_ADMIN_KEY": deployment.adminKey,
                "GATEWAY_DATA_DIR": deployment.directory.appendingPathComponent("data").path,
                "GATEWAY_RESOURCES": Checkout.root, "GATEWAY_LOG_LEVEL": "error",
            ]
            for (name, complaint) in [
                ("k2", "GATEWAY_ENCRYPTION_KEYS lacks \"k1\""),
                ("k1", "GATEWAY_ENCRYPTION_KEYS: \"k1\" is not the key of that name that wrapped the data key \(new)"),
            ] {
                let key = "\(name):\(Data(repeating: 8, count: 32).base64EncodedString())"
                let start = try await Self.gateway(
                    ["serve"], settings.merging(["GATEWAY_ENCRYPTION_KEYS": key]) { $1 })
                #expect(start.code == 1)
                #expect(start.text.contains("kick-gateway: \(complaint)"), "\(start.text)")
                #expect(!start.text.contains(key.dropFirst(3)))
            }
        }
    }
}
