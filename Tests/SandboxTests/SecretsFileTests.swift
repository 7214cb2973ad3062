import Foundation
import HTTP
import HTTPClient
import Sandbox
import Testing

@Suite("Sandbox: the file of secrets", .timeLimit(.minutes(1)))
struct SecretsFileTests {
    @Test("Everything secret is in the file as soon as it is out, in a file for the owner alone")
    func everything() async throws {
        let path = Samples.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("kept\n".utf8).write(to: URL(filePath: path))
        try await Bench.with {
            $0.secretsPath = path
        } _: { bench in
            @Sendable func lines() throws -> [String] {
                try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
            }
            #expect(try lines() == ["kept", "secret"])
            let location = try #require(try await bench.allow().fields[.location])
            let code = try #require(QueryItems(parsing: location.split(separator: "?").last.map(String.init))?["code"])
            #expect(try lines().contains(code))
            let answer = try await bench.form("/oauth/token", Samples.exchange(code: code)).json
            let refresh = try #require(answer["refresh_token"]?.stringValue)
            let renewed = try await bench.form("/oauth/token", Samples.refresh(refresh)).json
            let grants = try await bench.control("/sandbox/grants", ["users": [5, 6]])
            var secrets = [Samples.verifier, try await bench.appToken()]
            for row in [answer, renewed] + (grants["data"]?.arrayValue ?? []) {
                secrets.append(try #require(row["access_token"]?.stringValue))
                secrets.append(try #require(row["refresh_token"]?.stringValue))
            }
            _ = try await bench.form("/oauth/token", Samples.refresh("presented"))
            _ = try await bench.api(.post, "/oauth/token/introspect", token: "asked-about")
            _ = try await bench.send(.post, "/oauth/revoke", query: ["token": "revoked"])
            try await bench.control("/sandbox/apps", ["client_secret": "another"])
            secrets += ["presented", "asked-about", "revoked", "another"]
            let written = try lines()
            for secret in secrets { #expect(written.count { $0 == secret } == 1, "\(secret)") }
        }
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("A file that cannot be opened is named")
    func unwritable() {
        let error = #expect(throws: SandboxError.self) { try SecretsFile(path: "/nonexistent/secrets") }
        #expect(error?.description.contains("/nonexistent/secrets") == true)
    }

    @Test("It is an option")
    func option() {
        let command = SandboxCommand.parse(arguments: ["--record-secrets", "/tmp/x"], environment: [:])
        guard case .run(let configuration) = command else {
            Issue.record("\(command)")
            return
        }
        #expect(configuration.secretsPath == "/tmp/x")
    }
}
