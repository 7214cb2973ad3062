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

    /// ULID as far as is known; 1 to 128 visible ASCII characters.
    package let messageID: String
    /// ULID as far as is known; 1 to 128 visible ASCII characters. Not signed.
    package let subscriptionID: String
    /// 1 to 128 visible ASCII characters. Not signed.
    package let type: EventType
    /// `1`; 1 to 16 visible ASCII characters. Not signed.
    package let version: String
    /// Standard base64 of the signature, up to 2048 characters (344 for RSA-2048).
    let signature: ArraySlice<UInt8>
    /// As received, because these bytes are signed; up to 64 characters.
    let timestamp: ArraySlice<UInt8>

    /// Throws `missingHeader` or `badHeader` naming the first header that does not fit.
    package init(_ fields: Fields) throws(WebhookRefusal) {
        messageID = try Self.text(Self.messageIDName, in: fields, atMost: 128)
        timestamp = try Self.bytes(Self.timestampName, in: fields, atMost: 64)
        signature = try Self.bytes(Self.signatureName, in: fields, atMost: 2048)
        subscriptionID = try Self.text(Self.subscriptionIDName, in: fields, atMost: 128)
        type = try EventType(rawValue: Self.text(Self.typeName, in: fields, atMost: 128))
        version = try Self.text(Self.versionName, in: fields, atMost: 16)
    }

    private static func text(_ name: FieldName, in fields: Fields, atMost limit: Int) throws(WebhookRefusal) -> String {
        try String(decoding: bytes(name, in: fields, atMost: limit), as: UTF8.self)
    }

    private static func bytes(
        _ name: FieldName, in fields: Fields, atMost limit: Int
    ) throws(WebhookRefusal) -> ArraySlice<UInt8> {
        guard let value = fields.bytes(of: name), !value.isEmpty else { throw .missingHeader(name: name.spelling) }
        // Two values would let a proxy and us look at different ones.
        guard value.count <= limit, value.allSatisfy({ (0x21...0x7E).contains($0) }), fields.values(of: name).count == 1
        else { throw .badHeader(name: name.spelling) }
        return value
    }
}
