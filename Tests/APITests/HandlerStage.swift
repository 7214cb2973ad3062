import Crypto
import Foundation
import Gateway
import HTTP
import HTTPServer
import Kick
import Model
import Net
import Store
import Telemetry
import TestKit

@testable import API

/// All routes over a real database, without sockets, and a Kick that a test makes up.
struct HandlerStage: Sendable {
    let fixture: StoreFixture
    let tenant: Tenant
    let handler: Handler
    /// How far the clock of what is remembered of Kick is ahead.
    let ahead = Box(Duration.zero)
    private let administration: Administration
    static let adminKey = "an admin key of a test"

    /// - Parameters:
    ///   - keyRate: see `GATEWAY_KEY_RATE`. The clock of rates stands still.
    ///   - kick: answers what the gateway asks of Kick.
    static func run(
        keyRate: Int = 0,
        kick: @escaping KickExchange = { _, _ throws(KickError) in throw KickError(.unreachable(requestSent: false)) },
        _ body: @escaping @Sendable (HandlerStage) async throws -> Void
    ) async throws {
        try await StoreFixture.run { fixture in
            try await body(HandlerStage(fixture, keyRate: keyRate, kick))
        }
    }

    private init(_ fixture: StoreFixture, keyRate: Int, _ exchange: @escaping KickExchange) async throws {
        self.fixture = fixture
        tenant = try await fixture.makeTenant()
        let keys = KeyStore(database: fixture.database)
        let access = AccessControl(store: keys)
        let apps = AppDirectory(store: fixture.tenants)
        administration = Administration(tenants: fixture.tenants, keys: keys, apps: apps, access: access)
        handler = Routes.handler(
            try Self.services(
                fixture,
                Base(administration: administration, access: access, apps: apps, keyRate: keyRate, ahead: ahead),
                exchange))
    }

    private struct Base {
        let administration: Administration
        let access: AccessControl
        let apps: AppDirectory
        let keyRate: Int
        let ahead: Box<Duration>
    }

    private static func services(
        _ fixture: StoreFixture, _ base: Base, _ exchange: @escaping KickExchange
    ) throws -> Services {
        let database = fixture.database
        let publicURL = "http://gateway.test"
        guard let url = HTTPURL(publicURL) else { throw CancellationError() }
        let kick = KickAccess(
            servers: KickServers(id: url, api: url), apps: base.apps,
            tokens: AppTokenStore(database: database, vault: fixture.vault), exchange: exchange)
        let keeper = TokenKeeper(store: fixture.logins, kick: kick, policy: RefreshPolicy(), loops: fixture.loops)
        let tokens = LoginTokens(store: fixture.logins, keeper: keeper, policy: RefreshPolicy())
        let connecting = Connecting(
            store: fixture.connects, logins: fixture.logins, kick: kick, publicURL: url)
        let subscriptions = SubscriptionStore(database: database)
        let subscribing = Subscribing(store: subscriptions)
        let verifier = WebhookVerifier(loops: fixture.loops) { try await kick.api.publicKey(deadline: $0) }
        let feed = EventFeed(
            log: fixture.log, loops: fixture.loops, encode: { EventEncoding.stream($0, isHistory: $1) },
            encodeGap: { EventEncoding.stream($0) })
        return Services(
            administration: base.administration,
            rotation: KeyRotation(
                vault: fixture.vault, resealing: Resealing(vault: fixture.vault, database: database)),
            access: base.access, rates: KeyRates(quota: base.keyRate) { Deadline(nanoseconds: 0) },
            idempotency: Idempotency(store: IdempotencyStore(database: database, vault: fixture.vault)),
            apps: base.apps, connecting: connecting,
            importing: Importing(store: fixture.logins, tenants: fixture.tenants, keeper: keeper, tokens: tokens),
            disconnecting: Disconnecting(store: fixture.logins, kick: kick), records: Records(logins: fixture.logins),
            subscribing: subscribing,
            subscriptionCheck: SubscriptionCheck(
                subscribing: subscribing, store: subscriptions, kick: kick, verifier: verifier, publicURL: publicURL,
                probe: { _ in true }),
            quotas: SubscriptionQuotas(store: subscriptions, apps: base.apps), tokens: tokens,
            upstream: Upstream(
                kick: kick, tokens: tokens, logins: fixture.logins, tenants: fixture.tenants,
                changes: ReadChangeStore(database: database),
                connecting: connecting, now: { .now() + base.ahead.value }),
            feed: feed, replay: EventReplay(log: fixture.log, logins: fixture.logins),
            retention: TenantRetention(log: fixture.log, standard: .seconds(86_400), minimum: .seconds(3600)),
            verifier: verifier, ingest: WebhookIngest(log: fixture.log, feed: feed), missing: { [] },
            adminKey: Secret(adminKey), isHTTPS: false, contract: [])
    }

    // MARK: Calling

    /// A new API key's secret.
    func makeKey(_ scopes: [KeyScope] = KeyScope.allCases, of other: Tenant? = nil) async throws -> String {
        try await administration.createKey(
            name: "key", scopes: scopes, expiresAt: nil, in: (other ?? tenant).id
        ).secret.reveal()
    }

    /// - Parameter fields: lines such as `Idempotency-Key: a`.
    func call(
        _ method: String, _ target: String, key: String? = nil, fields: [String] = [], body: String = ""
    ) async throws -> Response {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: gateway.test"]
        if let key { lines.append("Authorization: Bearer \(key)") }
        let head = (lines + fields).joined(separator: "\r\n") + "\r\n\r\n"
        return try await handler(Request(head: try RequestHead(parsing: head), body: Array(body.utf8)))
    }
}

extension Response {
    var text: String {
        guard case .bytes(let bytes) = body else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The members of a JSON object.
    func json() throws -> [String: Any] {
        try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
    }
}
