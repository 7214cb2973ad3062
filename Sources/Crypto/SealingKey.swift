/// A named 256-bit key. The bytes never show in a description.
package struct SealingKey: Sendable {
    /// Written beside every ciphertext; not secret. 1 to 64 of `A-Z a-z 0-9 . _ -`.
    package let id: String
    let bytes: [UInt8]

    /// Throws `badKeyRing` naming the id when the id or the length does not fit.
    package init(id: String, bytes: [UInt8]) throws(CryptoError) {
        guard Self.isGoodID(id) else {
            throw .badKeyRing(reason: "a key id is 1 to 64 characters of A-Z a-z 0-9 . _ -")
        }
        guard bytes.count == AES256GCM.keyByteCount else {
            throw .badKeyRing(reason: "key \"\(id)\" has \(bytes.count) bytes, but 32 are needed")
        }
        self.id = id
        self.bytes = bytes
    }

    /// A fresh random key.
    package static func random(id: String) throws(CryptoError) -> SealingKey {
        try SealingKey(id: id, bytes: RandomBytes.make(AES256GCM.keyByteCount))
    }

    /// The key itself: to be wrapped under another one.
    package func revealBytes() -> [UInt8] { bytes }

    /// `id:base64`, the form that `parseRing` reads. Secret: for writing a key file, not for logs.
    package func revealText() -> String { "\(id):\(Base64.encode(bytes))" }

    private static func isGoodID(_ id: String) -> Bool {
        (1...64).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

extension SealingKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "SealingKey(\(id))" }
    package var debugDescription: String { description }
    /// Without this `dump` would print the bytes.
    package var customMirror: Mirror { Mirror(self, children: ["id": id]) }
}

extension SealingKey {
    /// Parses `kid:base64,kid:base64,…`, the form of `GATEWAY_ENCRYPTION_KEYS`. White space around entries is ignored.
    ///
    /// Throws `badKeyRing` naming the key id (or the entry's position while the id is unknown), never the key.
    package static func parseRing(_ text: String) throws(CryptoError) -> [SealingKey] {
        var keys: [SealingKey] = []
        for (index, part) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
            let entry = String(decoding: part.utf8.trimmingASCIIWhitespace(), as: UTF8.self)
            guard !entry.isEmpty else { throw .badKeyRing(reason: "entry \(index + 1) is empty") }
            // The entry is not quoted here: without a colon it may be the key itself.
            guard let colon = entry.firstIndex(of: ":") else {
                throw .badKeyRing(reason: "entry \(index + 1) is not of the form id:base64")
            }
            let id = String(entry[..<colon])
            guard isGoodID(id) else {
                throw .badKeyRing(
                    reason: "the id of entry \(index + 1) is not 1 to 64 characters of A-Z a-z 0-9 . _ -")
            }
            guard let bytes = Base64.decode(String(entry[entry.index(after: colon)...])) else {
                throw .badKeyRing(reason: "key \"\(id)\" is not standard padded base64")
            }
            guard !keys.contains(where: { $0.id == id }) else {
                throw .badKeyRing(reason: "key \"\(id)\" is there twice")
            }
            try keys.append(SealingKey(id: id, bytes: bytes))
        }
        return keys
    }
}

extension Substring.UTF8View {
    fileprivate func trimmingASCIIWhitespace() -> Substring.UTF8View {
        let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
            return self[endIndex..<endIndex]
        }
        return self[first...last]
    }
}
