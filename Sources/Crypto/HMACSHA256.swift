import COpenSSL

/// HMAC with SHA-256 (RFC 2104, FIPS 198-1).
package enum HMACSHA256 {
    /// Length of a code in bytes.
    package static let byteCount = 32

    /// The authentication code of `message` under `key`: 32 bytes. Any key length works; 32 bytes is the useful one.
    package static func code(for message: [UInt8], key: [UInt8]) -> [UInt8] {
        guard let context = unsafe EVP_MAC_CTX_new(Algorithms.shared.hmac) else { fatalError("OpenSSL: out of memory") }
        defer { unsafe EVP_MAC_CTX_free(context) }
        // OpenSSL takes a null key pointer for "keep the key", so an empty key still needs an address.
        let paddedKey = key.isEmpty ? [0] : key
        var digestName = Array("SHA2-256".utf8CString)
        unsafe digestName.withUnsafeMutableBufferPointer { name in
            var parameters = unsafe [
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.baseAddress, 0),
                OSSL_PARAM_construct_end(),
            ]
            unsafe mustSucceed(EVP_MAC_init(context, paddedKey, key.count, &parameters), "EVP_MAC_init")
        }
        unsafe mustSucceed(EVP_MAC_update(context, message, message.count), "EVP_MAC_update")
        return unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            unsafe mustSucceed(EVP_MAC_final(context, buffer.baseAddress, &count, byteCount), "EVP_MAC_final")
        }
    }

    /// Whether `code` is the authentication code of `message` under `key`, compared in constant time.
    package static func isValid(_ code: [UInt8], for message: [UInt8], key: [UInt8]) -> Bool {
        constantTimeEqual(code, Self.code(for: message, key: key))
    }
}
