import COpenSSL

/// OpenSSL's algorithm objects, fetched once for the life of the process.
///
/// OpenSSL 3 looks an algorithm up by name at every use unless it is handed an explicitly fetched object; the look-up
/// takes locks and costs more than hashing a short message. The objects are immutable, so sharing them is safe.
@safe struct Algorithms: @unchecked Sendable {
    static let shared = Algorithms()

    let sha256: OpaquePointer
    let hmac: OpaquePointer
    let aes256GCM: OpaquePointer

    private init() {
        guard
            let sha256 = unsafe EVP_MD_fetch(nil, "SHA2-256", nil),
            let hmac = unsafe EVP_MAC_fetch(nil, "HMAC", nil),
            let aes256GCM = unsafe EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
        else {
            // Nothing works without them, and no input can cause this: the OpenSSL installation is broken.
            fatalError("OpenSSL offers no SHA-256, HMAC or AES-256-GCM")
        }
        unsafe self.sha256 = sha256
        unsafe self.hmac = hmac
        unsafe self.aes256GCM = aes256GCM
    }
}

/// Traps when OpenSSL fails where no input can make it fail (out of memory, broken installation).
func mustSucceed(_ result: Int32, _ call: StaticString) {
    precondition(result == 1, "OpenSSL: \(call) failed")
}
