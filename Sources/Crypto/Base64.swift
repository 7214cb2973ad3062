/// Standard base64 with padding (RFC 4648 §4), strict: one text per byte string.
///
/// Refused: white space, missing or surplus padding, characters of the URL alphabet, and non-zero bits behind the last
/// byte (RFC 4648 §3.5). A lax decoder would let many different texts stand for one signature or key.
package enum Base64 {
    /// The text for `bytes`; its length is a multiple of four.
    package static func encode(_ bytes: [UInt8]) -> String {
        RadixSixtyFour.encode(bytes, alphabet: RadixSixtyFour.standard, padded: true)
    }

    /// The bytes of `text`, or nil when it is not strict base64.
    package static func decode(_ text: String) -> [UInt8]? {
        decode(text.utf8.span)
    }

    /// The bytes of an ASCII text, or nil when it is not strict base64.
    package static func decode(_ text: Span<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var end = text.count
        while end > 0, text.count - end < 2, text[end - 1] == UInt8(ascii: "=") { end -= 1 }
        return RadixSixtyFour.decode(text, count: end, values: RadixSixtyFour.standardValues)
    }
}

/// Base64 with the URL and file name safe alphabet and no padding (RFC 4648 §5), strict like `Base64`.
package enum Base64URL {
    /// The text for `bytes`: only `A-Z a-z 0-9 - _`.
    package static func encode(_ bytes: [UInt8]) -> String {
        RadixSixtyFour.encode(bytes, alphabet: RadixSixtyFour.urlSafe, padded: false)
    }

    /// The bytes of `text`, or nil when it is not strict unpadded base64url.
    package static func decode(_ text: String) -> [UInt8]? {
        let characters = text.utf8.span
        return RadixSixtyFour.decode(characters, count: characters.count, values: RadixSixtyFour.urlSafeValues)
    }
}

/// What both alphabets share.
private enum RadixSixtyFour {
    static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    static let urlSafe = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    static let standardValues = values(of: standard)
    static let urlSafeValues = values(of: urlSafe)

    /// 256 entries; 0xFF marks a character outside the alphabet.
    static func values(of alphabet: [UInt8]) -> [UInt8] {
        var table = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { table[Int(character)] = UInt8(value) }
        return table
    }

    static func encode(_ bytes: [UInt8], alphabet: [UInt8], padded: Bool) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            let first = UInt32(bytes[index])
            let second = left > 1 ? UInt32(bytes[index + 1]) : 0
            let third = left > 2 ? UInt32(bytes[index + 2]) : 0
            let group = first << 16 | second << 8 | third
            text.append(alphabet[Int(group >> 18)])
            text.append(alphabet[Int(group >> 12 & 63)])
            if left > 1 {
                text.append(alphabet[Int(group >> 6 & 63)])
            } else if padded {
                text.append(UInt8(ascii: "="))
            }
            if left > 2 { text.append(alphabet[Int(group & 63)]) } else if padded { text.append(UInt8(ascii: "=")) }
            index += 3
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Decodes the first `count` characters, which hold no padding any more.
    static func decode(_ text: Span<UInt8>, count: Int, values: [UInt8]) -> [UInt8]? {
        guard count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count / 4 * 3 + 2)
        var group: UInt32 = 0
        for index in 0..<count {
            let value = values[Int(text[index])]
            guard value != 0xFF else { return nil }
            group = group << 6 | UInt32(value)
            if index % 4 == 3 {
                bytes.append(UInt8(truncatingIfNeeded: group >> 16))
                bytes.append(UInt8(truncatingIfNeeded: group >> 8))
                bytes.append(UInt8(truncatingIfNeeded: group))
                group = 0
            }
        }
        switch count % 4 {
        case 2:
            guard group & 0xF == 0 else { return nil }
            bytes.append(UInt8(truncatingIfNeeded: group >> 4))
        case 3:
            guard group & 0x3 == 0 else { return nil }
            bytes.append(UInt8(truncatingIfNeeded: group >> 10))
            bytes.append(UInt8(truncatingIfNeeded: group >> 2))
        default:
            break
        }
        return bytes
    }
}
