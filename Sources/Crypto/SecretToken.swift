/// A random bearer secret of our own making: API keys, overlay links, `state` values, phone codes.
///
/// The text is given out once; only its hash is stored. A plain SHA-256 is enough because the token has 256 bits of
/// entropy: there is nothing to guess, so nothing to slow down.
package struct SecretToken: Sendable {
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    /// 62⁴³ > 2²⁵⁶.
    private static let randomCharacterCount = 43

    private let text: String

    /// A fresh token: `prefix` followed by 43 base62 characters (256 bits). Base62, so that a double click selects it
    /// all.
    package init(prefix: String = "") {
        var characters: [UInt8] = Array(prefix.utf8)
        var missing = Self.randomCharacterCount
        while missing > 0 {
            // 248 is the largest multiple of 62 in a byte: larger bytes are thrown away, or some characters were
            // likelier.
            for byte in RandomBytes.make(missing + 8) where byte < 248 && missing > 0 {
                characters.append(Self.alphabet[Int(byte % 62)])
                missing -= 1
            }
        }
        text = String(decoding: characters, as: UTF8.self)
    }

    /// The secret itself, for the one answer that hands it out.
    package func reveal() -> String { text }

    /// What is stored: SHA-256 of the whole text, 32 bytes.
    package var hash: [UInt8] { Self.hash(of: text) }

    /// The hash under which a presented token is looked up: 32 bytes.
    package static func hash(of text: String) -> [UInt8] { SHA256.hash(text) }
}

extension SecretToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "[redacted]" }
    package var debugDescription: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
