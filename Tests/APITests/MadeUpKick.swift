import HTTP
import Kick
import Model
import Net
import Postgres
import Telemetry
import TestKit

@testable import API

/// Kick as a test makes it up: one answer per operation, and what was asked.
final class MadeUpKick: Sendable {
    typealias Answer = (status: Int, body: String)

    private let answers: Box<[KickOperation: Answer]>
    private let special: @Sendable (KickRequest) -> Answer?
    private let seen = Box<[KickRequest]>([])

    /// - Parameter special: what depends on the request; nil leaves it to the operation's answer.
    init(
        _ answers: [KickOperation: Answer] = [:], special: @escaping @Sendable (KickRequest) -> Answer? = { _ in nil }
    ) {
        self.answers = Box(answers)
        self.special = special
    }

    var requests: [KickRequest] { seen.value }

    /// Method and path with query of what was asked.
    var calls: [String] {
        requests.map { "\($0.method.rawValue) \($0.path)" + ($0.query.items.isEmpty ? "" : "?\($0.query.encoded)") }
    }

    /// The bodies of what was asked.
    var bodies: [String] { requests.map { String(decoding: $0.bodyBytes, as: UTF8.self) } }

    /// The access tokens of what was asked: `app-1` for the app, `access-` and the user's id for a login.
    var tokens: [String?] { requests.map { $0.bearer?.reveal() } }

    /// Has Kick answer otherwise from now on.
    func answer(_ operation: KickOperation, _ status: Int, _ body: String) {
        answers.update { $0[operation] = (status, body) }
    }

    var exchange: KickExchange {
        { (request: KickRequest, _: Deadline) async throws(KickError) -> KickAnswer in
            let operation = request.operation
            if operation == .token {
                let token = #"{"access_token":"app-1","token_type":"Bearer","expires_in":5184000}"#
                return KickAnswer(status: 200, body: Array(token.utf8))
            }
            self.seen.update { $0.append(request) }
            guard let (status, body) = self.special(request) ?? self.answers.value[operation] else {
                throw KickError(.notFound, status: 404)
            }
            return KickAnswer(status: status, body: Array(body.utf8))
        }
    }
}

extension HandlerStage {
    /// A login whose broadcaster has granted everything, or these.
    @discardableResult
    func makeLogin(_ user: Int64 = 1001, scopes: [KickScope] = KickScope.all) async throws -> Login {
        let login = try await fixture.makeLogin(of: tenant, kickUserID: user, access: "access-\(user)")
        _ = try await fixture.database.execute(
            "UPDATE logins SET scopes = \(scopes.map(\.rawValue)) WHERE id = \(login.id)")
        return login
    }
}
