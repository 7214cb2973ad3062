import COpenSSL

/// AES-256 in Galois/Counter Mode (NIST SP 800-38D), 12-byte nonce, 16-byte tag.
///
/// Only `Sealer` and tests call this: a nonce used twice under one key breaks the cipher, and `Sealer` is the place
/// that makes sure of a fresh one.
package enum AES256GCM {
    /// Lengths in bytes.
    package static let keyByteCount = 32
    package static let nonceByteCount = 12
    package static let tagByteCount = 16

    /// Ciphertext followed by the tag.
    package static func seal(
        _ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], authenticating data: [UInt8]
    ) -> [UInt8] {
        precondition(key.count == keyByteCount && nonce.count == nonceByteCount)
        precondition(plaintext.count < Int32.max && data.count < Int32.max)
        let context = unsafe makeContext()
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        unsafe mustSucceed(
            EVP_EncryptInit_ex2(context, Algorithms.shared.aes256GCM, key, nonce, nil), "EVP_EncryptInit_ex2")
        var written: Int32 = 0
        unsafe mustSucceed(EVP_EncryptUpdate(context, nil, &written, data, Int32(data.count)), "EVP_EncryptUpdate")
        return unsafe [UInt8](unsafeUninitializedCapacity: plaintext.count + tagByteCount) { buffer, count in
            let output = buffer.baseAddress!
            unsafe mustSucceed(
                EVP_EncryptUpdate(context, output, &written, plaintext, Int32(plaintext.count)), "EVP_EncryptUpdate")
            let tag = unsafe output + plaintext.count
            unsafe mustSucceed(EVP_EncryptFinal_ex(context, tag, &written), "EVP_EncryptFinal_ex")
            unsafe mustSucceed(
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tagByteCount), tag), "EVP_CTRL_AEAD_GET_TAG")
            count = plaintext.count + tagByteCount
        }
    }

    /// The plaintext, or nil when tag, key, nonce or authenticated data do not fit. Nothing unauthenticated gets out.
    package static func open(_ sealed: [UInt8], key: [UInt8], nonce: [UInt8], authenticating data: [UInt8]) -> [UInt8]?
    {
        precondition(key.count == keyByteCount && nonce.count == nonceByteCount)
        guard sealed.count >= tagByteCount, sealed.count < Int32.max, data.count < Int32.max else { return nil }
        let length = sealed.count - tagByteCount
        var tag = Array(sealed[length...])
        let context = unsafe makeContext()
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        unsafe mustSucceed(
            EVP_DecryptInit_ex2(context, Algorithms.shared.aes256GCM, key, nonce, nil), "EVP_DecryptInit_ex2")
        var written: Int32 = 0
        unsafe mustSucceed(EVP_DecryptUpdate(context, nil, &written, data, Int32(data.count)), "EVP_DecryptUpdate")
        var isAuthentic = false
        // One spare byte, so that an empty plaintext still has an address to write to.
        var plaintext = unsafe [UInt8](unsafeUninitializedCapacity: length + 1) { buffer, count in
            let output = buffer.baseAddress!
            unsafe mustSucceed(
                EVP_DecryptUpdate(context, output, &written, sealed, Int32(length)), "EVP_DecryptUpdate")
            unsafe mustSucceed(
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagByteCount), &tag), "EVP_CTRL_AEAD_SET_TAG")
            isAuthentic = unsafe EVP_DecryptFinal_ex(context, output + length, &written) == 1
            count = length
        }
        guard isAuthentic else {
            unsafe plaintext.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
            return nil
        }
        return plaintext
    }

    private static func makeContext() -> OpaquePointer {
        guard let context = unsafe EVP_CIPHER_CTX_new() else { fatalError("OpenSSL: out of memory") }
        return unsafe context
    }
}
