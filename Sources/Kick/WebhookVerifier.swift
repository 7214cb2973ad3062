package import Crypto
package import HTTP
package import Model
package import Net
import Synchronization

/// A webhook that Kick signed. Only `WebhookVerifier` can make one, so code that holds it knows that the signature was
/// checked over the raw bytes before anything looked into them (P8).
///
/// Signed are `messageID`, `sentAt` and `body`. Type, version and subscription id are not: whoever replays a captured
/// message can change them, so the type has to fit the body, the subscription has to be known, and a message id counts
/// once (FACTS §4.2).
package struct VerifiedWebhook: Sendable {
    /// Unique per message; the key against doubles (P9).
    package let messageID: String
    /// Not signed.
    package let subscriptionID: String
    /// Not signed.
    package let type: EventType
    /// `1` today. Not signed.
    package let version: String
    /// When Kick sent it.
    package let sentAt: Timestamp
    /// The body, byte for byte as received.
    package let body: [UInt8]
    /// `broadcaster.user_id` of the body; nil when the body is no JSON object that has one.
    package let broadcasterUserID: Int64?
    /// Whether the body is that of another type than the header says: somebody changed the header.
    package let hasContradictingType: Bool

    fileprivate init(_ headers: WebhookHeaders, sentAt: Timestamp, body: [UInt8]) {
        messageID = headers.messageID
        subscriptionID = headers.subscriptionID
        type = headers.type
        version = headers.version
        self.sentAt = sentAt
        self.body = body
        let facts = BroadcasterScanner.facts(in: body, members: EventShape.members)
        broadcasterUserID = facts?.broadcasterUserID
        hasContradictingType = EventShape.contradicts(type, hasMember: facts?.members.map { $0 != nil } ?? [])
    }
}

/// Checks that webhooks come from Kick: `message-id "." timestamp "." raw-body`, signed with a key whose own type
/// decides the algorithm (FACTS §4.2; RSA PKCS#1 v1.5 SHA-256 today).
///
/// A delivery that fits a trusted key costs one hash and one exponentiation and waits for nothing.
package final class WebhookVerifier: Sendable {
    /// Bounds, all configurable.
    package struct Policy: Sendable {
        /// How old a message may be. Kick delivers late at times, by minutes or hours, so this is wide; it must not be
        /// longer than message ids are remembered, or an old message could be replayed.
        package var maximumAge: Duration = .seconds(24 * 3600)
        /// How far a message's time may lie ahead of our clock.
        package var futureSkew: Duration = .seconds(300)
        /// Least time between two fetches of Kick's key.
        package var refetchInterval: Duration = .seconds(600)
        /// How long a delivery that fits no key waits for the fetch it caused.
        package var refetchTimeout: Duration = .seconds(3)
        /// How many such deliveries may wait at once; more are refused.
        package var maximumWaiters = 256

        package init() {}
    }

    /// Where time comes from; tests bring their own.
    package struct Clock: Sendable {
        /// The time of day, for the age of messages.
        package var time: @Sendable () -> Timestamp
        /// Monotonic, for the interval between fetches.
        package var instant: @Sendable () -> Deadline

        package init(time: @escaping @Sendable () -> Timestamp, instant: @escaping @Sendable () -> Deadline) {
            self.time = time
            self.instant = instant
        }

        /// The machine's clocks.
        package static let system = Clock(time: { .now() }, instant: { .now() })
    }

    /// Asks Kick for its key. Must end by the deadline; what it throws counts as "no key".
    package typealias KeyFetch = @Sendable (Deadline) async throws -> PublicKey

    private typealias StateMachine = WebhookKeyStateMachine<CheckedContinuation<Void, Never>>

    private let policy: Policy
    private let clock: Clock
    private let loops: LoopGroup
    private let fetchKey: KeyFetch
    private let state: Mutex<StateMachine>

    /// `pinned` keys are trusted for ever; they are Kick's built-in one unless a test says otherwise.
    package init(
        pinned: [PublicKey] = [BuiltInKey.publicKey], policy: Policy = Policy(), clock: Clock = .system,
        loops: LoopGroup, fetchKey: @escaping KeyFetch
    ) {
        self.policy = policy
        self.clock = clock
        self.loops = loops
        self.fetchKey = fetchKey
        state = Mutex(
            StateMachine(
                pinned: pinned, interval: policy.refetchInterval, maximumWaiters: policy.maximumWaiters))
    }

    /// The fingerprints of the keys that are trusted now, in hexadecimal, for the status page.
    package var trustedFingerprints: [String] {
        state.withLock { $0.ring.keys }.map { Hex.encode($0.fingerprint) }
    }

    /// The webhook, when it is Kick's and fresh; else the reason. Waits only when no trusted key fits, and then at most
    /// the policy's `refetchTimeout`.
    package func verify(fields: Fields, body: [UInt8]) async throws(WebhookRefusal) -> VerifiedWebhook {
        let headers = try WebhookHeaders(fields)
        return VerifiedWebhook(headers, sentAt: try await check(headers.signed, body: body), body: body)
    }

    /// When Kick sent what it signed with these headers. Throws unless it did, not too long ago.
    func check(_ headers: SignedHeaders, body: [UInt8]) async throws(WebhookRefusal) -> Timestamp {
        let sentAt = try checkedTime(headers.timestamp)
        guard let signature = Base64.decode(headers.signature.span) else { throw .badSignature }
        let separator = [UInt8(ascii: ".")]
        let message = [Array(headers.messageID.utf8), separator, Array(headers.timestamp), separator, body]

        let ring = state.withLock { $0.ring }
        if !Self.fits(signature, message, ring.keys) {
            let newer = await changedRing(since: ring.generation)
            let untried = newer.keys.filter { key in !ring.keys.contains { $0 === key } }
            guard Self.fits(signature, message, untried) else { throw .badSignature }
        }
        return sentAt
    }

    private static func fits(_ signature: [UInt8], _ message: [[UInt8]], _ keys: [PublicKey]) -> Bool {
        keys.contains { $0.isValid(signature: signature, for: message) }
    }

    private func checkedTime(_ text: ArraySlice<UInt8>) throws(WebhookRefusal) -> Timestamp {
        guard let time = Timestamp(parsing: text.span) else { throw .badTimestamp }
        let now = clock.time()
        guard time >= now.advanced(by: .zero - policy.maximumAge) else { throw .tooOld }
        guard time <= now.advanced(by: policy.futureSkew) else { throw .fromTheFuture }
        return time
    }

    // MARK: Fetching the key

    /// The keys after a fetch, when one is due or running; else the keys as they are.
    private func changedRing(since generation: Int) async -> StateMachine.Ring {
        await withCheckedContinuation { continuation in
            let now = clock.instant()
            let mismatch = state.withLock { $0.mismatch(of: generation, at: now, waiter: continuation) }
            switch mismatch {
            case .wait: break
            case .tryAgain, .refuse: continuation.resume()
            case .fetch(let number): startFetch(number)
            }
        }
        return state.withLock { $0.ring }
    }

    /// The fetch is a job of its own: if it ran in the request's task, a caller that hangs up would cut it, and nobody
    /// else could fetch for the rest of the interval.
    private func startFetch(_ number: Int) {
        let deadline = Deadline.after(policy.refetchTimeout)
        let loop = Loop.current ?? loops.next()
        loop.spawn { [self] in
            let key = try? await fetchKey(deadline)
            fetchDidEnd(number, key: key)
        }
        // Nobody waits longer than promised, even if the fetch does not keep its deadline.
        loop.execute { [self] in
            _ = loop.schedule(at: deadline) { self.fetchDidEnd(number, key: nil) }
        }
    }

    private func fetchDidEnd(_ number: Int, key: PublicKey?) {
        let waiters = state.withLock { $0.fetchDidEnd(number, key: key) }
        for waiter in waiters { waiter.resume() }
    }
}
