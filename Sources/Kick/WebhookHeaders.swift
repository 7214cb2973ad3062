package import HTTP
import Model

/// The six headers of a webhook (FACTS §4.1), present and bounded but not yet trusted: only the message id, the
/// timestamp and the body are signed, and only `WebhookVerifier` knows whether they are.
package struct WebhookHeaders: Sendable {
    package static let messageIDName: FieldName = "Kick-Event-Message-Id"
    package static let subscriptionIDName: FieldName = "Kick-Event-Subscription-Id"
    package static let signatureName: FieldName = "Kick-Event-Signature"
    package static let timestampName: FieldName = "Kick-Event-Message-Timestamp"
    package static let typeName: FieldName = "Kick-Event-Type"
    package static let versionName: FieldName = "Kick-Event-Version"

    /// What is signed, and the signature.
    let signed: SignedHeaders
    package var messageID: String { signed.messageID }
    /// ULID as far as is known; 1 to 128 visible ASCII characters. Not signed.
    package let subscriptionID: String
    /// 1 to 128 visible ASCII characters. Not signed.
    package let type: EventType
    /// `1`; 1 to 16 visible ASCII characters. Not signed.
    package let version: String

    /// Throws `missingHeader` or `badHeader` naming the first header that does not fit.
    package init(_ fields: Fields) throws(WebhookRefusal) {
        signed = try SignedHeaders(
            fields, messageID: Self.messageIDName, timestamp: Self.timestampName, signature: Self.signatureName)
        subscriptionID = try fields.text(of: Self.subscriptionIDName, atMost: 128)
        type = try EventType(rawValue: fields.text(of: Self.typeName, atMost: 128))
        version = try fields.text(of: Self.versionName, atMost: 16)
    }
}

/// The three headers that every delivery of Kick's has, under names that differ by its kind (FACTS §4.1, §4.7): what is
/// signed besides the body, and the signature.
struct SignedHeaders: Sendable {
    /// ULID as far as is known; 1 to 128 visible ASCII characters.
    let messageID: String
    /// As received, because these bytes are signed; up to 64 characters.
    let timestamp: ArraySlice<UInt8>
    /// Standard base64 of the signature, up to 2048 characters (344 for RSA-2048).
    let signature: ArraySlice<UInt8>

    init(
        _ fields: Fields, messageID: FieldName, timestamp: FieldName, signature: FieldName
    ) throws(WebhookRefusal) {
        self.messageID = try fields.text(of: messageID, atMost: 128)
        self.timestamp = try fields.value(of: timestamp, atMost: 64)
        self.signature = try fields.value(of: signature, atMost: 2048)
    }
}

extension Fields {
    fileprivate func text(of name: FieldName, atMost limit: Int) throws(WebhookRefusal) -> String {
        try String(decoding: value(of: name, atMost: limit), as: UTF8.self)
    }

    fileprivate func value(of name: FieldName, atMost limit: Int) throws(WebhookRefusal) -> ArraySlice<UInt8> {
        guard let value = bytes(of: name), !value.isEmpty else { throw .missingHeader(name: name.spelling) }
        // Two values would let a proxy and us look at different ones.
        guard value.count <= limit, value.allSatisfy({ (0x21...0x7E).contains($0) }), values(of: name).count == 1
        else { throw .badHeader(name: name.spelling) }
        return value
    }
}
