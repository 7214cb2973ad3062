import Crypto
import Foundation
import HTTP
import Kick
import Model
import Net
import Synchronization
import Testing

@Suite("P8: only what Kick signed becomes a VerifiedWebhook")
struct WebhookVerifierTests {
    /// A minute after the genuine delivery was sent.
    static let soonAfter = Timestamp(parsing: "2025-04-01T07:57:19Z")!

    static func verifier(
        pinned: [PublicKey] = [BuiltInKey.publicKey], at time: Timestamp = soonAfter,
        policy: WebhookVerifier.Policy = .init(), loops: LoopGroup
    ) -> WebhookVerifier {
        WebhookVerifier(
            pinned: pinned, policy: policy, clock: .init(time: { time }, instant: { .now() }), loops: loops,
            fetchKey: { _ in throw Unreachable() })
    }

    struct Unreachable: Error {}

    /// The reason for which `delivery` is refused, or nil when it is accepted.
    static func refusal(_ delivery: Delivery, _ verifier: WebhookVerifier) async -> WebhookRefusal? {
        do {
            _ = try await verifier.verify(fields: delivery.fields, body: delivery.body)
            return nil
        } catch {
            return error
        }
    }

    @Test("P8: the genuine delivery verifies with the built-in key", .timeLimit(.minutes(1)))
    func genuine() async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        #expect(Hex.encode(BuiltInKey.publicKey.fingerprint) == BuiltInKey.fingerprint)
        #expect(
            try PublicKey(pem: String(decoding: Fixture.bytes("signed/kick_public_key.pem"), as: UTF8.self)).fingerprint
                == BuiltInKey.publicKey.fingerprint)
        let delivery = try Fixture.genuine()
        let webhook = try await Self.verifier(loops: loops).verify(fields: delivery.fields, body: delivery.body)
        #expect(webhook.messageID == "01JQR5KV0QC94HMETWYNBWRW4Z")
        #expect(webhook.subscriptionID == "01JQ79DGGK8C9117GJN8EHCYGG")
        #expect(webhook.type == .livestreamStatusUpdated)
        #expect(webhook.version == "1")
        #expect(webhook.sentAt == Timestamp(parsing: "2025-04-01T07:56:19Z"))
        #expect(webhook.body == delivery.body)
        #expect(webhook.broadcasterUserID == 4_809_577)
        let payload = try #require(try EventCatalog.decode(webhook) as? LivestreamStatusUpdated)
        #expect(payload.isLive)
    }

    @Test("P8: one changed byte in body, id, timestamp or signature, and it is refused", .timeLimit(.minutes(1)))
    func oneByte() async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let verifier = Self.verifier(loops: loops)
        let delivery = try Fixture.genuine()
        for index in delivery.body.indices {
            var body = delivery.body
            body[index] ^= 1
            #expect(await Self.refusal(delivery.with(body: body), verifier) == .badSignature)
        }
        #expect(await Self.refusal(delivery.with(body: delivery.body + [0x0A]), verifier) == .badSignature)
        #expect(await Self.refusal(delivery.with(body: Array(delivery.body.dropLast())), verifier) == .badSignature)
        #expect(await Self.refusal(delivery.with(body: []), verifier) == .badSignature)
        for name in ["Kick-Event-Message-Id", "Kick-Event-Signature"] {
            let value = try #require(delivery.headers[name])
            for index in value.indices where value[index] != "=" {
                let changed = value.replacingCharacters(in: index...index, with: value[index] == "A" ? "B" : "A")
                #expect(
                    await Self.refusal(delivery.with(name, changed), verifier) == .badSignature, "\(name) \(changed)")
            }
        }
        let times = ["2025-04-01T07:56:18Z", "2025-04-01T07:56:19.0Z", "2025-04-01T07:56:19+00:00"]
        for time in times {
            #expect(await Self.refusal(delivery.with("Kick-Event-Message-Timestamp", time), verifier) == .badSignature)
        }
        #expect(await Self.refusal(delivery, verifier) == nil)
    }

    @Test("P8: Kick's headers under another case are the same headers", .timeLimit(.minutes(1)))
    func headerCase() async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        var delivery = try Fixture.genuine()
        delivery.headers = Dictionary(uniqueKeysWithValues: delivery.headers.map { ($0.key.lowercased(), $0.value) })
        #expect(await Self.refusal(delivery, Self.verifier(loops: loops)) == nil)
    }

    @Test("P8: other keys and other signature schemes do not pass for Kick's", .timeLimit(.minutes(1)))
    func otherKeys() async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let genuine = try Fixture.genuine()
        let rsa = try PrivateKey.generate(.rsaPKCS1SHA256)
        let ed25519 = try PrivateKey.generate(.ed25519)
        let forgedRSA = genuine.signed(by: rsa)
        let forgedEd25519 = genuine.signed(by: ed25519)
        // With Kick's key, none but Kick's signature.
        let kick = Self.verifier(loops: loops)
        #expect(await Self.refusal(forgedRSA, kick) == .badSignature)
        #expect(await Self.refusal(forgedEd25519, kick) == .badSignature)
        // With other keys, not Kick's.
        for key in [rsa, ed25519] {
            #expect(await Self.refusal(genuine, Self.verifier(pinned: [key.publicKey], loops: loops)) == .badSignature)
        }
        // The key's type decides: if Kick's key became Ed25519, its signatures would count.
        #expect(await Self.refusal(forgedEd25519, Self.verifier(pinned: [ed25519.publicKey], loops: loops)) == nil)
        #expect(
            await Self.refusal(forgedRSA, Self.verifier(pinned: [ed25519.publicKey], loops: loops)) == .badSignature)
        // An HMAC with the public key as its secret, the classic confusion.
        let message = genuine.signedBytes
        let code = HMACSHA256.code(for: message, key: Array(BuiltInKey.pem.utf8))
        #expect(await Self.refusal(genuine.with("Kick-Event-Signature", Base64.encode(code)), kick) == .badSignature)
    }

    @Test("P8: a PSS signature by the right key is refused", .timeLimit(.minutes(1)))
    func pss() async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let key = try PublicKey(pem: String(decoding: Fixture.bytes("pss/public_key.pem"), as: UTF8.self))
        let verifier = Self.verifier(pinned: [key], loops: loops)
        for (file, refusal) in [("pkcs1.sig", nil), ("pss.sig", WebhookRefusal.badSignature)] {
            var delivery = try Fixture.genuine()
            delivery.headers["Kick-Event-Signature"] = try Base64.encode(Fixture.bytes("pss/\(file)"))
            #expect(await Self.refusal(delivery, verifier) == refusal, "\(file)")
        }
    }

    @Test(
        "The six headers are required, bounded and plain",
        .timeLimit(.minutes(1)),
        arguments: [
            "Kick-Event-Message-Id", "Kick-Event-Subscription-Id", "Kick-Event-Signature",
            "Kick-Event-Message-Timestamp",
            "Kick-Event-Type", "Kick-Event-Version",
        ])
    func headers(name: String) async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let verifier = Self.verifier(loops: loops)
        let delivery = try Fixture.genuine()
        #expect(await Self.refusal(delivery.with(name, nil), verifier) == .missingHeader(name: name))
        #expect(await Self.refusal(delivery.with(name, ""), verifier) == .missingHeader(name: name))
        let long = String(repeating: "A", count: 2049)
        #expect(await Self.refusal(delivery.with(name, long), verifier) == .badHeader(name: name))
        #expect(await Self.refusal(delivery.with(name, "a b"), verifier) == .badHeader(name: name))
        #expect(await Self.refusal(delivery.with(name, "é"), verifier) == .badHeader(name: name))
        var doubled = delivery.fields
        doubled.append(FieldName(name)!, FieldValue(delivery.headers[name]!)!)
        await #expect(throws: WebhookRefusal.badHeader(name: name)) {
            try await verifier.verify(fields: doubled, body: delivery.body)
        }
        for refusal in [WebhookRefusal.missingHeader(name: name), .badHeader(name: name)] {
            #expect(refusal.description.contains(name))
        }
    }

    @Test("A signature that is not strict base64 is refused", .timeLimit(.minutes(1)))
    func signatureText() async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let verifier = Self.verifier(loops: loops)
        let delivery = try Fixture.genuine()
        let signature = try #require(delivery.headers["Kick-Event-Signature"])
        for text in [
            String(signature.dropLast()), signature + "=", signature.replacing("ZQ==", with: "ZR=="),
            signature.replacing("+", with: "-").replacing("/", with: "_"), "AAAA",
        ] {
            #expect(await Self.refusal(delivery.with("Kick-Event-Signature", text), verifier) == .badSignature)
        }
    }

    @Test(
        "Age and skew are bounded on both sides, bounds included",
        .timeLimit(.minutes(1)),
        arguments: [
            ("2025-04-01T07:56:19Z", nil), ("2025-04-01T08:56:19Z", nil), ("2025-04-01T08:56:19.000000001Z", .tooOld),
            ("2026-04-01T07:56:19Z", .tooOld), ("2025-04-01T07:55:19Z", nil),
            ("2025-04-01T07:55:18.999999999Z", .fromTheFuture), ("2024-04-01T07:56:19Z", .fromTheFuture),
        ] as [(String, WebhookRefusal?)])
    func age(now: String, refusal: WebhookRefusal?) async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        var policy = WebhookVerifier.Policy()
        policy.maximumAge = .seconds(3600)
        policy.futureSkew = .seconds(60)
        let verifier = try Self.verifier(at: #require(Timestamp(parsing: now)), policy: policy, loops: loops)
        #expect(try await Self.refusal(Fixture.genuine(), verifier) == refusal)
    }

    @Test(
        "A timestamp that is no time is refused", .timeLimit(.minutes(1)),
        arguments: ["now", "1743494179", "2025-04-01"])
    func badTimestamp(text: String) async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let delivery = try Fixture.genuine().with("Kick-Event-Message-Timestamp", text)
        #expect(await Self.refusal(delivery, Self.verifier(loops: loops)) == .badTimestamp)
    }

    @Test("P13: unknown types and bodies that are no JSON verify all the same", .timeLimit(.minutes(1)))
    func unknownContent() async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let key = try PrivateKey.generate(.ed25519)
        var delivery = try Fixture.genuine().with("Kick-Event-Type", "channel.raided").with(
            "Kick-Event-Version", "2-beta")
        for body in [Array("not json".utf8), [], [0xFF, 0x00]] {
            delivery.body = body
            let signed = delivery.signed(by: key)
            let webhook = try await Self.verifier(pinned: [key.publicKey], loops: loops)
                .verify(fields: signed.fields, body: signed.body)
            #expect(webhook.body == body)
            #expect(webhook.broadcasterUserID == nil)
            #expect(webhook.type.rawValue == "channel.raided")
            #expect(webhook.version == "2-beta")
        }
    }
}

extension Delivery {
    var signedBytes: [UInt8] {
        Array("\(headers["Kick-Event-Message-Id"]!).\(headers["Kick-Event-Message-Timestamp"]!).".utf8) + body
    }

    func signed(by key: PrivateKey) -> Delivery {
        with("Kick-Event-Signature", Base64.encode(key.signature(for: signedBytes)))
    }
}
