import HTTP
import HTTPServer
import Net

/// id.kick.com (FACTS §1.3, §1.4, §1.7, §1.8).
struct OAuthRoutes: Sendable {
    let core: SandboxCore

    func add(to router: inout Router<Handler>) {
        router.add(.get, "/oauth/authorize") { try showConsent($0) }
        // What the consent page sends; clients never call it.
        router.add(.post, "/oauth/authorize") { try await decide($0) }
        addCounted(&router, "/oauth/token") { try await token($0) }
        addCounted(&router, "/oauth/revoke") { try await revoke($0) }
        addCounted(&router, "/oauth/token/introspect") { try await introspect($0) }
    }

    private func addCounted(
        _ router: inout Router<Handler>, _ path: String,
        _ handler: @escaping @Sendable (Request) async throws -> Response
    ) {
        let number = core.calls.register("POST \(path)")
        router.add(.post, path) { request in
            core.calls.count(number)
            return try await handler(request)
        }
    }

    private func showConsent(_ request: Request) throws -> Response {
        // Kick's login page puts localhost for the first 127.0.0.1 in the URL, wherever it stands (#211): a redirect
        // URI with that address fails, unless a parameter before it took the blow.
        let text = request.head.query?.replacing("127.0.0.1", with: "localhost", maxReplacements: 1)
        guard let query = QueryItems(parsing: text) else { return .html(Pages.notFound, status: .notFound) }
        return core.keeper.read { state in
            guard let consent = state.consentRequest(parameter: { query[$0] }) else {
                return .html(Pages.notFound, status: .notFound)
            }
            let users = state.users.values.sorted { $0.id < $1.id }
            return .html(Pages.consent(consent, users: users, parameters: query))
        }
    }

    private func decide(_ request: Request) async throws -> Response {
        guard let form = try await request.form(),
            let consent = core.keeper.read({ $0.consentRequest { form[$0] } })
        else { return .html(Pages.notFound, status: .notFound) }
        switch form["decision"] {
        case "allow":
            guard let userID = form["user_id"].flatMap({ Int($0) }) else { break }
            let policy = core.tokens
            let code = try core.keeper.change { $0.allow(consent, userID: userID, policy: policy, at: .now()) }
            guard let code else { break }
            try core.secrets?.issued([code])
            return redirect(to: consent.redirectURI, ["code": code, "state": consent.state])
        case "deny": return redirect(to: consent.redirectURI, ["error": "access_denied", "state": consent.state])
        default: break
        }
        return .html(Pages.notFound, status: .notFound)
    }

    /// The redirect URI was matched as text and may be an app's own scheme, so it is taken as text here too.
    private func redirect(to uri: String, _ items: QueryItems) -> Response {
        let location = uri + (uri.contains("?") ? "&" : "?") + items.encoded
        return Response(
            status: .found, fields: [.location: FieldValue(replacingInvalidIn: location), .cacheControl: "no-store"])
    }

    private func token(_ request: Request) async throws -> Response {
        let form = try await request.form()
        let flight = core.refreshes.arrive(
            form.flatMap(presentedToken), from: request.remoteAddress, openConnections: core.openConnections, at: .now()
        )
        defer { core.refreshes.leave(flight) }
        // The network and Kick's own work take their time, before and after the change.
        let pause = Duration.milliseconds(core.tokens.answerDelayMilliseconds) / 2
        if pause > .zero { try? await sleep(for: pause) }
        let response = try await core.answer {
            var asked = Faults.Request(.token)
            asked.path = request.path
            asked.grantType = form?["grant_type"]
            asked.clientID = form?["client_id"]
            asked.userID = form.flatMap(userID(of:))
            return asked
        } work: {
            guard let form else { return .oauthError(.invalidRequest, policy: core.tokens) }
            return try token(form)
        }
        if pause > .zero { try? await sleep(for: pause) }
        return response
    }

    private func token(_ form: QueryItems) throws -> Response {
        let (policy, now) = (core.tokens, SandboxTime.now())
        // The change is in the state file when this returns, so a token that is seen is never forgotten.
        let (presented, result) = try core.keeper.change { state in
            (presentedToken(form, in: state), state.token(parameter: { form[$0] }, policy: policy, at: now))
        }
        try core.secrets?.told(form["client_secret"], form["code_verifier"])
        switch result {
        case .success(let answer):
            try core.secrets?.issued(answer.secrets)
            if let presented { core.refreshes.record(presented, isAccepted: true, at: now) }
            var response = Response.json(answer.json)
            response.fields.set(.cacheControl, "no-store")
            return response
        case .failure(let refusal):
            try core.secrets?.told(form["code"], form["refresh_token"])
            if refusal == .invalidGrant, form["grant_type"] == "refresh_token" {
                core.refreshes.record(presented, isAccepted: false, at: now)
            }
            return .oauthError(refusal, policy: policy)
        }
    }

    /// The refresh token that a request shows, if it is the client's own.
    private func presentedToken(_ form: QueryItems) -> PresentedToken? {
        core.keeper.read { presentedToken(form, in: $0) }
    }

    private func presentedToken(_ form: QueryItems, in state: SandboxState) -> PresentedToken? {
        guard form["grant_type"] == "refresh_token", let token = form["refresh_token"] else { return nil }
        return state.presented(token).flatMap { $0.clientID == form["client_id"] ? $0 : nil }
    }

    /// Whose code or refresh token a request shows.
    private func userID(of form: QueryItems) -> Int? {
        core.keeper.read { state in
            form["code"].flatMap(state.userID(ofCode:)) ?? form["refresh_token"].flatMap { state.presented($0)?.userID }
        }
    }

    private func revoke(_ request: Request) async throws -> Response {
        let query = try request.query()
        return try await core.answer {
            var asked = Faults.Request(.revoke)
            asked.path = request.path
            let owner = query["token"].flatMap { token in core.keeper.read { $0.owner(of: token) } }
            (asked.clientID, asked.userID) = (owner?.clientID, owner?.userID)
            return asked
        } work: {
            // The sources disagree on the name of the hint (FACTS §1.7).
            let hint = query["token_type_hint"] ?? query["token_hint_type"]
            guard let token = query["token"], !token.isEmpty, ["access_token", "refresh_token", nil].contains(hint)
            else { return .oauthError(.invalidRequest, policy: core.tokens) }
            try core.secrets?.told(token)
            try core.keeper.change { $0.revoke(token) }
            return .text("OK")
        }
    }

    private func introspect(_ request: Request) async throws -> Response {
        func bearer() -> SandboxState.Bearer? {
            request.bearerToken.flatMap { token in core.keeper.read { $0.bearer(of: token, at: .now()) } }
        }
        return try await core.answer {
            var asked = Faults.Request(.introspect)
            asked.path = request.path
            let bearer = bearer()
            (asked.clientID, asked.userID) = (bearer?.clientID, bearer?.userID)
            return asked
        } work: {
            guard let token = request.bearerToken else { return Response(.unauthorized) }
            try core.secrets?.told(token)
            return Response(.introspection(of: bearer()))
        }
    }
}

extension APIAnswer {
    /// What a token is (FACTS §1.8); nil: none that holds.
    static func introspection(of bearer: SandboxState.Bearer?) -> APIAnswer {
        guard let bearer else { return .ok(["active": false]) }
        return .ok([
            "active": true, "client_id": .string(bearer.clientID), "token_type": bearer.isApp ? "app" : "user",
            "scope": .string(bearer.scopes.joined(separator: " ")), "exp": .integer(bearer.expiresAt.seconds),
        ])
    }
}

extension IssuedTokens {
    /// As the token endpoint writes it (FACTS §1.4).
    fileprivate var json: JSON {
        guard let refreshToken else {
            return ["access_token": .string(accessToken), "token_type": "Bearer", "expires_in": .integer(expiresIn)]
        }
        return [
            "access_token": .string(accessToken), "token_type": "Bearer", "refresh_token": .string(refreshToken),
            "expires_in": .integer(expiresIn), "scope": .string(scopes.joined(separator: " ")),
        ]
    }
}
