import HTTP
import HTTPServer
import Kick

/// api.kick.com (FACTS §2, §3).
struct APIRoutes: Sendable {
    let core: SandboxCore
    private let unknown: Int

    init(core: SandboxCore) {
        self.core = core
        unknown = core.calls.register("unknown path")
    }

    /// What a call says, once it is known who calls.
    struct Call {
        let bearer: SandboxState.Bearer
        let query: QueryItems
        /// Nil when it is no JSON, or nothing.
        var body: JSON?
        /// What stands in the path where the route has a name in braces.
        let id: String
        let policy: APIPolicy
        let now = SandboxTime.now()
    }

    func add(to router: inout Router<Handler>) {
        read(&router, "/public/v1/users") { $0.usersAnswer($1.query, for: $1.bearer) }
        read(&router, "/public/v1/users/livestreams") { $0.usersLivestreamsAnswer($1.query) }
        read(&router, "/public/v1/livestreams") { $0.livestreamsAnswer($1.query) }
        read(&router, "/public/v1/livestreams/stats") { state, _ in state.livestreamStatsAnswer() }
        read(&router, "/public/v2/livestreams") { $0.livestreamsV2Answer($1.query) }
        read(&router, "/public/v2/categories") { $0.categoriesV2Answer($1.query) }
        read(&router, "/public/v1/categories") { $0.categorySearchAnswer($1.query) }
        read(&router, "/public/v1/categories/{category_id}") { $0.categoryAnswer($1.id) }
        read(&router, "/public/v1/kicks/leaderboard") { $0.leaderboardAnswer($1.query, for: $1.bearer, at: $1.now) }

        add(&router, .get, "/public/v1/channels") { try await channels($0) }
        add(&router, .patch, "/public/v1/channels") { try await patchChannel($0) }
        add(&router, .get, "/public/v1/events/subscriptions") { try await listSubscriptions($0) }
        add(&router, .post, "/public/v1/events/subscriptions") { try await subscribe($0) }
        add(&router, .delete, "/public/v1/events/subscriptions") { try await unsubscribe($0) }
        add(&router, .get, "/public/v1/public-key") { try await publicKey($0) }
        add(&router, .post, "/public/v1/token/introspect") { try await introspect($0) }
        addChat(to: &router)
        addRewards(to: &router)
        addDropsAndAds(to: &router)
    }

    private func addChat(to router: inout Router<Handler>) {
        // Messages are not in the state file, so it is not written.
        add(&router, .post, "/public/v1/chat") { request in
            try await write(request) { call in
                core.changeAPI { api in
                    core.keeper.read { $0.sendChat(call.body, for: call.bearer, service: &api, at: call.now) }
                }
            }
        }
        add(&router, .delete, "/public/v1/chat/{message_id}") { request in
            try await write(request) { call in
                core.changeAPI { api in
                    APIOutcome(core.keeper.read { $0.deleteChat(call.id, for: call.bearer, service: &api) })
                }
            }
        }
        change(&router, .post, "/public/v1/moderation/bans") { state, _, call in
            state.ban(call.body, for: call.bearer, at: call.now)
        }
        change(&router, .delete, "/public/v1/moderation/bans") { state, _, call in
            APIOutcome(state.unban(call.body, for: call.bearer))
        }
    }

    private func addRewards(to router: inout Router<Handler>) {
        let path = "/public/v1/channels/rewards"
        read(&router, path) { $0.rewardsAnswer(for: $1.bearer) }
        change(&router, .post, path) { state, _, call in APIOutcome(state.createReward(call.body, for: call.bearer)) }
        change(&router, .patch, path + "/{id}") { state, _, call in
            APIOutcome(state.patchReward(call.id, call.body, for: call.bearer))
        }
        change(&router, .delete, path + "/{id}") { state, _, call in
            APIOutcome(state.deleteReward(call.id, for: call.bearer))
        }
        read(&router, path + "/redemptions") {
            $0.redemptionsAnswer($1.query, for: $1.bearer, policy: $1.policy)
        }
        for (name, accepts) in [("accept", true), ("reject", false)] {
            change(&router, .post, path + "/redemptions/" + name) { state, service, call in
                state.decideRedemptions(call.body, accepts: accepts, for: call.bearer, service: &service)
            }
        }
    }

    private func addDropsAndAds(to router: inout Router<Handler>) {
        read(&router, "/public/v1/drops/claims") { $0.claimsAnswer($1.query, for: $1.bearer) }
        change(&router, .patch, "/public/v1/drops/claims") { state, _, call in
            APIOutcome(state.patchClaims(call.body, for: call.bearer, at: call.now))
        }
        read(&router, "/public/v1/ads/ad-break-status") { $0.adBreakStatusAnswer(for: $1.bearer, at: $1.now) }
        change(&router, .post, "/public/v1/ads/ad-break") { state, _, call in
            APIOutcome(state.startAdBreak(call.body, for: call.bearer, policy: call.policy, at: call.now))
        }
        change(&router, .post, "/public/v1/ads/enroll") { state, _, call in
            APIOutcome(state.enrollInAds(for: call.bearer))
        }
    }

    /// What everything else below /public gets: without a token, 401 comes before 404 (FACTS §2.1).
    func unknownPath(_ request: Request) async throws -> Response {
        core.calls.count(unknown)
        return try await authenticated(request) { _ in .notFound }
    }

    // MARK: Kinds of operations

    /// An operation, which is counted as it arrives.
    private func add(
        _ router: inout Router<Handler>, _ method: HTTP.Method, _ path: String,
        _ handler: @escaping @Sendable (Request) async throws -> Response
    ) {
        let number = core.calls.register("\(method.rawValue) \(path)")
        router.add(method, path) { request in
            core.calls.count(number)
            return try await handler(request)
        }
    }

    /// A GET that changes nothing.
    private func read(
        _ router: inout Router<Handler>, _ path: String,
        _ answer: @escaping @Sendable (SandboxState, Call) -> APIAnswer
    ) {
        add(&router, .get, path) { request in
            try await authenticated(request) { bearer in
                guard let call = call(request, bearer) else { return .invalidRequest }
                return core.keeper.read { answer($0, call) }
            }
        }
    }

    /// A call that changes the state, and may make something happen.
    private func change(
        _ router: inout Router<Handler>, _ method: HTTP.Method, _ path: String,
        _ body: @escaping @Sendable (inout SandboxState, inout APIService, Call) -> APIOutcome
    ) {
        add(&router, method, path) { request in
            try await write(request) { call in
                try core.changeAPI { service in try core.keeper.change { body(&$0, &service, call) } }
            }
        }
    }

    private func write(_ request: Request, _ body: (Call) throws -> APIOutcome) async throws -> Response {
        let json = try await request.json()
        return try await authenticated(request) { bearer in
            guard var call = call(request, bearer) else { return .invalidRequest }
            call.body = json
            let outcome = try body(call)
            for event in outcome.events { core.publish(event) }
            return outcome.answer
        }
    }

    private static let idNames = ["id", "category_id", "message_id"]

    /// Nil when the query is malformed.
    private func call(_ request: Request, _ bearer: SandboxState.Bearer) -> Call? {
        guard let query = QueryItems(parsing: request.head.query) else { return nil }
        let id = Self.idNames.lazy.compactMap { request.parameters[$0] }.first ?? ""
        return Call(bearer: bearer, query: query, id: id, policy: core.apiPolicy)
    }

    private func authenticated(
        _ request: Request, _ body: (SandboxState.Bearer) throws -> APIAnswer
    ) async throws -> Response {
        try await answer(request) {
            guard let bearer = bearer(of: request) else {
                let isDrops = request.path.hasPrefix("/public/v1/drops/")
                return Response(isDrops ? APIAnswer.unauthorized.withNullData : .unauthorized)
            }
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

    // MARK: Channels

    private func channels(_ request: Request) async throws -> Response {
        try await authenticated(request) { bearer in
            guard let call = call(request, bearer) else { return .invalidRequest }
            let stale = core.changeAPI { $0.staleChannels(at: call.now) }
            return core.keeper.read { $0.channelsAnswer(call.query, for: bearer, policy: call.policy, stale: stale) }
        }
    }

    private func patchChannel(_ request: Request) async throws -> Response {
        let json = try await request.json()
        return try await authenticated(request) { bearer in
            let (former, answer) = try core.keeper.change { state in
                (bearer.userID.flatMap { state.users[$0]?.channel }, state.patchChannel(json, for: bearer))
            }
            if answer.status == 204, let id = bearer.userID {
                if let former { core.changeAPI { $0.patched(id, former: former, at: .now()) } }
                try core.publish(.livestreamMetadataUpdated, broadcasterID: id)
            }
            return answer
        }
    }

    // MARK: Subscriptions

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

    // MARK: Others

    /// The one call without a token (FACTS §2.11).
    private func publicKey(_ request: Request) async throws -> Response {
        try await answer(request) {
            Response(.ok(["public_key": .string(core.publicKeyPEM)]))
        }
    }

    /// As on the other host, where it belongs since January 2026 (FACTS §1.8).
    private func introspect(_ request: Request) async throws -> Response {
        try await answer(request) {
            guard let token = request.bearerToken else { return Response(.unauthorized) }
            try core.secrets?.told(token)
            return Response(.introspection(of: bearer(of: request)))
        }
    }
}
