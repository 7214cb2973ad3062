import COpenSSL

/// Owns one `EVP_PKEY`. OpenSSL counts references and never changes a key after it is made, so sharing it is safe.
@safe final class KeyHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        unsafe self.pointer = pointer
    }

    deinit {
        unsafe EVP_PKEY_free(pointer)
    }

    /// What the key signs with, or `badKey` for types and sizes that are not taken.
    func algorithm() throws(CryptoError) -> SignatureAlgorithm {
        if unsafe EVP_PKEY_is_a(pointer, "RSA") == 1 {
            let bits = unsafe EVP_PKEY_get_bits(pointer)
            guard bits >= 2048 else { throw .badKey(reason: "the RSA key has \(bits) bits, but 2048 are needed") }
            // Checking costs time with the square of the length; a giant key must not become a way to burn CPU.
            guard bits <= 8192 else {
                throw .badKey(reason: "the RSA key has \(bits) bits, more than the 8192 allowed")
            }
            guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, pointer, nil) else {
                fatalError("OpenSSL: out of memory")
            }
            defer { unsafe EVP_PKEY_CTX_free(context) }
            guard unsafe EVP_PKEY_public_check(context) == 1 else {
                ERR_clear_error()
                throw .badKey(reason: "the RSA key's modulus or exponent is not acceptable")
            }
            return .rsaPKCS1SHA256
        }
        if unsafe EVP_PKEY_is_a(pointer, "ED25519") == 1 { return .ed25519 }
        throw .badKey(reason: "the key is \(typeName), but only RSA and Ed25519 are taken")
    }

    /// The DER SubjectPublicKeyInfo.
    func publicDER() -> [UInt8] {
        let length = unsafe i2d_PUBKEY(pointer, nil)
        precondition(length > 0, "OpenSSL: i2d_PUBKEY failed")
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(length)) { buffer, count in
            var cursor = buffer.baseAddress
            count = unsafe Int(i2d_PUBKEY(pointer, &cursor))
        }
    }

    private var typeName: String {
        guard let name = unsafe EVP_PKEY_get0_type_name(pointer) else { return "of an unknown type" }
        return unsafe String(cString: name)
    }
}
