import Crypto
package import Telemetry

/// Proof Key for Code Exchange, method S256 (RFC 7636), which Kick demands beside the client secret (FACTS §1.3).
package struct PKCE: Sendable {
    /// Kept on our side until the exchange: 43 characters of base64url, 256 random bits.
    package let verifier: Secret<String>

    /// A fresh one.
    package init() {
        verifier = Secret(Base64URL.encode(RandomBytes.make(32)))
    }

    /// One that was stored.
    package init(verifier: Secret<String>) {
        self.verifier = verifier
    }

    /// What the authorize URL carries: base64url of the verifier's SHA-256.
    package var challenge: String {
        Base64URL.encode(SHA256.hash(verifier.reveal()))
    }
}
