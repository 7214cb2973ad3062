/// Seals secrets for storage: AES-256-GCM under a ring of named keys. The first key writes, all keys open.
///
/// Sealed bytes: version (1) · length of the key id (1) · key id · nonce (12) · ciphertext · tag (16). Version, key id
/// and the `SealingContext` are authenticated. To rotate online: put the new key first, reseal what `keyID(of:)`
/// says, then drop the old key.
///
/// Nonces are random, so one key must not seal more than 2³² secrets (NIST SP 800-38D §8.3); a thousand token refreshes
/// a second would take seven weeks of nothing else. Keys are rotated long before.
package struct Sealer: Sendable {
    private static let version: UInt8 = 1

    private let writer: SealingKey
    private let keys: [String: SealingKey]

    /// Takes the ring in order; throws `badKeyRing` when it is empty or an id is there twice.
    package init(keys: [SealingKey]) throws(CryptoError) {
        guard let writer = keys.first else { throw .badKeyRing(reason: "there is no key") }
        var byID: [String: SealingKey] = [:]
        for key in keys {
            guard byID.updateValue(key, forKey: key.id) == nil else {
                throw .badKeyRing(reason: "key \"\(key.id)\" is there twice")
            }
        }
        self.writer = writer
        self.keys = byID
    }

    /// The id of the key that seals now.
    package var writingKeyID: String { writer.id }

    /// The ids of all keys that open, sorted.
    package var keyIDs: [String] { keys.keys.sorted() }

    /// Seals `plaintext` for the place `context`. Sealing the same twice gives different bytes.
    package func seal(_ plaintext: [UInt8], for context: SealingContext) -> [UInt8] {
        let id = Array(writer.id.utf8)
        let header = [Self.version, UInt8(id.count)] + id
        let nonce = RandomBytes.make(AES256GCM.nonceByteCount)
        return header + nonce
            + AES256GCM.seal(plaintext, key: writer.bytes, nonce: nonce, authenticating: header + context.encoded)
    }

    /// Seals the text's UTF-8 bytes.
    package func seal(_ text: String, for context: SealingContext) -> [UInt8] {
        seal(Array(text.utf8), for: context)
    }

    /// Opens what `seal` made for the same place. Throws `unknownKey` or `doesNotOpen`.
    package func open(_ sealed: [UInt8], for context: SealingContext) throws(CryptoError) -> [UInt8] {
        guard let id = Self.keyID(of: sealed) else { throw .doesNotOpen }
        guard let key = keys[id] else { throw .unknownKey(id: id) }
        let headerCount = 2 + Int(sealed[1])
        let header = Array(sealed[..<headerCount])
        let body = headerCount + AES256GCM.nonceByteCount
        let plaintext = AES256GCM.open(
            Array(sealed[body...]), key: key.bytes, nonce: Array(sealed[headerCount..<body]),
            authenticating: header + context.encoded)
        guard let plaintext else { throw .doesNotOpen }
        return plaintext
    }

    /// Opens a text. Throws `doesNotOpen` also when the bytes are not UTF-8.
    package func openText(_ sealed: [UInt8], for context: SealingContext) throws(CryptoError) -> String {
        guard let text = try String(validating: open(sealed, for: context), as: UTF8.self) else { throw .doesNotOpen }
        return text
    }

    /// The id of the key that sealed these bytes, or nil when they are no sealed bytes of this version.
    package static func keyID(of sealed: [UInt8]) -> String? {
        guard sealed.count >= 2, sealed[0] == version else { return nil }
        let idCount = Int(sealed[1])
        guard idCount > 0, sealed.count >= 2 + idCount + AES256GCM.nonceByteCount + AES256GCM.tagByteCount else {
            return nil
        }
        return String(validating: sealed[2..<2 + idCount], as: UTF8.self)
    }
}
