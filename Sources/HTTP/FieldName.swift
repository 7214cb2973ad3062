/// The name of a header field: a token, compared without regard to case (RFC 9110 §5.1).
package struct FieldName: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// As it is written to the wire.
    package let spelling: String
    /// What look-ups compare.
    let lowercased: [UInt8]

    /// Nil when `spelling` is not a token (RFC 9110 §5.6.2).
    package init?(_ spelling: String) {
        guard ByteSet.token.containsAll(spelling.utf8), !spelling.isEmpty else { return nil }
        self.init(unchecked: spelling)
    }

    /// Traps when the literal is not a token.
    package init(stringLiteral spelling: String) {
        precondition(ByteSet.token.containsAll(spelling.utf8) && !spelling.isEmpty, "a field name is a token")
        self.init(unchecked: spelling)
    }

    private init(unchecked spelling: String) {
        self.spelling = spelling
        lowercased = spelling.utf8.map(ASCII.lowercased)
    }

    package static func == (left: FieldName, right: FieldName) -> Bool { left.lowercased == right.lowercased }

    package func hash(into hasher: inout Hasher) { hasher.combine(lowercased) }

    package var description: String { spelling }
}

extension FieldName {
    package static let accept: FieldName = "Accept"
    package static let accessControlAllowCredentials: FieldName = "Access-Control-Allow-Credentials"
    package static let accessControlAllowHeaders: FieldName = "Access-Control-Allow-Headers"
    package static let accessControlAllowMethods: FieldName = "Access-Control-Allow-Methods"
    package static let accessControlAllowOrigin: FieldName = "Access-Control-Allow-Origin"
    package static let accessControlExposeHeaders: FieldName = "Access-Control-Expose-Headers"
    package static let accessControlMaxAge: FieldName = "Access-Control-Max-Age"
    package static let accessControlRequestHeaders: FieldName = "Access-Control-Request-Headers"
    package static let accessControlRequestMethod: FieldName = "Access-Control-Request-Method"
    package static let age: FieldName = "Age"
    package static let allow: FieldName = "Allow"
    package static let authorization: FieldName = "Authorization"
    package static let cacheControl: FieldName = "Cache-Control"
    package static let cacheStatus: FieldName = "Cache-Status"
    package static let connection: FieldName = "Connection"
    package static let contentEncoding: FieldName = "Content-Encoding"
    package static let contentLength: FieldName = "Content-Length"
    package static let contentSecurityPolicy: FieldName = "Content-Security-Policy"
    package static let contentType: FieldName = "Content-Type"
    package static let cookie: FieldName = "Cookie"
    package static let date: FieldName = "Date"
    package static let eTag: FieldName = "ETag"
    package static let expect: FieldName = "Expect"
    package static let expires: FieldName = "Expires"
    package static let forwarded: FieldName = "Forwarded"
    package static let host: FieldName = "Host"
    package static let idempotencyKey: FieldName = "Idempotency-Key"
    package static let ifMatch: FieldName = "If-Match"
    package static let ifNoneMatch: FieldName = "If-None-Match"
    package static let lastEventID: FieldName = "Last-Event-ID"
    package static let lastModified: FieldName = "Last-Modified"
    package static let link: FieldName = "Link"
    package static let location: FieldName = "Location"
    package static let origin: FieldName = "Origin"
    package static let rateLimit: FieldName = "RateLimit"
    package static let rateLimitPolicy: FieldName = "RateLimit-Policy"
    package static let referer: FieldName = "Referer"
    package static let referrerPolicy: FieldName = "Referrer-Policy"
    package static let retryAfter: FieldName = "Retry-After"
    package static let server: FieldName = "Server"
    package static let setCookie: FieldName = "Set-Cookie"
    package static let traceparent: FieldName = "traceparent"
    package static let transferEncoding: FieldName = "Transfer-Encoding"
    package static let userAgent: FieldName = "User-Agent"
    package static let vary: FieldName = "Vary"
    package static let wwwAuthenticate: FieldName = "WWW-Authenticate"
    package static let xAccelBuffering: FieldName = "X-Accel-Buffering"
    package static let xContentTypeOptions: FieldName = "X-Content-Type-Options"
    package static let xForwardedFor: FieldName = "X-Forwarded-For"
    package static let xRequestID: FieldName = "X-Request-Id"
}
