package import HTTP
package import Model

/// A Drops claim that Kick signed: a viewer asks for a reward and waits for the answer (FACTS §4.7). Only
/// `WebhookVerifier` can make one (P8).
///
/// Signed are message id, time and body. Kick signs for all its developers with one key, so a genuine claim of somebody
/// else's campaign passes too: whoever fulfils a claim checks that campaign and reward are its own.
package struct VerifiedDropsClaim: Sendable {
    /// Unique per message.
    package let messageID: String
    /// Unique per claim, whatever the message; 1 to 128 visible ASCII characters.
    package let claimID: String
    /// When Kick sent it.
    package let sentAt: Timestamp
    /// The body, byte for byte as received.
    package let body: [UInt8]

    fileprivate init(messageID: String, claimID: String, sentAt: Timestamp, body: [UInt8]) {
        self.messageID = messageID
        self.claimID = claimID
        self.sentAt = sentAt
        self.body = body
    }

    package static let messageIDName: FieldName = "Kick-Event-Message-ID"
    /// Not the name that events have.
    package static let timestampName: FieldName = "Kick-Event-Timestamp"
    package static let signatureName: FieldName = "Kick-Event-Signature"

    /// `claim_id` of the body, when it is an object that has one.
    fileprivate static func claimID(in body: [UInt8]) -> String? {
        guard let text = BroadcasterScanner.facts(in: body, members: ["claim_id"])?.members[0],
            text.first == UInt8(ascii: "\""), (3...130).contains(text.count)
        else { return nil }
        let id = text.dropFirst().dropLast()
        guard id.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }) else { return nil }
        return String(decoding: id, as: UTF8.self)
    }
}

extension WebhookVerifier {
    /// The claim, when it is Kick's and fresh; else the reason. As patient as `verify(fields:body:)`.
    package func verifyDropsClaim(fields: Fields, body: [UInt8]) async throws(WebhookRefusal) -> VerifiedDropsClaim {
        // Should Kick use the names of events here too one day, they are as good: what counts is what is signed.
        let timestampName =
            fields.contains(WebhookHeaders.timestampName) && !fields.contains(VerifiedDropsClaim.timestampName)
            ? WebhookHeaders.timestampName : VerifiedDropsClaim.timestampName
        let headers = try SignedHeaders(
            fields, messageID: VerifiedDropsClaim.messageIDName, timestamp: timestampName,
            signature: VerifiedDropsClaim.signatureName)
        let sentAt = try await check(headers, body: body)
        guard let claimID = VerifiedDropsClaim.claimID(in: body) else { throw .notAClaim }
        return VerifiedDropsClaim(messageID: headers.messageID, claimID: claimID, sentAt: sentAt, body: body)
    }
}
