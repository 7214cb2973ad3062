/// Percent-encoding (RFC 3986 §2.1).
package enum PercentCoding {
    /// Decodes triplets. Nil when a "%" is not followed by two hexadecimal digits, when the result holds a NUL, which
    /// no path or parameter of ours needs and C libraries end at, or when it is not UTF-8.
    ///
    /// - Parameter plusIsSpace: as forms and browsers' queries have it; never in paths.
    package static func decode(_ text: ArraySlice<UInt8>, plusIsSpace: Bool = false) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var iterator = text.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(ASCII.hexValue),
                    let low = iterator.next().flatMap(ASCII.hexValue), high | low != 0
                else { return nil }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace:
                bytes.append(ASCII.space)
            case 0:
                return nil
            default:
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    package static func decode(_ text: String, plusIsSpace: Bool = false) -> String? {
        decode(Array(text.utf8)[...], plusIsSpace: plusIsSpace)
    }

    /// Encodes everything but unreserved characters: fit for a path segment and for a query.
    package static func encode(_ text: String) -> String {
        encode(text, keeping: .unreserved)
    }

    static func encode(_ text: String, keeping set: ByteSet, spaceIsPlus: Bool = false) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if set.contains(byte) {
                bytes.append(byte)
            } else if spaceIsPlus && byte == ASCII.space {
                bytes.append(UInt8(ascii: "+"))
            } else {
                bytes.append(UInt8(ascii: "%"))
                bytes.append(digit(byte >> 4))
                bytes.append(digit(byte & 15))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// RFC 3986 §2.1: upper case.
    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? value + 0x30 : value + 0x37
    }
}
