import Crypto
import Foundation
import HTTP
import Kick
import Model
import Net
import Testing

@Suite("P8: only what Kick signed becomes a VerifiedDropsClaim", .timeLimit(.minutes(1)))
struct DropsClaimTests {
    private static let time = "2025-11-20T10:00:00Z"
    private static var body: [UInt8] { get throws { try Fixture.bytes("events/drops.claim.json") } }

    /// Signs a claim and returns what becomes of it.
    private static func verify(
        body: [UInt8]? = nil, signedBody: [UInt8]? = nil, timestampName: String = "Kick-Event-Timestamp",
        without missing: String? = nil, spoiled: Bool = false
    ) async throws -> Result<VerifiedDropsClaim, WebhookRefusal> {
        let body = try body ?? Self.body
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let key = try PrivateKey.generate(.rsaPKCS1SHA256)
        let verifier = WebhookVerifier(
            pinned: [key.publicKey],
            clock: .init(time: { Timestamp(parsing: "2025-11-20T10:00:05Z")! }, instant: { .now() }), loops: loops
        ) { _ in key.publicKey }
        var signature = key.signature(for: Array("01CLAIM.\(time).".utf8) + (signedBody ?? body))
        if spoiled { signature[10] ^= 1 }
        var fields: Fields = [:]
        // Spelled as Kick does, which differs from events in one name and in the case of another.
        for (name, value) in [
            ("Kick-Event-Message-ID", "01CLAIM"), (timestampName, time),
            ("Kick-Event-Signature", Base64.encode(signature)),
        ] where name != missing {
            fields.set(try #require(FieldName(name)), FieldValue(value))
        }
        do {
            return .success(try await verifier.verifyDropsClaim(fields: fields, body: body))
        } catch {
            return .failure(error)
        }
    }

    @Test("P8: a claim that Kick signed is one, with its own three headers and nothing else")
    func genuine() async throws {
        let claim = try await Self.verify().get()
        #expect(claim.messageID == "01CLAIM")
        #expect(claim.claimID == "01KAAFHJ2PNXS48NG8XXPGWKCZ")
        #expect(claim.sentAt == Timestamp(parsing: Self.time))
        #expect(try claim.body == Self.body)
        // Should Kick name the time as it does with events.
        #expect(try await Self.verify(timestampName: "Kick-Event-Message-Timestamp").get().messageID == "01CLAIM")
    }

    @Test("P8: another body, another signature, a missing header: refused before the body is looked at")
    func refused() async throws {
        func refusal(_ result: Result<VerifiedDropsClaim, WebhookRefusal>) -> WebhookRefusal? {
            if case .failure(let refusal) = result { refusal } else { nil }
        }
        #expect(try await refusal(Self.verify(spoiled: true)) == .badSignature)
        #expect(
            try await refusal(Self.verify(body: Array("no claim at all".utf8), signedBody: Self.body)) == .badSignature)
        #expect(
            try await refusal(Self.verify(without: "Kick-Event-Signature"))
                == .missingHeader(name: "Kick-Event-Signature"))
        #expect(
            try await refusal(Self.verify(without: "Kick-Event-Message-ID"))
                == .missingHeader(name: "Kick-Event-Message-ID"))
        #expect(
            try await refusal(Self.verify(without: "Kick-Event-Timestamp"))
                == .missingHeader(name: "Kick-Event-Timestamp"))
    }

    @Test(
        "what Kick signed for another purpose is no claim",
        arguments: [
            #"{"broadcaster":{"user_id":1}}"#, "[]", "", #"{"claim_id":1}"#, #"{"claim_id":""}"#,
            #"{"claim_id":"a b"}"#,
            #"{"claim_id":"a","claim_id":"b"}"#,
        ])
    func noClaim(body: String) async throws {
        let result = try await Self.verify(body: Array(body.utf8))
        guard case .failure(.notAClaim) = result else {
            Issue.record("\(result)")
            return
        }
    }

    @Test("P9: the same claim under another message is the same fact, whatever else stands in it")
    func fingerprint() {
        func fingerprint(_ body: String) -> EventFingerprint {
            EventFingerprint.of(type: .dropsClaim, broadcasterUserID: 0, body: Array(body.utf8))
        }
        #expect(fingerprint(#"{"claim_id":"a","user_id":1}"#) == fingerprint(#"{"user_id":1,"claim_id":"a","new":2}"#))
        #expect(fingerprint(#"{"claim_id":"a"}"#) != fingerprint(#"{"claim_id":"b"}"#))
    }
}
