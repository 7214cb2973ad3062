/// The textual frame around a DER key (RFC 7468), read strictly.
///
/// OpenSSL's own reader would also take legacy encrypted blocks and may ask the terminal for a password.
enum PEM {
    /// The DER bytes of the only block in `text`, which must carry `label`. Text before and after it must be white
    /// space.
    static func decode(_ text: String, label: String) throws(CryptoError) -> [UInt8] {
        guard text.utf8.count <= 64 * 1024 else { throw .badKey(reason: "the PEM text is longer than 64 KiB") }
        let lines = text.split(whereSeparator: \.isNewline).map(trimmed).filter { !$0.isEmpty }
        guard let first = lines.first, first.hasPrefix("-----BEGIN "), first.hasSuffix("-----") else {
            throw .badKey(reason: "the text does not start with -----BEGIN \(label)-----")
        }
        let found = first.dropFirst("-----BEGIN ".count).dropLast("-----".count)
        guard found == label else {
            // A label is a fixed public word; anything that looks otherwise is not repeated.
            let isWord = found.utf8.count <= 40 && found.allSatisfy { $0 == " " || ("A"..."Z").contains($0) }
            throw .badKey(reason: "the PEM block is \(isWord ? "\"\(found)\"" : "of another kind"), not \"\(label)\"")
        }
        guard lines.count >= 3, lines[lines.count - 1] == "-----END \(label)-----" else {
            throw .badKey(reason: "the text does not end with -----END \(label)-----")
        }
        guard let der = Base64.decode(lines[1..<(lines.count - 1)].joined()) else {
            throw .badKey(reason: "the PEM block is not base64")
        }
        return der
    }

    /// The PEM text with lines of 64 characters and a newline at the end.
    static func encode(_ der: [UInt8], label: String) -> String {
        var text = "-----BEGIN \(label)-----\n"
        var rest = Substring(Base64.encode(der))
        while !rest.isEmpty {
            text += rest.prefix(64) + "\n"
            rest = rest.dropFirst(64)
        }
        return text + "-----END \(label)-----\n"
    }

    private static func trimmed(_ line: Substring) -> String {
        var line = line
        while let last = line.last, last == " " || last == "\t" { line.removeLast() }
        while let first = line.first, first == " " || first == "\t" { line.removeFirst() }
        return String(line)
    }
}
