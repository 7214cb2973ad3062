import Foundation
import Net
import Sandbox
import Testing

@Suite("Sandbox: JSON, command line, state file")
struct PartsTests {
    // MARK: JSON

    @Test(
        "What is read is written the same, compact and in order",
        arguments: [
            #"{"b":1,"a":[true,false,null,"x"],"c":{"d":-1.50e+3}}"#, #""Grüße \" \\ \n \u0001 👋""#, "[]", "{}", "0",
        ])
    func roundTrip(text: String) {
        #expect(JSON(parsing: text)?.text == text)
    }

    @Test("Escapes and white space are read")
    func escapes() {
        #expect(JSON(parsing: " [ \"\\ud83d\\udc4b\\/\\u00e9\" ] \n") == ["👋/é"])
    }

    @Test(
        "Malformed JSON is refused",
        arguments: [
            "", "{", "[1,]", "{\"a\"}", "{a:1}", "01", "1.", "-", "\"\u{1}\"", #""\ud800""#, #""\x""#, "nul", "1 2",
            String(repeating: "[", count: 70) + String(repeating: "]", count: 70),
        ])
    func malformed(text: String) {
        #expect(JSON(parsing: text) == nil)
    }

    @Test("Bytes that are not UTF-8 are refused")
    func notUTF8() {
        #expect(JSON(parsing: [0x22, 0xFF, 0x22]) == nil)
    }

    // MARK: Command line

    @Test("Arguments and environment make a configuration; arguments win")
    func commandLine() throws {
        let command = SandboxCommand.parse(
            arguments: ["--listen", "127.0.0.1:0", "--client-id=app", "--refresh-mode", "single_use_with_grace(5)"],
            environment: ["SANDBOX_CLIENT_ID": "other", "SANDBOX_ACCESS_TOKEN_SECONDS": "3", "SANDBOX_DEMO": "0.5"])
        guard case .run(let configuration) = command else {
            Issue.record("\(command)")
            return
        }
        #expect(configuration.listenAddress.port == 0)
        #expect(configuration.app.clientID == "app")
        #expect(configuration.app.clientSecret == "sandbox-secret")
        #expect(configuration.tokens.refreshMode == .singleUseWithGrace(seconds: 5))
        #expect(configuration.tokens.accessTokenSeconds == 3)
        #expect(configuration.demoEventsPerSecond == 0.5)
        #expect(configuration.users.map(\.username) == ["nova", "pixel"])
    }

    @Test("All problems are told at once")
    func problems() {
        let command = SandboxCommand.parse(
            arguments: ["--listen", "nowhere", "--colour", "--refresh-mode=sometimes", "--users", "/nonexistent"],
            environment: ["SANDBOX_DEMO": "many"])
        guard case .wrong(let problems) = command else {
            Issue.record("\(command)")
            return
        }
        #expect(problems.count == 5)
        #expect(problems.contains("SANDBOX_DEMO: expected 0 to 1000"))
    }

    @Test("Other than loopback only on demand")
    func remote() {
        let open = ["--listen", "0.0.0.0:8090"]
        guard case .wrong = SandboxCommand.parse(arguments: open, environment: [:]),
            case .run = SandboxCommand.parse(arguments: open + ["--allow-remote"], environment: [:]),
            case .run = SandboxCommand.parse(arguments: ["--listen", "[::1]:0"], environment: [:]),
            case .help(let text) = SandboxCommand.parse(arguments: ["--help"], environment: [:])
        else {
            Issue.record("not as expected")
            return
        }
        #expect(text.contains("SANDBOX_REFRESH_MODE"))
    }

    @Test(
        "Refresh modes are written as they are read",
        arguments: ["reusable", "single_use", "single_use_with_grace(30)"])
    func refreshMode(text: String) {
        #expect(RefreshMode(text)?.description == text)
    }

    @Test("A users file replaces the two", arguments: [true, false])
    func usersFile(isRight: Bool) throws {
        let path = Samples.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let entry = isRight ? #"{"id":7,"username":"Comet_1"}"# : #"{"id":0,"username":"x"}"#
        try Data("[\(entry)]".utf8).write(to: URL(filePath: path))
        let command = SandboxCommand.parse(arguments: ["--users", path], environment: [:])
        switch command {
        case .run(let configuration):
            #expect(isRight)
            #expect(configuration.users.map(\.slug) == ["comet-1"])
        case .wrong: #expect(!isRight)
        case .help: Issue.record("help")
        }
    }

    // MARK: State file

    @Test("What was changed is there after a restart, in a file for the owner alone")
    func stateFile() throws {
        let path = Samples.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let keeper = try StateKeeper(path: path) { Samples.state() }
        let answer = try keeper.change { state in Result { try state.login() } }.get()
        let again = try StateKeeper(path: path) { fatalError("the file is there") }
        #expect(again.read { $0.bearer(of: answer.accessToken, at: Samples.now) }?.userID == 1001)
        let refreshed = try again.change { $0.token(Samples.refresh(answer.refreshToken!)) }.get()
        #expect(refreshed.refreshToken != answer.refreshToken)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        // Tokens are kept as hashes.
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(!text.contains(refreshed.accessToken) && !text.contains(refreshed.refreshToken!))
    }

    @Test("When the file cannot be written nothing has changed")
    func unwritable() throws {
        let keeper = try StateKeeper(path: "/nonexistent/state.json") { Samples.state() }
        #expect(throws: SandboxError.self) { try keeper.change { $0.disconnect(userID: 1001) } }
        #expect(throws: SandboxError.self) { try keeper.change { $0.register(SandboxUser(id: 5, username: "x")) } }
        #expect(keeper.read { $0.users[5] } == nil)
    }

    @Test("A file with something else in it is not overwritten")
    func foreignFile() throws {
        let path = Samples.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("{}".utf8).write(to: URL(filePath: path))
        #expect(throws: SandboxError.self) { try StateKeeper(path: path) { Samples.state() } }
    }
}
