import Crypto
import HTTP
import HTTPServer
import Kick
import Net
import Synchronization
import Telemetry

/// What the handlers share.
final class SandboxCore: Sendable {
    let configuration: SandboxConfiguration
    let keeper: StateKeeper
    let log: DeliveryLog
    let sender: WebhookSender
    let faults = Mutex(Faults())
    /// Nil: secrets are not written down.
    let secrets: SecretsFile?
    let refreshes = RefreshLedger(at: .now(), gone: ConnectionTable.gone)
    let subscriptions: SubscriptionKeeper
    let calls = CallCounter()
    private let policy: Mutex<TokenPolicy>
    /// Locked before the state, never after.
    private let api: Mutex<APIService>
    private let key: Mutex<PrivateKey>
    private let connections = Mutex(Connections { 0 })

    /// In a structure: a closure that stands in a mutex by itself is wrapped once more at every access.
    private struct Connections: Sendable {
        let count: @Sendable () -> Int
    }

    init(
        configuration: SandboxConfiguration, loops: LoopGroup, transport: @escaping WebhookSender.Transport
    ) throws {
        self.configuration = configuration
        policy = Mutex(configuration.tokens)
        api = Mutex(APIService(policy: configuration.api))
        secrets = try configuration.secretsPath.map { path throws(SandboxError) in try SecretsFile(path: path) }
        try secrets?.told(configuration.app.clientSecret)
        keeper = try StateKeeper(path: configuration.statePath) {
            let given = configuration.signingKeyPEM
            return SandboxState(signingKeyPEM: try given ?? PrivateKey.generate(.rsaPKCS1SHA256).revealPEM())
        }
        key = Mutex(try PrivateKey(pem: keeper.read { $0.signingKeyPEM }))
        log = DeliveryLog()
        let subscriptions = SubscriptionKeeper(policy: configuration.subscriptions, keeper: keeper)
        self.subscriptions = subscriptions
        sender = WebhookSender(
            policy: configuration.delivery, loops: loops, log: log, transport: transport,
            onEnd: { subscriptions.delivered($0) })
        try keeper.change { state in
            state.register(configuration.app)
            for user in configuration.users where state.users[user.id] == nil {
                state.register(user)
                guard configuration.hasDemoContent else { continue }
                state.addDemoContent(to: user.id, clientID: configuration.app.clientID, at: .now())
            }
        }
    }

    // MARK: The token policy

    /// The token policy of this moment.
    var tokens: TokenPolicy { policy.withLock { $0 } }

    /// Changes it, or leaves it as it was when `body` throws.
    func changeTokens(_ body: (inout TokenPolicy) throws(SandboxError) -> Void) throws(SandboxError) -> TokenPolicy {
        try policy.withLock { policy throws(SandboxError) in
            var changed = policy
            try body(&changed)
            policy = changed
            return changed
        }
    }

    // MARK: The API

    /// The API's policy of this moment.
    var apiPolicy: APIPolicy { api.withLock { $0.policy } }

    func changeAPI<Result>(_ body: (inout APIService) throws -> Result) rethrows -> Result {
        try api.withLock { try body(&$0) }
    }

    // MARK: The server

    /// Connections that are open now.
    var openConnections: Int { connections.withLock { $0 }.count() }

    /// Says who knows ``openConnections``: the server is made after the core.
    func countConnections(with count: @escaping @Sendable () -> Int) {
        connections.withLock { $0 = Connections(count: count) }
    }

    // MARK: The signing key

    var signingKey: PrivateKey { key.withLock { $0 } }
    var publicKeyPEM: String { signingKey.publicKey.pem }
    /// In hexadecimal.
    var keyFingerprint: String { Hex.encode(signingKey.publicKey.fingerprint) }

    /// A new key from now on; what was signed before does not fit it.
    func rotateKey() throws {
        let fresh = try PrivateKey.generate(.rsaPKCS1SHA256)
        try keeper.change { $0.replaceSigningKey(pem: fresh.revealPEM()) }
        key.withLock { $0 = fresh }
    }

    // MARK: Events

    /// A subscription that an event goes to, and where its app wants it.
    struct Destination: Sendable {
        let subscriptionID: String
        let url: HTTPURL
    }

    /// Every subscription of every app to this event, so a duplicate subscription means a double delivery.
    func destinations(of type: String, broadcasterID: Int) -> [Destination] {
        guard !subscriptions.policy.silentTypes.contains(type) else { return [] }
        return keeper.read { state in
            state.delivering(type, broadcasterID: broadcasterID).compactMap { subscription in
                guard let url = (state.apps[subscription.clientID]?.webhookURL).flatMap({ HTTPURL($0) }) else {
                    return nil
                }
                return Destination(subscriptionID: subscription.id, url: url)
            }
        }
    }

    /// A body of that variant of now. A stream that starts or ends does so in the channel as well. Nil when there is no
    /// such broadcaster.
    func makeBody(_ variant: EventFactory.Variant, broadcasterID: Int) throws -> JSON? {
        let now = SandboxTime.now()
        var random = SystemRandomNumberGenerator()
        guard var broadcaster = keeper.read({ $0.users[broadcasterID] }) else { return nil }
        if variant.type == .livestreamStatusUpdated {
            let isLive = variant.name == "started"
            let viewers = Int.random(in: 5...500, using: &random)
            let changed = try keeper.change {
                $0.setLive(isLive, userID: broadcasterID, viewers: viewers, at: now)
            }
            // The body of an end still says when the stream began.
            if isLive, let changed { broadcaster = changed }
        }
        if variant.type == .channelRewardRedemptionUpdated,
            let status = SandboxRedemption.Status(rawValue: variant.name),
            keeper.read({ $0.hasRedeemable(broadcasterID) }),
            // So that the list shows it and it can be accepted.
            let event = try keeper.change({ $0.happen(status, in: broadcasterID, at: now) })
        {
            return event.body
        }
        let body = EventFactory.body(variant, broadcaster: broadcaster, at: now, using: &random)
        // So that it can be replied to and deleted.
        if variant.type == .chatMessageSent { changeAPI { $0.messages.add(event: body) } }
        if variant.type == .kicksGifted { try keeper.change { $0.count(gift: body, at: now) } }
        return body
    }

    /// The variant that was asked for by name, or a fitting one. Nil when the type has none of that name.
    func variant(of type: EventType, named name: String?, broadcasterID: Int) -> EventFactory.Variant? {
        let variants = EventFactory.variants(of: type)
        if let name { return variants.first { $0.name == name } }
        switch type {
        case .livestreamStatusUpdated:
            let isLive = keeper.read { $0.users[broadcasterID]?.channel.liveSince != nil }
            return variants.first { $0.name == (isLive ? "ended" : "started") }
        case .livestreamMetadataUpdated: return variants.first
        default: return variants.randomElement()
        }
    }

    /// Makes one event happen, in the background.
    func publish(_ type: EventType, broadcasterID: Int) throws {
        let destinations = destinations(of: type.rawValue, broadcasterID: broadcasterID)
        guard !destinations.isEmpty,
            let variant = variant(of: type, named: nil, broadcasterID: broadcasterID),
            let body = try makeBody(variant, broadcasterID: broadcasterID)
        else { return }
        send(body, of: type, broadcasterID: broadcasterID, to: destinations)
    }

    /// Tells whoever is subscribed, in the background.
    func publish(_ event: SandboxEvent) {
        let destinations = destinations(of: event.type.rawValue, broadcasterID: event.broadcasterID)
        send(event.body, of: event.type, broadcasterID: event.broadcasterID, to: destinations)
    }

    private func send(_ body: JSON, of type: EventType, broadcasterID: Int, to destinations: [Destination]) {
        for destination in destinations {
            let webhook = SignedWebhook(
                subscriptionID: destination.subscriptionID, eventType: type.rawValue, body: body.bytes, at: .now(),
                key: signingKey)
            sender.enqueue(
                WebhookSender.Job(webhook: webhook, url: destination.url, broadcasterID: broadcasterID))
        }
    }
}
