package import Crypto
package import HTTP

/// One webhook as it goes over the wire: six headers and the body (FACTS §4.1, §4.2). A retry sends the same bytes.
package struct SignedWebhook: Sendable {
    /// ULID, unless the caller chose another.
    package let messageID: String
    package let subscriptionID: String
    package let eventType: String
    package let timestamp: String
    package private(set) var signature: String
    package let body: [UInt8]
    /// A Drops claim is no event: it has other headers (FACTS §4.7).
    private var isClaim = false

    /// Signs `message-id "." timestamp "." body`. `timestamp` has whole seconds, as Kick's.
    package init(
        messageID: String? = nil, subscriptionID: String, eventType: String, body: [UInt8], at now: SandboxTime,
        key: PrivateKey
    ) {
        let id = messageID ?? ULID.make().description
        self.messageID = id
        self.subscriptionID = subscriptionID
        self.eventType = eventType
        self.body = body
        timestamp = now.text
        signature = Base64.encode(key.signature(for: [Array("\(id).\(now.text).".utf8), body]))
    }

    /// A Drops claim: signed the same, as far as is known.
    package init(claim body: [UInt8], at now: SandboxTime, key: PrivateKey) {
        self.init(subscriptionID: "", eventType: "drops.claim", body: body, at: now, key: key)
        isClaim = true
    }

    /// Makes the signature that of something else, for tests of whoever receives it.
    package mutating func spoilSignature() {
        guard var bytes = Base64.decode(signature) else { return }
        bytes[0] ^= 1
        signature = Base64.encode(bytes)
    }

    /// Without the headers that the client writes itself. The names are spelled out here, not taken from the Kick room:
    /// if that had a slip, both sides would agree on it.
    package var fields: Fields {
        if isClaim {
            return [
                "Content-Type": "application/json", "Accept": "application/json",
                "User-Agent": "Go-http-client/1.1", "Kick-Event-Signature": FieldValue(replacingInvalidIn: signature),
                "Kick-Event-Message-ID": FieldValue(replacingInvalidIn: messageID),
                "Kick-Event-Timestamp": FieldValue(replacingInvalidIn: timestamp),
            ]
        }
        return [
            "Content-Type": "application/json", "Accept": "application/json", "User-Agent": "Go-http-client/1.1",
            "Kick-Event-Message-Id": FieldValue(replacingInvalidIn: messageID),
            "Kick-Event-Subscription-Id": FieldValue(replacingInvalidIn: subscriptionID),
            "Kick-Event-Signature": FieldValue(replacingInvalidIn: signature),
            "Kick-Event-Message-Timestamp": FieldValue(replacingInvalidIn: timestamp),
            "Kick-Event-Type": FieldValue(replacingInvalidIn: eventType), "Kick-Event-Version": "1",
        ]
    }
}
