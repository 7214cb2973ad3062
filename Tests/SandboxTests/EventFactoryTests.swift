import Crypto
import HTTP
import Kick
import Net
import Sandbox
import Testing

@Suite("Sandbox: event bodies and signatures")
struct EventFactoryTests {
    @Test("There are variants of exactly the ten types")
    func allTypes() {
        let types = Set(EventFactory.variants.map(\.type))
        #expect(types == Set(EventCatalog.entries.map(\.type)))
        #expect(types.count == 10)
    }

    @Test("Every variant is signed so that the verifier accepts it, and decodes", arguments: EventFactory.variants)
    func verifies(variant: EventFactory.Variant) async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let verifier = WebhookVerifier(pinned: [Samples.key.publicKey], loops: loops) { _ in Samples.key.publicKey }
        for seed in 1...20 as ClosedRange<UInt64> {
            var random = SplitMix(seed: seed)
            let body = EventFactory.body(variant, broadcaster: Samples.nova, at: .now(), using: &random)
            let webhook = SignedWebhook(
                subscriptionID: "01JQ79DGGK8C9117GJN8EHCYGG", eventType: variant.type.rawValue, body: body.bytes,
                at: .now(), key: Samples.key)
            let verified = try await verifier.verify(fields: webhook.fields, body: webhook.body)
            #expect(verified.broadcasterUserID == 1001)
            #expect(verified.type == variant.type)
            #expect(ULID(verified.messageID) != nil)
            #expect(webhook.signature.count == 344)
            let payload = try #require(try EventCatalog.decode(verified))
            #expect(type(of: payload).type == variant.type)
            #expect(payload.broadcaster.userID == 1001)
        }
    }

    @Test("One changed byte, and the verifier refuses")
    func changed() async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let verifier = WebhookVerifier(pinned: [Samples.key.publicKey], loops: loops) { _ in Samples.key.publicKey }
        let webhook = SignedWebhook(
            subscriptionID: "s", eventType: "channel.followed", body: Array("{}".utf8), at: .now(), key: Samples.key)
        await #expect(throws: WebhookRefusal.badSignature) {
            _ = try await verifier.verify(fields: webhook.fields, body: Array("{ }".utf8))
        }
    }

    @Test("Timestamps have whole seconds")
    func timestamp() {
        let webhook = SignedWebhook(
            subscriptionID: "s", eventType: "channel.followed", body: [], at: Samples.now, key: Samples.key)
        #expect(webhook.timestamp == "2026-09-30T12:00:00Z")
    }

    @Test("Positions of emotes enclose their markers")
    func emotes() throws {
        var random = SplitMix(seed: 7)
        let variant = EventFactory.variants(of: .chatMessageSent)[1]
        for _ in 1...50 {
            let body = EventFactory.body(variant, broadcaster: Samples.nova, at: Samples.now, using: &random)
            let content = Array(try #require(body["content"]?.stringValue).unicodeScalars)
            for emote in try #require(body["emotes"]?.arrayValue) {
                let id = try #require(emote["emote_id"]?.stringValue)
                for position in try #require(emote["positions"]?.arrayValue) {
                    let (start, end) = (position["s"]!.integerValue!, position["e"]!.integerValue!)
                    let marker = String(String.UnicodeScalarView(content[start...end]))
                    #expect(marker.hasPrefix("[emote:\(id):") && marker.hasSuffix("]"))
                }
            }
        }
    }

    @Test("The demo picks only what somebody is subscribed to")
    func demo() throws {
        var (state, service) = (Samples.state(), SubscriptionService())
        var random = SplitMix(seed: 1)
        #expect(DemoTraffic.next(in: state, using: &random) == nil)
        let app = try state.appBearer()
        let body: JSON = [
            "method": "webhook", "broadcaster_user_id": 1002,
            "events": [["name": "chat.message.sent", "version": 1], ["name": "kicks.gifted", "version": 1]],
        ]
        _ = state.subscribe(body, for: app, service: &service, at: Samples.now)
        var counts: [EventType: Int] = [:]
        for _ in 1...1000 {
            let next = try #require(DemoTraffic.next(in: state, using: &random))
            #expect(next.broadcasterID == 1002)
            counts[next.type, default: 0] += 1
        }
        #expect(Set(counts.keys) == [.chatMessageSent, .kicksGifted])
        #expect(counts[.chatMessageSent]! > counts[.kicksGifted]!)
    }
}

/// A small generator that always gives the same numbers for the same seed.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
