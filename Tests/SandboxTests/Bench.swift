import Crypto
import Foundation
import HTTP
import HTTPClient
import HTTPServer
import Kick
import Net
import Sandbox
import Synchronization
import Testing

/// A sandbox on a free port, a client, and a receiver of webhooks: what the tests over HTTP work with.
final class Bench: Sendable {
    let loops: LoopGroup
    let client: OutboundClient
    let receiver: Receiver
    let sandbox: SandboxServer
    let base: HTTPURL

    private init(loops: LoopGroup, client: OutboundClient, receiver: Receiver, sandbox: SandboxServer, base: HTTPURL) {
        self.loops = loops
        self.client = client
        self.receiver = receiver
        self.sandbox = sandbox
        self.base = base
    }

    /// Runs `body` on a loop with a fresh bench, and takes it down.
    static func with(
        _ configure: (inout SandboxConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (Bench) async throws -> Void
    ) async throws {
        var configuration = SandboxConfiguration()
        configuration.listenAddress = .ipv4([127, 0, 0, 1], port: 0)
        configuration.app = Samples.app
        configuration.signingKeyPEM = Samples.key.revealPEM()
        configuration.delivery.firstBackoffMilliseconds = 1
        configure(&configuration)
        let settings = configuration
        let loops = try LoopGroup(count: 1)
        let outcome = await Task(executorPreference: loops.next()) { () -> Result<Void, any Error> in
            do {
                let receiver = try await Receiver(loops: loops)
                var settings = settings
                if settings.app.webhookURL != nil { settings.app.webhookURL = receiver.url }
                let sandbox = try SandboxServer(configuration: settings, loops: loops)
                let client = OutboundClient(loops: loops, tls: try TLSContext())
                let base = try #require(HTTPURL(try await sandbox.start()))
                let bench = Bench(loops: loops, client: client, receiver: receiver, sandbox: sandbox, base: base)
                let result = await Result { try await body(bench) }
                await sandbox.stop()
                await receiver.stop()
                await client.shutdown()
                return result
            } catch {
                return .failure(error)
            }
        }.value
        loops.shutdown()
        try outcome.get()
    }

    // MARK: Calls

    func send(
        _ method: HTTP.Method, _ path: String, query: QueryItems = [:], fields: Fields = [:], body: [UInt8] = []
    ) async throws -> OutboundResponse {
        let request = OutboundRequest(
            method, base.appending(path: path, query: query), fields: fields, body: body)
        return try await client.send(request, deadline: .after(.seconds(30)))
    }

    func form(_ path: String, _ parameters: [String: String]) async throws -> OutboundResponse {
        var items = QueryItems()
        for (name, value) in parameters { items.append(name, value) }
        return try await send(
            .post, path, fields: [.contentType: FormURLEncoded.contentType], body: FormURLEncoded.encode(items))
    }

    func api(
        _ method: HTTP.Method, _ path: String, token: String, query: QueryItems = [:], json: JSON? = nil
    ) async throws -> OutboundResponse {
        try await send(
            method, path, query: query,
            fields: [.authorization: FieldValue("Bearer \(token)")!, .contentType: "application/json"],
            body: json?.bytes ?? [])
    }

    /// A POST to the control API; the answer as JSON.
    @discardableResult
    func control(_ path: String, _ json: JSON, status: Status = .ok) async throws -> JSON {
        try await control(.post, path, json, status: status)
    }

    /// A PUT to the control API.
    @discardableResult
    func put(_ path: String, _ json: JSON, status: Status = .ok) async throws -> JSON {
        try await control(.put, path, json, status: status)
    }

    private func control(_ method: HTTP.Method, _ path: String, _ json: JSON, status: Status) async throws -> JSON {
        let answer = try await send(method, path, fields: [.contentType: "application/json"], body: json.bytes)
        #expect(answer.status == status, "\(answer.text)")
        return answer.json
    }

    func refreshes(_ query: QueryItems = [:]) async throws -> JSON {
        try await send(.get, "/sandbox/refreshes", query: query).json
    }

    var state: JSON {
        get async throws { try await send(.get, "/sandbox/state").json }
    }

    // MARK: What most tests begin with

    /// The parameters that the consent page sends on.
    func allow(_ changes: [String: String] = [:]) async throws -> OutboundResponse {
        let parameters = Samples.authorize.merging(["decision": "allow", "user_id": "1001"]) { _, new in new }
        return try await form("/oauth/authorize", parameters.merging(changes) { _, new in new })
    }

    /// Consent and exchange: access and refresh token.
    func login(_ changes: [String: String] = [:]) async throws -> (access: String, refresh: String) {
        let location = try #require(try await allow(changes).fields[.location])
        let query = try #require(QueryItems(parsing: location.split(separator: "?").last.map(String.init)))
        let answer = try await form("/oauth/token", Samples.exchange(code: try #require(query["code"])))
        #expect(answer.status == .ok)
        return (
            try #require(answer.json["access_token"]?.stringValue),
            try #require(answer.json["refresh_token"]?.stringValue)
        )
    }

    func appToken() async throws -> String {
        try #require(
            try await form("/oauth/token", Samples.clientCredentials).json["access_token"]?.stringValue)
    }

    /// Subscribes to all ten types, or to some.
    func subscribe(
        broadcaster: Int = 1001, to types: [EventType] = EventCatalog.entries.map(\.type)
    ) async throws {
        let wish: JSON = [
            "broadcaster_user_id": .integer(broadcaster), "method": "webhook",
            "events": .array(types.map { ["name": .string($0.rawValue), "version": 1] }),
        ]
        let answer = try await api(.post, "/public/v1/events/subscriptions", token: try await appToken(), json: wish)
        #expect(answer.status == .ok)
    }

    /// The key as everybody gets it.
    func publicKey() async throws -> PublicKey {
        let answer = try await send(.get, "/public/v1/public-key")
        return try PublicKey(pem: try #require(answer.json["data"]?["public_key"]?.stringValue))
    }
}

extension Result where Failure == any Error {
    fileprivate init(catching body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}

extension OutboundResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSON { JSON(parsing: body) ?? .null }
}

/// Takes webhooks and keeps them; answers with the statuses it was given, then with 200.
final class Receiver: Sendable {
    struct Delivery: Sendable {
        let fields: Fields
        let body: [UInt8]

        var messageID: String? { fields["Kick-Event-Message-Id"] }
    }

    private struct State {
        var deliveries: [Delivery] = []
        var statuses: [Status] = []
        var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private final class Shared: Sendable {
        let state = Mutex(State())
    }

    private let shared: Shared
    private let server: HTTPServer
    let url: String

    init(loops: LoopGroup) async throws {
        let shared = Shared()
        let server = HTTPServer(loops: loops) { request in
            let delivery = Delivery(fields: request.fields, body: try await request.body(upTo: 1 << 20))
            let (status, ready) = shared.state.withLock { state in
                state.deliveries.append(delivery)
                let ready = state.waiters.filter { $0.count <= state.deliveries.count }
                state.waiters.removeAll { $0.count <= state.deliveries.count }
                return (state.statuses.isEmpty ? Status.ok : state.statuses.removeFirst(), ready)
            }
            for waiter in ready { waiter.continuation.resume() }
            return Response(status: status)
        }
        self.shared = shared
        self.server = server
        url = "http://\(try await server.listen(on: [.ipv4([127, 0, 0, 1], port: 0)])[0])/hook"
    }

    var deliveries: [Delivery] { shared.state.withLock { $0.deliveries } }

    func answer(_ statuses: [Status]) { shared.state.withLock { $0.statuses = statuses } }

    /// Waits until there were that many in all.
    func wait(for count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = shared.state.withLock { state in
                if state.deliveries.count >= count { return true }
                state.waiters.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    func stop() async { await server.shutdown(grace: .seconds(1)) }
}
