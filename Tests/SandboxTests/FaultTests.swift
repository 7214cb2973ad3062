import Foundation
import HTTP
import HTTPClient
import Net
import Sandbox
import Testing

@Suite("Sandbox: faults on order", .timeLimit(.minutes(1)))
struct FaultTests {
    private static func fault(_ text: String) throws -> Faults.Fault {
        try Faults.Fault.parse(JSON(parsing: text)!).get()
    }

    private static func request(
        _ target: Faults.Target = .token, _ change: (inout Faults.Request) -> Void = { _ in }
    ) -> Faults.Request {
        var request = Faults.Request(target)
        change(&request)
        return request
    }

    @Test("A fault meets as many requests as ordered, and only those it fits")
    func count() throws {
        var faults = Faults()
        #expect(
            faults.add(
                try Self.fault(
                    #"{"target":"token","status":400,"body":"","count":2,"grant_type":"refresh_token"}"#)))
        #expect(faults.take(Self.request(.api) { $0.path = "/public/v1/users" }) == nil)
        #expect(faults.take(Self.request { $0.grantType = "client_credentials" }) == nil)
        for _ in 1...2 { #expect(faults.take(Self.request { $0.grantType = "refresh_token" })?.status == 400) }
        #expect(faults.take(Self.request { $0.grantType = "refresh_token" }) == nil)
        #expect(faults.metCount == 2)
    }

    @Test("Every third request, as often as ordered")
    func every() throws {
        var faults = Faults()
        #expect(faults.add(try Self.fault(#"{"target":"token","status":503,"every":3,"count":2}"#)))
        let met = (1...12).filter { _ in faults.take(Self.request()) != nil }
        #expect(met == [3, 6])
    }

    @Test("Only one client, one user, one method")
    func filters() throws {
        for (text, right): (String, (inout Faults.Request) -> Void) in [
            (#"{"target":"token","status":503,"client_id":"a"}"#, { $0.clientID = "a" }),
            (#"{"target":"token","status":503,"user_id":7}"#, { $0.userID = 7 }),
            (#"{"target":"token","status":503,"method":"GET"}"#, { $0.method = "GET" }),
        ] {
            var faults = Faults()
            #expect(faults.add(try Self.fault(text)))
            #expect(faults.take(Self.request()) == nil)
            #expect(faults.take(Self.request(.token, right)) != nil)
        }
    }

    @Test(
        "A fault that makes no sense is refused",
        arguments: [
            "{}", #"{"target":"moon","status":500}"#, #"{"target":"api"}"#, #"{"target":"api","status":99}"#,
            #"{"target":"api","close":1}"#, #"{"target":"api","close":"in_head"}"#,
            #"{"target":"api","status":500,"when":"never"}"#, #"{"target":"api","delay_ms":-1}"#,
            #"{"target":"api","status":500,"every":0}"#, #"{"target":"api","status":500,"evry":2}"#,
        ])
    func badFault(text: String) throws {
        #expect(throws: SandboxError.self) { try Self.fault(text) }
    }

    // MARK: Over HTTP

    /// Sends a refresh on a connection of its own and returns every byte that comes back until its end.
    private static func rawRefresh(_ bench: Bench, _ token: String) async throws -> String {
        var items = QueryItems()
        for (name, value) in Samples.refresh(token) { items.append(name, value) }
        let body = FormURLEncoded.encode(items)
        let address = SocketAddress.ipv4([127, 0, 0, 1], port: UInt16(bench.base.port))
        let stream = try await ByteStream.connect(to: address, deadline: .after(.seconds(5)))
        defer { stream.close() }
        let head =
            "POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n"
            + "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        try await stream.write(Array(head.utf8) + body, deadline: .after(.seconds(5)))
        var bytes: [UInt8] = []
        while (try? await stream.read(into: &bytes, atMost: 65_536, deadline: .after(.seconds(5)))) ?? 0 > 0 {}
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("Nothing of the answer arrives; the token was rotated, or was not", arguments: ["before", "after"])
    func beforeHead(when: String) async throws {
        try await Bench.with { bench in
            let token = try await bench.login().refresh
            for close: JSON in [true, "before_head"] {
                try await bench.control(
                    "/sandbox/faults", ["target": "token", "close": close, "when": .string(when)])
                #expect(try await Self.rawRefresh(bench, token) == "")
            }
            #expect(try await bench.refreshes()["refreshes"] == (when == "after" ? 2 : 0))
        }
    }

    @Test("The real answer breaks off in its middle")
    func inBody() async throws {
        try await Bench.with { bench in
            let token = try await bench.login().refresh
            try await bench.control("/sandbox/faults", ["target": "token", "close": "in_body"])
            let text = try await Self.rawRefresh(bench, token)
            let parts = text.components(separatedBy: "\r\n\r\n")
            #expect(text.hasPrefix("HTTP/1.1 200 "))
            #expect(parts.count == 2)
            #expect(parts[1].hasPrefix(#"{"access_token":""#))
            #expect(JSON(parsing: parts[1]) == nil)
            let announced = try #require(parts[0].firstMatch(of: /Content-Length: (\d+)/)).1
            #expect(parts[1].utf8.count == Int(announced)! / 2)
            #expect(try await bench.refreshes()["refreshes"] == 1)
            try await bench.control("/sandbox/faults", ["target": "token", "close": "in_body"])
            await #expect(throws: ClientError.self) {
                _ = try await bench.form("/oauth/token", Samples.refresh(token))
            }
            // With a status the given body breaks off, and nothing is done.
            try await bench.control(
                "/sandbox/faults", ["target": "token", "close": "in_body", "status": 502, "body": "<html></html>"])
            #expect(try await Self.rawRefresh(bench, token).hasSuffix("\r\n\r\n<html>"))
            #expect(try await bench.refreshes()["refreshes"] == 2)
        }
    }

    @Test("Revoking and introspecting fail on order too, for one user alone if so ordered")
    func otherTargets() async throws {
        try await Bench.with { bench in
            let nova = try await bench.login()
            let pixel = try await bench.login(["user_id": "1002"])
            try await bench.control("/sandbox/faults", ["target": "revoke", "status": 503, "user_id": 1002])
            try await bench.control("/sandbox/faults", ["target": "introspect", "status": 500, "user_id": 1002])
            #expect(try await bench.api(.post, "/oauth/token/introspect", token: nova.access).status == .ok)
            #expect(
                try await bench.api(.post, "/oauth/token/introspect", token: pixel.access).status
                    == .internalServerError)
            for (token, status): (String, Status) in [
                (nova.refresh, .ok), (pixel.refresh, .serviceUnavailable), (pixel.refresh, .ok),
            ] {
                let answer = try await bench.send(.post, "/oauth/revoke", query: ["token": token])
                #expect(answer.status == status)
            }
            #expect(try await bench.state["met_faults"] == 2)
        }
    }

    @Test("Every second refresh of one user fails until the faults are cleared")
    func everySecond() async throws {
        try await Bench.with { bench in
            let token = try await bench.login().refresh
            let other = try await bench.login(["user_id": "1002"]).refresh
            try await bench.control(
                "/sandbox/faults",
                ["target": "token", "status": 429, "retry_after": 3, "every": 2, "count": 1000, "user_id": 1001])
            var statuses: [UInt16] = []
            for _ in 1...4 {
                statuses.append(try await bench.form("/oauth/token", Samples.refresh(token)).status.code)
                #expect(try await bench.form("/oauth/token", Samples.refresh(other)).status == .ok)
            }
            #expect(statuses == [200, 429, 200, 429])
            #expect(try await bench.send(.delete, "/sandbox/faults").status == .noContent)
            for _ in 1...3 { #expect(try await bench.form("/oauth/token", Samples.refresh(token)).status == .ok) }
        }
    }
}
