import Crypto
import HTTP
import HTTPServer
import Kick
import Synchronization

/// /sandbox/…: what a developer or a test does to the sandbox. No part of Kick.
struct ControlRoutes: Sendable {
    let core: SandboxCore
    let demo: DemoDriver

    func add(to router: inout Router<Handler>) {
        router.add(.get, "/") { _ in .html(Pages.front) }
        router.add(.get, "/sandbox/state") { .json(state(limit: try $0.query()["limit"].flatMap { Int($0) })) }
        router.add(.get, "/sandbox/deliveries") { try deliveries($0) }
        router.addControl(.post, "/sandbox/trigger") { try await trigger($0) }
        router.addControl(.post, "/sandbox/users") { try addUser($0) }
        router.addControl(.post, "/sandbox/apps") { try changeApp($0) }
        router.addControl(.post, "/sandbox/disconnect") { try disconnect($0) }
        router.addControl(.post, "/sandbox/faults") { try addFault($0) }
        router.addControl(.post, "/sandbox/rotate-key") { _ in try rotateKey() }
        router.addControl(.post, "/sandbox/demo") { try await changeDemo($0) }
        router.addControl(.delete, "/sandbox/faults") { _ in
            core.faults.withLock { $0.clear() }
            return Response(status: .noContent)
        }
        RefreshRoutes(core: core).add(to: &router)
        PolicyRoutes(core: core).add(to: &router)
        SubscriptionRoutes(core: core).add(to: &router)
        ContentRoutes(core: core).add(to: &router)
    }

    // MARK: Looking

    private func deliveries(_ request: Request) throws -> Response {
        let limit = try request.query()["limit"].flatMap { Int($0) } ?? 50
        return .json(["deliveries": .array(core.log.newest(max(0, limit)).map(\.json))])
    }

    /// - Parameter limit: of users and of subscriptions; nil: all.
    private func state(limit: Int?) -> JSON {
        let limit = limit.map { max(0, $0) } ?? Int.max
        let members: [JSON.Member] = core.keeper.read { state in
            let subscriptions = state.subscriptions
            return [
                .init(
                    name: "apps", value: .array(state.apps.values.sorted { $0.clientID < $1.clientID }.map(\.json))),
                .init(name: "users", value: .array(state.usersJSON(upTo: limit, at: .now()))),
                .init(name: "user_count", value: .integer(state.users.count)),
                .init(name: "subscriptions", value: .array(subscriptions.prefix(limit).map(\.json))),
                .init(name: "subscription_count", value: .integer(subscriptions.count)),
            ]
        }
        return .object(members + rest)
    }

    private var rest: [JSON.Member] {
        let rest: KeyValuePairs<String, JSON> = [
            "refresh_mode": .string(core.tokens.refreshMode.description),
            "access_token_seconds": .integer(core.tokens.accessTokenSeconds),
            "key_fingerprint": .string(core.keyFingerprint),
            "deliveries": core.log.countsJSON,
            "pending_faults": .integer(core.faults.withLock { $0.pendingCount }),
            "met_faults": .integer(core.faults.withLock { $0.metCount }),
            "demo": demo.json,
            "event_types": .array(
                EventCatalog.entries.map { entry in
                    [
                        "type": .string(entry.type.rawValue),
                        "variants": .array(EventFactory.variants(of: entry.type).map { .string($0.name) }),
                    ]
                }),
        ]
        return rest.map { JSON.Member(name: $0.key, value: $0.value) }
    }

    // MARK: Doing

    private func trigger(_ json: JSON?) async throws -> Response {
        let order = try TriggerOrder(json)
        guard core.keeper.read({ $0.users[order.broadcasterID] }) != nil else {
            return .controlError("there is no user \(order.broadcasterID)", status: .notFound)
        }
        if order.body == nil, order.variant != nil,
            core.variant(of: order.type, named: order.variant, broadcasterID: order.broadcasterID) == nil
        {
            let names = EventFactory.variants(of: order.type).map(\.name).joined(separator: ", ")
            return .controlError("variant: \(order.type) has \(names)")
        }
        var destinations = core.destinations(of: order.type.rawValue, broadcasterID: order.broadcasterID)
        if destinations.isEmpty && order.isForced {
            destinations = core.keeper.read { $0.apps.values.compactMap(\.webhookURL) }.compactMap { HTTPURL($0) }
                .map { SandboxCore.Destination(subscriptionID: ULID.make().description, url: $0) }
        }
        guard !destinations.isEmpty else {
            return .controlError(
                "nobody is subscribed to \(order.type) of \(order.broadcasterID); \"force\": true sends it anyway",
                status: .conflict)
        }
        return .json(try await TriggerRun(core: core, order: order).run(to: destinations))
    }

    private func addUser(_ json: JSON?) throws -> Response {
        let user = try SandboxUser.parse(json ?? .null).get()
        try core.keeper.change { $0.register(user) }
        return .json(["id": .integer(user.id), "username": .string(user.username), "slug": .string(user.slug)])
    }

    /// What an app's owner does in Kick's dashboard: only what is named changes.
    private func changeApp(_ json: JSON?) throws -> Response {
        guard let json, json.isObject else { return .controlError("expected a JSON object") }
        let clientID = json["client_id"]?.stringValue ?? core.configuration.app.clientID
        var app =
            core.keeper.read { $0.apps[clientID] }
            ?? RegisteredApp(clientID: clientID, clientSecret: "", redirectURIs: [])
        if let value = json["client_secret"]?.stringValue { app.clientSecret = value }
        if let value = json["redirect_uris"]?.arrayValue { app.redirectURIs = value.compactMap(\.stringValue) }
        if let value = json["scopes"]?.arrayValue { app.scopes = value.compactMap(\.stringValue) }
        if let value = json["is_verified"]?.boolValue { app.isVerified = value }
        if let value = json["webhook_url"]?.stringValue {
            guard HTTPURL(value) != nil else { return .controlError("webhook_url: expected an http or https URL") }
            app.webhookURL = value
        }
        if let value = json["drops_webhook_url"]?.stringValue {
            guard HTTPURL(value) != nil else {
                return .controlError("drops_webhook_url: expected an http or https URL")
            }
            app.dropsWebhookURL = value
        }
        if let value = json["has_bot"]?.boolValue { app.hasBot = value }
        if let value = json["has_organization"]?.boolValue { app.hasOrganization = value }
        if json["webhooks_enabled"]?.boolValue == false { app.webhookURL = nil }
        guard !app.clientSecret.isEmpty, !app.redirectURIs.isEmpty else {
            return .controlError("a new app needs client_secret and redirect_uris")
        }
        try core.secrets?.told(app.clientSecret)
        let (changed, keeps) = (app, core.subscriptions.policy.switchOffKeepsList)
        try core.keeper.change { $0.register(changed, keepsSubscriptions: keeps) }
        return .json(changed.json)
    }

    private func disconnect(_ json: JSON?) throws -> Response {
        guard let id = json?["user_id"]?.integerValue else { return .controlError("user_id: expected a user id") }
        let count = try core.keeper.change { $0.disconnect(userID: id) }
        return .json(["ended_grants": .integer(count)])
    }

    private func addFault(_ json: JSON?) throws -> Response {
        let fault = try Faults.Fault.parse(json ?? .null).get()
        guard core.faults.withLock({ $0.add(fault) }) else {
            return .controlError("too many faults are waiting", status: .conflict)
        }
        return .json(["pending_faults": .integer(core.faults.withLock { $0.pendingCount })])
    }

    private func rotateKey() throws -> Response {
        try core.rotateKey()
        return .json(["key_fingerprint": .string(core.keyFingerprint)])
    }

    private func changeDemo(_ json: JSON?) async throws -> Response {
        guard let isEnabled = json?["enabled"]?.boolValue else {
            return .controlError("enabled: expected true or false")
        }
        let rate = json?["events_per_second"]?.doubleValue ?? 2
        guard rate > 0, rate <= DemoTraffic.maximumRate else {
            return .controlError("events_per_second: expected above 0, up to \(Int(DemoTraffic.maximumRate))")
        }
        await demo.setRate(isEnabled ? rate : 0)
        return .json(demo.json)
    }
}

extension Router<Handler> {
    /// A control request whose body is JSON. A page of another origin must not reach it through somebody's browser.
    mutating func addControl(
        _ method: HTTP.Method, _ path: String, _ handler: @escaping @Sendable (JSON?) async throws -> Response
    ) {
        add(method, path) { request in
            if let origin = request.fields[.origin], origin != "http://\(request.head.authority ?? "")" {
                return .controlError("requests of other origins are not taken", status: .forbidden)
            }
            do {
                return try await handler(try await request.json())
            } catch let error as SandboxError {
                return .controlError(error.description)
            }
        }
    }
}

extension RegisteredApp {
    /// Without the secret.
    fileprivate var json: JSON {
        [
            "client_id": .string(clientID), "redirect_uris": .array(redirectURIs.map { .string($0) }),
            "webhook_url": .optional(webhookURL), "scopes": .array(scopes.map { .string($0) }),
            "is_verified": .bool(isVerified), "has_bot": .bool(hasBot), "has_organization": .bool(hasOrganization),
            "drops_webhook_url": .optional(dropsWebhookURL),
        ]
    }
}

extension EventSubscription {
    fileprivate var json: JSON {
        [
            "id": .string(id), "client_id": .string(clientID), "broadcaster_user_id": .integer(broadcasterID),
            "event": .string(event), "version": .integer(version), "created_at": .string(createdAt.text),
        ]
    }
}

extension SandboxState {
    /// Users with the state of their grants: numbers only, never a token.
    fileprivate func usersJSON(upTo limit: Int, at now: SandboxTime) -> [JSON] {
        let grantsByUser = Dictionary(grouping: grants) { $0.value.userID }
        return users.values.sorted { $0.id < $1.id }.prefix(limit).map { user in
            let grants = (grantsByUser[user.id] ?? []).sorted { $0.key < $1.key }
            return [
                "id": .integer(user.id), "username": .string(user.username), "slug": .string(user.slug),
                "is_live": .bool(user.channel.liveSince != nil), "stream_title": .string(user.channel.title),
                "grants": .array(
                    grants.map { id, grant in
                        [
                            "id": .string(id), "client_id": .string(grant.clientID),
                            "scope": .string(grant.scopes.joined(separator: " ")),
                            "consent_at": .string(grant.consentAt.text), "generation": .integer(grant.generation),
                            "refreshes": .integer(grant.refreshCount),
                            "refused_refreshes": .integer(grant.refusedRefreshCount),
                            "live_access_tokens": .integer(
                                grant.accessTokens.hashes.count { hash in
                                    accessTokens[hash].map { now < $0.expiresAt } ?? false
                                }),
                            "refresh_tokens": .integer(
                                grant.refreshTokens.hashes.count { refreshTokens[$0] != nil }),
                        ]
                    }),
            ]
        }
    }
}
