import FoundationEssentials
import HTTP
import HTTPClient
import Kick
import Net

/// `kick-gateway trigger`: makes one event happen in the sandbox, which signs and delivers it as Kick would.
enum TriggerCommand {
    static var usage: String {
        """
        usage: kick-gateway trigger <type> [options]

          --broadcaster ID   whose channel it happens on [1001]
          --count N          how often [1]
          --variant NAME     one of the sandbox's variants of the type
          --sandbox URL      where the sandbox is [http://127.0.0.1:8090]

        types:
        \(EventCatalog.entries.map { "  \($0.type)" }.joined(separator: "\n"))

        """
    }

    static func run(_ arguments: [String]) async throws -> Int32 {
        var rest = arguments[...]
        guard let type = rest.popFirst(), !["--help", "-h"].contains(type) else {
            return arguments.isEmpty ? Program.complain(usage) : Program.say(usage)
        }
        var body: [String: any Encodable & Sendable] = ["type": type, "broadcaster_user_id": 1001]
        var sandbox = ProcessInfo.processInfo.environment["KICK_API_URL"] ?? "http://127.0.0.1:8090"
        while let option = rest.popFirst() {
            guard let value = rest.popFirst() else { return Program.complain("\(option) needs a value\n\n\(usage)") }
            switch (option, Int(value)) {
            case ("--broadcaster", let id?): body["broadcaster_user_id"] = id
            case ("--count", let count?): body["count"] = count
            case ("--variant", _): body["variant"] = value
            case ("--sandbox", _): sandbox = value
            default: return Program.complain("\(option) \(value) is not understood\n\n\(usage)")
            }
        }
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let client = OutboundClient(loops: loops, tls: try TLSContext())
        guard let url = HTTPURL(sandbox + "/sandbox/trigger") else {
            return Program.complain("\(sandbox) is no http or https URL\n")
        }
        var request = OutboundRequest(.post, url)
        request.fields.set(.contentType, "application/json")
        request.body = try JSONClient.encode(body)
        let response = try await client.send(request, deadline: .after(.seconds(60)))
        await client.shutdown()
        let text = String(decoding: response.body, as: UTF8.self)
        guard response.status.isSuccess else {
            return Program.complain("the sandbox answered \(response.status): \(text)\n", code: 1)
        }
        return Program.say(text + "\n")
    }
}
