import Crypto
import HTTP
import Kick
import Model
import Net
import Testing

/// Signs deliveries as Kick does, with a key that its verifier trusts.
struct WebhookSigner {
    private let key: PrivateKey
    private let verifier: WebhookVerifier

    init(loops: LoopGroup) throws {
        let key = try PrivateKey.generate(.ed25519)
        self.key = key
        verifier = WebhookVerifier(pinned: [key.publicKey], loops: loops) { _ in key.publicKey }
    }

    func webhook(
        _ messageID: String, broadcaster: Int64 = 1, type: String = "chat.message.sent", version: String = "1",
        subscription: String = "sub", body: String? = nil
    ) async throws -> VerifiedWebhook {
        let body = Array((body ?? #"{"broadcaster":{"user_id":\#(broadcaster)},"message_id":"\#(messageID)"}"#).utf8)
        let (timestamp, signature) = sign(messageID, body)
        let fields = try Self.fields([
            ("Kick-Event-Message-Id", messageID), ("Kick-Event-Subscription-Id", subscription),
            ("Kick-Event-Signature", signature), ("Kick-Event-Message-Timestamp", timestamp),
            ("Kick-Event-Type", type), ("Kick-Event-Version", version),
        ])
        return try await verifier.verify(fields: fields, body: body)
    }

    func claim(_ messageID: String, of claimID: String) async throws -> VerifiedDropsClaim {
        let body = Array(#"{"claim_id":"\#(claimID)","user_id":7,"campaign_id":"c","reward_id":"r","new":1.50}"#.utf8)
        let (timestamp, signature) = sign(messageID, body)
        let fields = try Self.fields([
            ("Kick-Event-Message-ID", messageID), ("Kick-Event-Signature", signature),
            ("Kick-Event-Timestamp", timestamp),
        ])
        return try await verifier.verifyDropsClaim(fields: fields, body: body)
    }

    private func sign(_ messageID: String, _ body: [UInt8]) -> (timestamp: String, signature: String) {
        let timestamp = Timestamp(seconds: Timestamp.now().seconds).description
        return (timestamp, Base64.encode(key.signature(for: Array("\(messageID).\(timestamp).".utf8) + body)))
    }

    private static func fields(_ headers: [(String, String)]) throws -> Fields {
        var fields: Fields = [:]
        for (name, value) in headers { fields.set(try #require(FieldName(name)), FieldValue(value)) }
        return fields
    }
}
