import Crypto

/// SHA-256 of a code or a token: what the sandbox keeps in its place, and looks it up by.
struct SecretHash: Hashable, Sendable {
    // Four words and no array: there are hundreds of thousands of them under load.
    private let words: (UInt64, UInt64, UInt64, UInt64)

    init(of secret: String) {
        self.init(bytes: SecretToken.hash(of: secret))!
    }

    /// Nil unless there are 32 bytes.
    private init?(bytes: [UInt8]) {
        guard bytes.count == SHA256.byteCount else { return nil }
        func word(_ index: Int) -> UInt64 {
            bytes[index * 8..<index * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) }
        }
        words = (word(0), word(1), word(2), word(3))
    }

    private var bytes: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) }
        }
    }

    static func == (left: SecretHash, right: SecretHash) -> Bool { left.words == right.words }

    /// One word is enough: they are evenly spread.
    func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

/// As a name in the state file: base64url, so that a table of tokens is an object there.
extension SecretHash: CodingKeyRepresentable {
    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    var codingKey: any CodingKey { Name(stringValue: Base64URL.encode(bytes)) }

    init?(codingKey: some CodingKey) {
        guard let bytes = Base64URL.decode(codingKey.stringValue) else { return nil }
        self.init(bytes: bytes)
    }
}

extension SecretHash: Codable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let bytes = Base64URL.decode(try container.decode(String.self)), let hash = SecretHash(bytes: bytes)
        else { throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a SHA-256 in base64url") }
        self = hash
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Base64URL.encode(bytes))
    }
}
