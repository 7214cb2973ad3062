/// An absolute http or https URL without user information and without a fragment: what we call, and what clients may
/// name as a place to return to (RFC 9110 §4.2).
package struct HTTPURL: Hashable, Sendable, CustomStringConvertible {
    package enum Scheme: String, Hashable, Sendable {
        case http
        case https

        package var defaultPort: Int { self == .http ? 80 : 443 }
    }

    package let scheme: Scheme
    /// Lower case; an IPv6 address stands in brackets.
    package let host: String
    package let port: Int
    /// Percent-encoded; begins with "/".
    package var path: String { didSet { precondition(HTTPURL.isPath(path), "not a path: \(path)") } }
    /// Percent-encoded, without the "?".
    package var query: String? { didSet { precondition(query.map(HTTPURL.isQuery) ?? true, "not a query") } }

    /// Nil when `text` is not such a URL. Strict: no white space around it, no missing host, every other character
    /// percent-encoded.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let span = bytes.span
        var position: Int
        if bytes.count > 7, span.equals("http://", in: 0..<7) {
            scheme = .http
            position = 7
        } else if bytes.count > 8, span.equals("https://", in: 0..<8) {
            scheme = .https
            position = 8
        } else {
            return nil
        }
        let authorityStart = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "/"), bytes[position] != UInt8(ascii: "?") {
            position += 1
        }
        guard let authority = Authority.split(span, authorityStart..<position) else { return nil }
        host = String(decoding: bytes[authority.host].map(ASCII.lowercased), as: UTF8.self)
        port = authority.port ?? scheme.defaultPort
        guard port > 0 else { return nil }
        let mark = bytes[position...].firstIndex(of: UInt8(ascii: "?")) ?? bytes.count
        let path = String(decoding: bytes[position..<mark], as: UTF8.self)
        let query = mark < bytes.count ? String(decoding: bytes[(mark + 1)...], as: UTF8.self) : nil
        self.path = path.isEmpty ? "/" : path
        self.query = query
        guard HTTPURL.isPath(self.path), query.map(HTTPURL.isQuery) ?? true else { return nil }
    }

    /// `host`, with `:port` when it is not the scheme's own: the value of Host.
    package var authority: String { port == scheme.defaultPort ? host : "\(host):\(port)" }

    /// What a browser sends as Origin (RFC 6454 §6.2), and what connections are pooled by.
    package var origin: String { "\(scheme.rawValue)://\(authority)" }

    /// The host as a name resolver and a certificate check want it: no brackets.
    package var hostName: String { host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host }

    /// Path and query: a request's target in origin-form (RFC 9112 §3.2.1).
    package var target: String { query.map { "\(path)?\($0)" } ?? path }

    package var description: String { origin + target }

    /// This URL with another path and query. A base URL's own path stays in front: `https://h/base` and `/v1` give
    /// `https://h/base/v1`. Traps when `path` is not a valid path that begins with "/".
    package func appending(path: String, query: QueryItems = QueryItems()) -> HTTPURL {
        var url = self
        url.path = (self.path.hasSuffix("/") ? String(self.path.dropLast()) : self.path) + path
        url.query = query.isEmpty ? nil : query.encoded
        return url
    }

    /// This URL with `items` after what its query holds.
    package func appending(_ items: QueryItems) -> HTTPURL {
        var url = self
        guard !items.isEmpty else { return url }
        url.query = (query.map { $0.isEmpty ? "" : $0 + "&" } ?? "") + items.encoded
        return url
    }

    private static func isPath(_ text: String) -> Bool {
        text.utf8.first == UInt8(ascii: "/") && isEncoded(text, .path)
    }

    private static func isQuery(_ text: String) -> Bool { isEncoded(text, .query) }

    private static func isEncoded(_ text: String, _ set: ByteSet) -> Bool {
        let bytes = Array(text.utf8)
        var position = 0
        while position < bytes.count {
            if set.contains(bytes[position]) {
                position += 1
            } else {
                guard bytes[position] == UInt8(ascii: "%"), Authority.isTriplet(bytes.span, position, bytes.count)
                else { return false }
                position += 3
            }
        }
        return true
    }
}
