import HTTP
import HTTPClient
import HTTPServer
import Model
import Net
import ProcessKit
import Store
import Synchronization
import Telemetry

/// Stands between the gateways and Kick's API, and looks at each access token that is used: does it stand in its row (P1)?
final class TokenWatch: Sendable {
    private struct State {
        /// Tokens that have been seen in their rows.
        var stored: Set<String> = []
        var uses = 0
        var strangers = 0
    }

    let url: String
    private let server: HTTPServer
    private let state: Watching

    /// The part that the handler holds.
    private final class Watching: Sendable {
        let state = Mutex(State())
        let site: Site
        let logins: [KnownLogin]

        init(_ site: Site, _ logins: [KnownLogin]) {
            self.site = site
            self.logins = logins
        }

        func respond(to request: Request) async throws -> Response {
            guard let token = request.fields[.authorization]?.dropFirst("Bearer ".count) else {
                return Response(status: .unauthorized)
            }
            if !state.withLock({ $0.stored.contains(String(token)) }) { await readRows() }
            state.withLock { state in
                state.uses += 1
                if !state.stored.contains(String(token)) { state.strangers += 1 }
            }
            let target = request.path + (request.head.query.map { "?\($0)" } ?? "")
            guard let url = HTTPURL(site.kick.url + target) else { return Response(status: .notFound) }
            var forwarded = OutboundRequest(request.method, url)
            forwarded.fields.set(.authorization, FieldValue("Bearer \(token)"))
            let answer = try await site.workshop.client.send(forwarded, deadline: request.deadline)
            return Response(
                status: answer.status, fields: [.contentType: "application/json"], body: .bytes(answer.body))
        }

        /// What cannot be read now is not stored as far as anybody can know.
        func readRows() async {
            for login in logins {
                guard let grant = try? await site.store.accessGrant(of: login.id, in: site.tenant.id) else { continue }
                state.withLock { _ = $0.stored.insert(grant.token.reveal()) }
            }
        }
    }

    static func start(_ site: Site, _ logins: [KnownLogin]) async throws -> TokenWatch {
        let watching = Watching(site, logins)
        await watching.readRows()
        let server = HTTPServer(loops: site.workshop.kickLoops) { try await watching.respond(to: $0) }
        let address = try await server.listen(on: [.ipv4([127, 0, 0, 1], port: 0)])[0]
        return TokenWatch(url: "http://\(address)", server: server, state: watching)
    }

    private init(url: String, server: HTTPServer, state: Watching) {
        self.url = url
        self.server = server
        self.state = state
    }

    func stop() async {
        await server.shutdown(grace: .seconds(2))
    }

    /// Calls with an access token, and those whose token did not stand in any row.
    var uses: (all: Int, strangers: Int) { state.state.withLock { ($0.uses, $0.strangers) } }
}
