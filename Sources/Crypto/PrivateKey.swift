import COpenSSL

/// A private key that signs. The sandbox signs its webhooks with one; the gateway itself has none.
package final class PrivateKey: Sendable {
    /// How it signs.
    package let algorithm: SignatureAlgorithm
    /// The other half.
    package let publicKey: PublicKey

    private let key: KeyHandle

    private init(_ key: KeyHandle) throws(CryptoError) {
        algorithm = try key.algorithm()
        publicKey = try PublicKey(key)
        self.key = key
    }

    /// A fresh key: RSA of 2048 bits, or Ed25519. RSA takes some hundred milliseconds.
    package static func generate(_ algorithm: SignatureAlgorithm) throws(CryptoError) -> PrivateKey {
        let name =
            switch algorithm {
            case .rsaPKCS1SHA256: "RSA"
            case .ed25519: "ED25519"
            }
        guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, name, nil) else {
            throw .badKey(reason: "OpenSSL cannot make \(name) keys")
        }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        unsafe mustSucceed(EVP_PKEY_keygen_init(context), "EVP_PKEY_keygen_init")
        if algorithm == .rsaPKCS1SHA256 {
            unsafe mustSucceed(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048), "EVP_PKEY_CTX_set_rsa_keygen_bits")
        }
        var pointer: OpaquePointer?
        unsafe mustSucceed(EVP_PKEY_generate(context, &pointer), "EVP_PKEY_generate")
        return unsafe try PrivateKey(KeyHandle(owning: pointer!))
    }

    /// Reads an unencrypted `PRIVATE KEY` PEM block (PKCS#8). Throws `badKey` for other types and sizes.
    package convenience init(pem: String) throws(CryptoError) {
        let der = try PEM.decode(pem, label: "PRIVATE KEY")
        let handle: OpaquePointer? = unsafe der.withUnsafeBufferPointer { buffer in
            var cursor = buffer.baseAddress
            return unsafe d2i_AutoPrivateKey(nil, &cursor, buffer.count)
        }
        guard let handle = unsafe handle else {
            ERR_clear_error()
            throw .badKey(reason: "the PEM block holds no private key that OpenSSL can read")
        }
        unsafe try self.init(KeyHandle(owning: handle))
    }

    /// The key as an unencrypted `PRIVATE KEY` PEM block (PKCS#8). Secret: for a key file, not for logs.
    package func revealPEM() -> String {
        guard let info = unsafe EVP_PKEY2PKCS8(key.pointer) else { fatalError("OpenSSL: EVP_PKEY2PKCS8 failed") }
        defer { unsafe PKCS8_PRIV_KEY_INFO_free(info) }
        let length = unsafe i2d_PKCS8_PRIV_KEY_INFO(info, nil)
        precondition(length > 0, "OpenSSL: i2d_PKCS8_PRIV_KEY_INFO failed")
        let der = unsafe [UInt8](unsafeUninitializedCapacity: Int(length)) { buffer, count in
            var cursor = buffer.baseAddress
            count = unsafe Int(i2d_PKCS8_PRIV_KEY_INFO(info, &cursor))
        }
        return PEM.encode(der, label: "PRIVATE KEY")
    }

    /// The signature of the parts, put together in order: 256 bytes for RSA-2048, 64 for Ed25519.
    package func signature(for message: [[UInt8]]) -> [UInt8] {
        let whole = Array(message.joined())
        guard let context = unsafe EVP_MD_CTX_new() else { fatalError("OpenSSL: out of memory") }
        defer { unsafe EVP_MD_CTX_free(context) }
        let digest = unsafe algorithm == .rsaPKCS1SHA256 ? Algorithms.shared.sha256 : nil
        // The padding of an RSA context is PKCS#1 v1.5 unless told otherwise.
        unsafe mustSucceed(EVP_DigestSignInit(context, nil, digest, nil, key.pointer), "EVP_DigestSignInit")
        var length = 0
        unsafe mustSucceed(EVP_DigestSign(context, nil, &length, whole, whole.count), "EVP_DigestSign")
        return unsafe [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            count = length
            unsafe mustSucceed(
                EVP_DigestSign(context, buffer.baseAddress, &count, whole, whole.count), "EVP_DigestSign")
        }
    }

    /// The signature of `message`.
    package func signature(for message: [UInt8]) -> [UInt8] { signature(for: [message]) }
}

extension PrivateKey: CustomStringConvertible, CustomDebugStringConvertible {
    /// Names the public half only.
    package var description: String { "private half of \(publicKey)" }
    package var debugDescription: String { description }
}
