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

/// How long what Kick said is good.
package struct CacheLifetime: Sendable {
    /// It is given without asking Kick.
    package let fresh: Duration
    /// Afterwards it is given when Kick cannot be asked (stale-if-error, RFC 5861 §4).
    package let stale: Duration

    package init(fresh: Duration, stale: Duration = .seconds(600)) {
        self.fresh = fresh
        self.stale = stale
    }
}

/// What a remembered answer is about, and a write changes.
package enum CacheTag: Hashable, Sendable, LosslessStringConvertible {
    case channel(Int64)
    case rewards(Int64)
    case ads(Int64)

    package var description: String {
        switch self {
        case .channel(let id): "channel:\(id)"
        case .rewards(let id): "rewards:\(id)"
        case .ads(let id): "ads:\(id)"
        }
    }

    package init?(_ description: String) {
        let parts = description.split(separator: ":")
        guard parts.count == 2, let id = Int64(parts[1]) else { return nil }
        switch parts[0] {
        case "channel": self = .channel(id)
        case "rewards": self = .rewards(id)
        case "ads": self = .ads(id)
        default: return nil
        }
    }
}
