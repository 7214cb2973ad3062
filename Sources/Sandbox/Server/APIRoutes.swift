import HTTP
import HTTPServer
import Kick

/// api.kick.com (FACTS §2, §3).
struct APIRoutes: Sendable {
    let core: SandboxCore

    func add(to router: inout Router<Handler>) {
        read(&router, "/public/v1/users") { $0.usersAnswer($1, for: $2) }
        read(&router, "/public/v1/users/livestreams") { state, query, _ in state.usersLivestreamsAnswer(query) }
        read(&router, "/public/v1/channels") { $0.channelsAnswer($1, for: $2) }
        read(&router, "/public/v1/livestreams") { state, query, _ in state.livestreamsAnswer(query) }
        read(&router, "/public/v1/livestreams/stats") { state, _, _ in state.livestreamStatsAnswer() }
        read(&router, "/public/v2/livestreams") { state, query, _ in state.livestreamsV2Answer(query) }

        router.add(.patch, "/public/v1/channels") { try await patchChannel($0) }
        router.add(.get, "/public/v1/events/subscriptions") { try await listSubscriptions($0) }
        router.add(.post, "/public/v1/events/subscriptions") { try await subscribe($0) }
        router.add(.delete, "/public/v1/events/subscriptions") { try await unsubscribe($0) }
        router.add(.get, "/public/v1/public-key") { try await publicKey($0) }
    }

    /// What everything else below /public gets: without a token, 401 comes before 404 (FACTS §2.1).
    func unknownPath(_ request: Request) async throws -> Response {
        try await authenticated(request) { _ in .notFound }
    }

    /// A GET that changes nothing.
    private func read(
        _ router: inout Router<Handler>, _ path: String,
        _ answer: @escaping @Sendable (SandboxState, QueryItems, SandboxState.Bearer) -> APIAnswer
    ) {
        router.add(.get, path) { request in
            try await authenticated(request) { bearer in
                guard let query = QueryItems(parsing: request.head.query) else { return .invalidRequest }
                return core.keeper.read { answer($0, query, bearer) }
            }
        }
    }

    private func authenticated(
        _ request: Request, _ body: (SandboxState.Bearer) throws -> APIAnswer
    ) async throws -> Response {
        try await answer(request) {
            guard let bearer = bearer(of: request) else { return Response(.unauthorized) }
            return Response(try body(bearer))
        }
    }

    private func answer(_ request: Request, work: () throws -> Response) async throws -> Response {
        try await core.answer {
            var asked = Faults.Request(.api)
            (asked.method, asked.path) = (request.method.rawValue, request.path)
            let bearer = bearer(of: request)
            (asked.clientID, asked.userID) = (bearer?.clientID, bearer?.userID)
            return asked
        } work: {
            try work()
        }
    }

    private func bearer(of request: Request) -> SandboxState.Bearer? {
        request.bearerToken.flatMap { token in core.keeper.read { $0.bearer(of: token, at: .now()) } }
    }

    private func patchChannel(_ request: Request) async throws -> Response {
        let json = try await request.json()
        return try await authenticated(request) { bearer in
            let answer = try core.keeper.change { $0.patchChannel(json, for: bearer) }
            if answer.status == 204, let id = bearer.userID {
                try core.publish(.livestreamMetadataUpdated, broadcasterID: id)
            }
            return answer
        }
    }

    private func listSubscriptions(_ request: Request) async throws -> Response {
        count(\.listCalls, request)
        return try await authenticated(request) { bearer in
            guard let query = QueryItems(parsing: request.head.query) else { return .invalidRequest }
            let policy = core.subscriptions.policy
            return core.keeper.read { $0.subscriptionsAnswer(query, for: bearer, policy: policy, at: .now()) }
        }
    }

    private func subscribe(_ request: Request) async throws -> Response {
        let json = try await request.json()
        count(\.createCalls, request)
        return try await authenticated(request) { bearer in
            try core.subscriptions.change { state, service in
                state.subscribe(json, for: bearer, service: &service, at: .now())
            }
        }
    }

    private func unsubscribe(_ request: Request) async throws -> Response {
        count(\.deleteCalls, request)
        return try await authenticated(request) { bearer in
            guard let query = QueryItems(parsing: request.head.query) else { return .invalidRequest }
            return try core.subscriptions.change { state, service in
                state.unsubscribe(query, for: bearer, service: &service, at: .now())
            }
        }
    }

    /// Counted as it arrives, whatever becomes of it.
    private func count(_ call: WritableKeyPath<SubscriptionCounts, Int>, _ request: Request) {
        if let bearer = bearer(of: request) { core.subscriptions.count(call, bearer.clientID) }
    }

    /// The one call without a token (FACTS §2.11).
    private func publicKey(_ request: Request) async throws -> Response {
        try await answer(request) {
            Response(.ok(["public_key": .string(core.publicKeyPEM)]))
        }
    }
}
