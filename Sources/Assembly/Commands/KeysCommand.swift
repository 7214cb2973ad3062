import FoundationEssentials
import HTTP
import HTTPClient
import Net

/// `kick-gateway keys`: the keys that seal stored secrets, through the admin routes of a gateway that runs.
enum KeysCommand {
    static let usage = """
        usage: kick-gateway keys <what> [--url URL]

          status        the keys, what is sealed under each, and which keys of the environment are needed
          rotate        make a new key, and wait until everything is sealed under it
          retire <id>   delete a key that nothing is sealed under

        Asks a gateway that runs, with GATEWAY_ADMIN_KEY (or GATEWAY_ADMIN_KEY_FILE). Where it is: --url, else GATEWAY_LISTEN,
        else GATEWAY_PUBLIC_URL, else http://127.0.0.1:8080.

        """

    private enum Action {
        case status
        case rotate
        case retire(String)
    }

    static func run(_ arguments: [String]) async throws -> Int32 {
        if arguments.contains(where: { ["--help", "-h"].contains($0) }) { return Program.say(usage) }
        var words = arguments
        var url: String?
        if let index = words.firstIndex(of: "--url") {
            guard index + 1 < words.count else { return Program.complain("--url needs a value\n\n\(usage)") }
            url = words[index + 1]
            words.removeSubrange(index...index + 1)
        }
        let action: Action
        switch (words.first, words.count) {
        case ("status", 1): action = .status
        case ("rotate", 1): action = .rotate
        case ("retire", 2): action = .retire(words[1])
        default: return Program.complain(usage)
        }
        var environment = Environment.ofProcess()
        let base = url ?? Self.base(&environment)
        let key = environment.required("GATEWAY_ADMIN_KEY", "the admin key of the gateway")
        guard environment.problems.isEmpty else {
            return Program.complain("kick-gateway: \(environment.problems.joined(separator: "\n"))\n")
        }

        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let client = OutboundClient(loops: loops, tls: try TLSContext())
        let result = await Task(executorPreference: loops.loops[0]) {
            try await run(action, AdminKeysClient(client: client, base: base, adminKey: key))
        }.result
        await client.shutdown()
        return try result.get()
    }

    /// Where the gateway of this environment is reached from this machine.
    private static func base(_ environment: inout Environment) -> String {
        let standard = "http://127.0.0.1:8080"
        guard let listen = environment.text("GATEWAY_LISTEN") else {
            return environment.text("GATEWAY_PUBLIC_URL") ?? standard
        }
        switch SocketAddress(parsing: listen) {
        case .ipv4(let bytes, let port): return "http://\(bytes == [0, 0, 0, 0] ? "127.0.0.1" : host(listen)):\(port)"
        case .ipv6(let bytes, let port):
            return "http://\(bytes.allSatisfy { $0 == 0 } ? "[::1]" : host(listen)):\(port)"
        case .unix, nil: return environment.text("GATEWAY_PUBLIC_URL") ?? standard
        }
    }

    private static func host(_ listen: String) -> String {
        String(listen[..<(listen.lastIndex(of: ":") ?? listen.endIndex)])
    }

    // MARK: What is done

    private static func run(_ action: Action, _ client: AdminKeysClient) async throws -> Int32 {
        switch action {
        case .status: return Program.say(table(try await client.status()))
        case .retire(let id):
            let status = try await client.retire(id)
            return Program.say("\(id) is retired\n\n\(table(status))")
        case .rotate: return try await rotate(client)
        }
    }

    /// How long no progress, or no answer, is put up with.
    private static let patience = Duration.seconds(120)

    private static func rotate(_ client: AdminKeysClient) async throws -> Int32 {
        var status = try await client.rotate()
        guard let writer = status.keys.first(where: \.writes) else { throw DevError("there is no key that writes") }
        Program.say("\(writer.id) writes now\n")
        var least = Int.max
        var deadline = Deadline.after(patience)
        while true {
            let sealing = status.resealing
            if sealing.remaining < least {
                least = sealing.remaining
                deadline = .after(patience)
                Program.say("re-sealed \(sealing.done)/\(sealing.total) (\(sealing.percent) %)\n")
            }
            guard sealing.isRunning else { break }
            guard !deadline.hasPassed else {
                return Program.complain(
                    "nothing was re-sealed for \(patience.components.seconds) s: look into the gateway's log\n", code: 1
                )
            }
            try await sleep(for: .milliseconds(500))
            do {
                status = try await client.status()
            } catch let error as AdminKeysClient.NoAnswer where !deadline.hasPassed {
                Program.say("\(error), trying again\n")
                try await sleep(for: .seconds(2))
            }
        }
        guard status.resealing.unreadable == 0 else {
            return Program.complain(
                "\(status.resealing.unreadable) values do not open and stay under their keys: the log names them\n",
                code: 1)
        }
        let rest = status.keys.filter { !$0.writes && $0.uses.isEmpty }.map { "  kick-gateway keys retire \($0.id)\n" }
        return Program.say("done\n" + (rest.isEmpty ? "" : "not used any more:\n\(rest.joined())"))
    }

    // MARK: What is shown

    private static func table(_ status: AdminKeysClient.Status) -> String {
        var text = ""
        for key in status.keys {
            let uses = key.uses.reduce(0) { $0 + $1.count }
            text += "\(key.id)  \(key.createdAt)  wrapped by \(key.wrappedBy)"
            text += key.writes ? ", writes\n" : uses == 0 ? ", not used: may be retired\n" : "\n"
            for use in key.uses {
                let number = String(use.count)
                text += String(repeating: " ", count: max(1, 10 - number.count)) + "\(number)  \(use.column)\n"
            }
        }
        text += "\nGATEWAY_ENCRYPTION_KEYS\n"
        for key in status.environmentKeys {
            let state = key.wraps ? "wraps" : key.isNeeded ? "needed" : "not needed: may be taken out"
            text += "  \(key.id)  \(state)\n"
        }
        let sealing = status.resealing
        text += "\nre-sealed \(sealing.done)/\(sealing.total) (\(sealing.percent) %)"
        if sealing.unreadable > 0 { text += ", \(sealing.unreadable) do not open: the log names them" }
        return text + "\n"
    }
}

/// The admin routes for encryption keys, from the outside.
struct AdminKeysClient {
    struct Status: Decodable {
        struct Key: Decodable {
            struct Use: Decodable {
                let column: String
                let count: Int
            }
            let id: String
            let createdAt: String
            let writes: Bool
            let wrappedBy: String
            let uses: [Use]
        }
        struct EnvironmentKey: Decodable {
            let id: String
            let wraps: Bool
            let isNeeded: Bool
        }
        struct Resealing: Decodable {
            let isRunning: Bool
            let total: Int
            let remaining: Int
            let unreadable: Int

            var done: Int { total - remaining }
            var percent: Int { total == 0 ? 100 : done * 100 / total }
        }
        let keys: [Key]
        let environmentKeys: [EnvironmentKey]
        let resealing: Resealing
    }

    /// The gateway cannot be reached, or cannot answer now.
    struct NoAnswer: Error, CustomStringConvertible {
        let description: String
    }

    private struct Problem: Decodable {
        let detail: String?
    }

    let client: OutboundClient
    let base: String
    let adminKey: String

    func status() async throws -> Status { try await call(.get, "") }
    func rotate() async throws -> Status { try await call(.post, "/rotate") }

    func retire(_ id: String) async throws -> Status {
        guard !id.isEmpty, id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"/?#%".utf8.contains($0) }) else {
            throw DevError("\(id) is no key id")
        }
        return try await call(.delete, "/\(id)")
    }

    private func call(_ method: HTTP.Method, _ path: String) async throws -> Status {
        let root = base.hasSuffix("/") ? String(base.dropLast()) : base
        guard let url = HTTPURL("\(root)/admin/v1/encryption-keys\(path)") else {
            throw DevError("\(base) is no http or https URL")
        }
        guard let authorization = FieldValue(String("Bearer \(adminKey)")) else {
            throw DevError("GATEWAY_ADMIN_KEY cannot be sent: it has characters that no header can hold")
        }
        var request = OutboundRequest(method, url)
        request.fields.set(.authorization, authorization)
        let response: OutboundResponse
        do {
            response = try await client.send(request, deadline: .after(.seconds(60)))
        } catch {
            throw NoAnswer(description: "no gateway answers at \(base) (\(error)): is it running? see --url")
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        if response.status.isSuccess, let status = try? decoder.decode(Status.self, from: Data(response.body)) {
            return status
        }
        let detail = try? decoder.decode(Problem.self, from: Data(response.body)).detail
        switch response.status.code {
        case 401: throw DevError("the gateway at \(base) does not accept GATEWAY_ADMIN_KEY")
        case 503: throw NoAnswer(description: "the gateway at \(base) cannot answer now: \(detail ?? "503")")
        default: throw DevError(detail ?? "\(base) answered \(response.status): is it a kick-gateway?")
        }
    }
}
