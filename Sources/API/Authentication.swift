import Crypto
import Gateway
import HTTP
import HTTPServer
import Model

/// From the `Authorization` field to who calls.
enum Authentication {
    /// The token of `Authorization: Bearer …` (RFC 6750 §2.1). Throws `unauthenticated` when there is none.
    static func bearerToken(_ request: Request) throws(GatewayError) -> String {
        let values = request.fields.values(of: .authorization)
        guard values.count == 1, let value = values.first else {
            throw GatewayError(.unauthenticated, "send the API key as Authorization: Bearer <key>")
        }
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", (1...512).contains(parts[1].utf8.count) else {
            throw GatewayError(.unauthenticated, "send the API key as Authorization: Bearer <key>")
        }
        return String(parts[1])
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
