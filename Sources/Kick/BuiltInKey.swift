package import Crypto

/// The key with which Kick signs webhooks, as Kick's documentation prints it; the same in every source since February
/// 2025 (FACTS §4.3). It is trusted without asking Kick, so that a gateway works from its first second.
package enum BuiltInKey {
    /// SHA-256 of the DER SubjectPublicKeyInfo, in hexadecimal.
    package static let fingerprint = "407899e1bb8e86c10ecc032cd8c5d02f1180e8b3c58686ddfe1fb541d8a646aa"

    /// The key itself.
    package static let publicKey: PublicKey = {
        guard let key = try? PublicKey(pem: pem) else { fatalError("Kick's built-in key cannot be read") }
        return key
    }()

    /// SubjectPublicKeyInfo, RSA 2048.
    package static let pem = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAq/+l1WnlRrGSolDMA+A8
        6rAhMbQGmQ2SapVcGM3zq8ANXjnhDWocMqfWcTd95btDydITa10kDvHzw9WQOqp2
        MZI7ZyrfzJuz5nhTPCiJwTwnEtWft7nV14BYRDHvlfqPUaZ+1KR4OCaO/wWIk/rQ
        L/TjY0M70gse8rlBkbo2a8rKhu69RQTRsoaf4DVhDPEeSeI5jVrRDGAMGL3cGuyY
        6CLKGdjVEM78g3JfYOvDU/RvfqD7L89TZ3iN94jrmWdGz34JNlEI5hqK8dd7C5EF
        BEbZ5jgB8s8ReQV8H+MkuffjdAj3ajDDX3DOJMIut1lBrUVD1AaSrGCKHooWoL2e
        twIDAQAB
        -----END PUBLIC KEY-----
        """
}
