import HTTP

/// Whom a connection is to, and what connections are pooled by.
struct Origin: Hashable, Sendable, CustomStringConvertible {
    let scheme: HTTPURL.Scheme
    /// Lower case; an IPv6 address stands in brackets.
    let host: String
    let port: Int

    init(_ url: HTTPURL) {
        scheme = url.scheme
        host = url.host
        port = url.port
    }

    /// As resolver and certificate check want it: no brackets.
    var hostName: String { host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host }

    var description: String {
        port == scheme.defaultPort ? "\(scheme.rawValue)://\(host)" : "\(scheme.rawValue)://\(host):\(port)"
    }
}
