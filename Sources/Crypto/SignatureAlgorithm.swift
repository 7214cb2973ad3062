/// How a key signs. The key's type decides; there is never a choice for whoever sends a signature.
package enum SignatureAlgorithm: String, Sendable {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2), keys of 2048 to 8192 bits. What Kick signs webhooks with.
    case rsaPKCS1SHA256 = "RSA PKCS#1 v1.5 SHA-256"
    /// Ed25519 (RFC 8032 §5.1).
    case ed25519 = "Ed25519"
}
