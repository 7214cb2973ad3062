import Foundation
import HTTP
import HTTPClient
import Kick
import Sandbox
import Testing

@Suite("Sandbox: quirks, presets of faults, older state files", .timeLimit(.minutes(1)))
struct QuirkTests {
    // MARK: Quirks

    private static func titles(of count: Int, bySlug: Bool, policy: APIPolicy = APIPolicy()) throws -> [Bool] {
        var state = Samples.state()
        var query = QueryItems()
        for id in 1...count {
            state.register(SandboxUser(id: id, username: "u\(id)"))
            query.append(bySlug ? "slug" : "broadcaster_user_id", bySlug ? "u\(id)" : "\(id)")
        }
        let answer = state.channelsAnswer(query, for: try state.appBearer(), policy: policy)
        let channels = try #require(answer.body?["data"]?.arrayValue)
        return channels.map { channel in
            channel["stream_title"] == .string("u\(channel["broadcaster_user_id"]?.integerValue ?? 0) plays something")
        }
    }

    @Test(
        "More than 25 channels in one call are mixed up; 25 are not, nor any when it is switched off",
        arguments: [true, false])
    func mixedUp(bySlug: Bool) throws {
        #expect(try Self.titles(of: 25, bySlug: bySlug).allSatisfy(\.self))
        #expect(try Self.titles(of: 26, bySlug: bySlug).count(where: { !$0 }) == 13)
        var policy = APIPolicy()
        policy.mixesUpLargeBatches = false
        #expect(try Self.titles(of: 50, bySlug: bySlug, policy: policy).allSatisfy(\.self))
    }

    // MARK: Presets

    @Test(
        "A preset is one of Kick's bad days; what is named besides it wins",
        arguments: [
            ("rate_limited", 429, nil, #"{"data":{},"message":"Too Many Requests"}"#),
            ("rate_limited_retry_after", 429, "1", #"{"data":{},"message":"Too Many Requests"}"#),
            ("server_error", 500, nil, #"{"data":{},"message":"Internal server error"}"#),
            ("edge_block", 403, nil, #"{"error":"Request blocked by security policy.","reference":"9e4db7e3"}"#),
            ("unauthorized", 401, nil, #"{"data":{},"message":"Unauthorized"}"#), ("empty_body", 200, nil, ""),
        ] as [(String, Int, String?, String)])
    func presets(name: String, status: Int, retryAfter: String?, body: String) async throws {
        try await Bench.with { bench in
            let token = try await bench.appToken()
            try await bench.control(
                "/sandbox/faults", ["target": "api", "preset": .string(name), "path": "/public/v1/livestreams"])
            // Another path is not met, though it begins the same.
            #expect(try await bench.api(.get, "/public/v1/livestreams/stats", token: token).status == .ok)
            let answer = try await bench.api(.get, "/public/v1/livestreams", token: token)
            #expect(Int(answer.status.code) == status)
            #expect(answer.fields[.retryAfter] == retryAfter)
            #expect(answer.text == body)
            #expect(try await bench.api(.get, "/public/v1/livestreams", token: token).status == .ok)
            try await bench.control(
                "/sandbox/faults", ["target": "api", "preset": .string(name), "status": 418, "retry_after": 7])
            let other = try await bench.api(.get, "/public/v1/livestreams", token: token)
            #expect(other.status.code == 418)
            #expect(other.fields[.retryAfter] == "7")
        }
    }

    @Test("Pages in place of JSON", arguments: [("edge_block_html", 403), ("bad_gateway", 502), ("not_json", 200)])
    func pages(name: String, status: Int) async throws {
        try await Bench.with { bench in
            let token = try await bench.appToken()
            try await bench.control("/sandbox/faults", ["target": "api", "preset": .string(name)])
            let answer = try await bench.api(.get, "/public/v1/livestreams", token: token)
            #expect(Int(answer.status.code) == status)
            #expect(answer.fields[.contentType]?.hasPrefix("text/html") == true)
            #expect(JSON(parsing: answer.body) == nil)
        }
    }

    @Test(
        "The connection is cut; the work is done or not",
        arguments: [("cut", false), ("lost_answer", true), ("cut_in_body", true)])
    func cuts(name: String, isDone: Bool) async throws {
        try await Bench.with { bench in
            let token = try await bench.login(["scope": "channel:rewards:write"]).access
            try await bench.control(
                "/sandbox/faults", ["target": "api", "preset": .string(name), "method": "POST"])
            await #expect(throws: ClientError.self) {
                _ = try await bench.api(
                    .post, "/public/v1/channels/rewards", token: token, json: ["title": "new", "cost": 1])
            }
            let rewards = try await bench.api(.get, "/public/v1/channels/rewards", token: token).json["data"]
            #expect(rewards?.arrayValue?.contains { $0["title"] == "new" } == isDone)
        }
    }

    @Test("A slow answer is the real one")
    func slow() async throws {
        try await Bench.with { bench in
            let token = try await bench.appToken()
            try await bench.control("/sandbox/faults", ["target": "api", "preset": "slow", "delay_ms": 1])
            #expect(try await bench.api(.get, "/public/v1/livestreams", token: token).status == .ok)
            #expect(try await bench.state["met_faults"] == 1)
        }
    }

    @Test("Presets are known by name")
    func unknownPreset() async throws {
        try await Bench.with { bench in
            let answer = try await bench.control(
                "/sandbox/faults", ["target": "api", "preset": "sunny"], status: .badRequest)
            #expect(answer["error"]?.stringValue?.contains("rate_limited, ") == true)
        }
        for preset in Faults.Preset.allCases {
            let fault = try Faults.Fault.parse(["target": "api", "preset": .string(preset.rawValue)]).get()
            #expect(fault.status != nil || fault.cut != nil || fault.delayMilliseconds > 0)
        }
        let token = try Faults.Fault.parse(["target": "token", "preset": "empty_body"]).get()
        #expect(token.status == 400)
    }

    // MARK: State file

    @Test("A state file of an older version is read; a newer one keeps what lives in the channels")
    func stateFile() throws {
        let path = Samples.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        var state = Samples.state()
        state.addDemoContent(to: 1001, clientID: "client", at: Samples.now)
        let bearer = try state.bearer(scope: "channel:rewards:read")
        let before = state.rewardsAnswer(for: bearer).body
        let data = try JSONEncoder().encode(state)
        try data.write(to: URL(filePath: path))
        let same = try StateKeeper(path: path) { fatalError("the file is there") }
        #expect(same.read { $0.rewardsAnswer(for: bearer).body } == before)
        // As it was before there was content.
        var old = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        old["content"] = nil
        var apps = try #require(old["apps"] as? [String: [String: Any]])
        for name in ["hasBot", "hasOrganization"] { #expect(apps["client"]?.removeValue(forKey: name) != nil) }
        old["apps"] = apps
        try JSONSerialization.data(withJSONObject: old).write(to: URL(filePath: path))
        let older = try StateKeeper(path: path) { fatalError("the file is there") }
        #expect(older.read { $0.rewardsAnswer(for: bearer).body?["data"] } == [])
        #expect(older.read { $0.apps["client"] } == Samples.app)
    }
}
