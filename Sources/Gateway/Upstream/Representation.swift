import Crypto
package import HTTP

/// An answer as it goes out, encoded once for all who ask.
package struct Representation: Sendable {
    package let bytes: [UInt8]
    /// Strong, with its quotes (RFC 9110 §8.8.3).
    package let entityTag: FieldValue

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        let digest = Base64URL.encode(Array(SHA256.hash(bytes).prefix(16)))
        entityTag = FieldValue(replacingInvalidIn: "\"\(digest)\"")
    }
}

/// What a read gives: fresh, or old because Kick is in trouble.
package struct ReadAnswer: Sendable {
    /// Nil when Kick does not know what was asked for.
    package let representation: Representation?
    /// Since Kick said so, and how long it still counts as fresh; negative when it does not.
    package let age: Duration
    package let freshness: Duration
    /// Why it is old.
    package let trouble: String?
    /// Whether others may be given the same, and the caller may keep it.
    package let isKept: Bool

    static func unkept(_ representation: Representation?) -> ReadAnswer {
        ReadAnswer(representation: representation, age: .zero, freshness: .zero, trouble: nil, isKept: false)
    }
}
