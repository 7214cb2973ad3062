import Crypto
import Gateway
import HTTP
import HTTPServer
import Model

/// From the `Authorization` field to who calls.
enum Authentication {
    private static let scheme = Array("bearer ".utf8)
    /// In bytes.
    private static let longestToken = 512

    /// The token of `Authorization: Bearer …` (RFC 6750 §2.1). Throws `unauthenticated` when there is none.
    static func bearerToken(_ request: Request) throws(GatewayError) -> String {
        guard let value = request.fields.single(.authorization),
            value.prefix(scheme.count).elementsEqual(scheme, by: { $0 | 0x20 == $1 }),
            (1...longestToken).contains(value.count - scheme.count)
        else {
            throw GatewayError(.unauthenticated, "send the API key as Authorization: Bearer <key>")
        }
        return String(decoding: value.dropFirst(scheme.count), as: UTF8.self)
    }

    /// Throws `unauthenticated` unless the request carries the admin key. Digests are compared, in constant time, so that
    /// neither content nor length shows.
    static func requireAdmin(_ request: Request, keyHash: [UInt8]) throws(GatewayError) {
        let token = try bearerToken(request)
        guard constantTimeEqual(SHA256.hash(token), keyHash) else {
            throw GatewayError(.unauthenticated, "the admin key is not valid")
        }
    }
}
