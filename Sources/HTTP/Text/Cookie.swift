/// The cookies of a request (RFC 6265 §4.2), in order. Pairs that are not well-formed are skipped, as servers do: other
/// software on the same domain sets cookies too.
package struct Cookies: Sendable {
    private let pairs: [(name: String, value: String)]

    package init(_ fields: Fields) {
        pairs = fields.values(of: .cookie).flatMap { line in
            line.utf8.split(separator: UInt8(ascii: ";")).compactMap { part in
                let trimmed = Array(part.drop(while: ASCII.isBlank))
                guard let equals = trimmed.firstIndex(of: UInt8(ascii: "=")), equals > 0 else { return nil }
                var value = trimmed[(equals + 1)...]
                while let last = value.last, ASCII.isBlank(last) { value.removeLast() }
                if value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"") {
                    value = value.dropFirst().dropLast()
                }
                guard ByteSet.token.containsAll(trimmed[..<equals]), ByteSet.cookieOctet.containsAll(value) else {
                    return nil
                }
                return (
                    String(decoding: trimmed[..<equals], as: UTF8.self), String(decoding: value, as: UTF8.self)
                )
            }
        }
    }

    /// In the order in which they were sent.
    package var names: [String] { pairs.map(\.name) }

    /// The first cookie with this name; user agents send the one with the longer path first.
    package subscript(name: String) -> String? {
        pairs.first { $0.name == name }?.value
    }
}

/// A Set-Cookie field (RFC 6265 §4.1; SameSite and name prefixes from RFC 6265bis). Safe by default: Secure, HttpOnly,
/// SameSite=Lax, Path=/, no Domain.
package struct SetCookie: Sendable {
    package enum SameSite: String, Sendable {
        case strict = "Strict"
        case lax = "Lax"
        case none = "None"
    }

    package let name: String
    package let value: String
    /// Seconds; nil for the browser's session, 0 to delete.
    package var maxAge: Int?
    package var path: String
    package var isSecure: Bool
    package var isHTTPOnly: Bool
    package var sameSite: SameSite

    /// Nil when the name is not a token, the value holds anything but cookie-octets, or the path a control character
    /// or a semicolon.
    package init?(
        _ name: String, _ value: String, maxAge: Int? = nil, path: String = "/", isSecure: Bool = true,
        isHTTPOnly: Bool = true, sameSite: SameSite = .lax
    ) {
        guard !name.isEmpty, ByteSet.token.containsAll(name.utf8), ByteSet.cookieOctet.containsAll(value.utf8),
            path.utf8.first == UInt8(ascii: "/"),
            ByteSet.path.containsAll(path.utf8.filter { $0 != UInt8(ascii: "%") }),
            !path.utf8.contains(UInt8(ascii: ";"))
        else { return nil }
        self.name = name
        self.value = value
        self.maxAge = maxAge
        self.path = path
        self.isSecure = isSecure
        self.isHTTPOnly = isHTTPOnly
        self.sameSite = sameSite
    }

    package var fieldValue: FieldValue {
        var text = "\(name)=\(value); Path=\(path)"
        if let maxAge { text += "; Max-Age=\(maxAge)" }
        if isSecure { text += "; Secure" }
        if isHTTPOnly { text += "; HttpOnly" }
        return FieldValue(unchecked: text + "; SameSite=\(sameSite.rawValue)")
    }
}
