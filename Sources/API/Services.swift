import Crypto
package import Gateway
package import Kick
package import Telemetry

/// What the routes stand on: the use cases, and what the configuration decided. A class, because each request takes it
/// along, and so many references are not copied for nothing.
package final class Services: Sendable {
    let administration: Administration
    let rotation: KeyRotation
    let access: AccessControl
    let rates: KeyRates
    let idempotency: Idempotency
    let apps: AppDirectory
    let connecting: Connecting
    let importing: Importing
    let disconnecting: Disconnecting
    let records: Records
    let subscribing: Subscribing
    let subscriptionCheck: SubscriptionCheck
    let quotas: SubscriptionQuotas
    let tokens: LoginTokens
    let upstream: Upstream
    let feed: EventFeed
    let replay: EventReplay
    let retention: TenantRetention
    let verifier: WebhookVerifier
    let ingest: WebhookIngest
    /// Names what keeps the service from working; empty when it is ready.
    let missing: @Sendable () async -> [String]
    let adminKeyHash: [UInt8]
    /// What callers are told of ``rates``.
    let rateLimit: RateLimit
    /// Whether browsers reach the service over https.
    let isHTTPS: Bool
    /// `openapi/openapi.json`, as it is served.
    let contract: [UInt8]

    package init(
        administration: Administration, rotation: KeyRotation, access: AccessControl, rates: KeyRates,
        idempotency: Idempotency, apps: AppDirectory, connecting: Connecting, importing: Importing,
        disconnecting: Disconnecting, records: Records,
        subscribing: Subscribing, subscriptionCheck: SubscriptionCheck, quotas: SubscriptionQuotas, tokens: LoginTokens,
        upstream: Upstream, feed: EventFeed, replay: EventReplay, retention: TenantRetention, verifier: WebhookVerifier,
        ingest: WebhookIngest,
        missing: @escaping @Sendable () async -> [String], adminKey: Secret<String>, isHTTPS: Bool, contract: [UInt8]
    ) {
        self.administration = administration
        self.rotation = rotation
        self.access = access
        self.rates = rates
        rateLimit = RateLimit(rates)
        self.idempotency = idempotency
        self.apps = apps
        self.connecting = connecting
        self.importing = importing
        self.disconnecting = disconnecting
        self.records = records
        self.subscribing = subscribing
        self.subscriptionCheck = subscriptionCheck
        self.quotas = quotas
        self.tokens = tokens
        self.upstream = upstream
        self.feed = feed
        self.replay = replay
        self.retention = retention
        self.verifier = verifier
        self.ingest = ingest
        self.missing = missing
        adminKeyHash = SHA256.hash(adminKey.reveal())
        self.isHTTPS = isHTTPS
        self.contract = contract
    }
}
