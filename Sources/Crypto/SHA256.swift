import COpenSSL

/// SHA-256 (FIPS 180-4), in one call or piece by piece.
///
/// ```swift
/// var hasher = SHA256()
/// hasher.update(head)
/// hasher.update(body)
/// let digest = hasher.finalize()
/// ```
@safe package struct SHA256: ~Copyable {
    /// Length of a digest in bytes.
    package static let byteCount = 32

    private let context: OpaquePointer

    /// Starts an empty hash.
    package init() {
        guard let context = unsafe EVP_MD_CTX_new() else { fatalError("OpenSSL: out of memory") }
        unsafe mustSucceed(EVP_DigestInit_ex2(context, Algorithms.shared.sha256, nil), "EVP_DigestInit_ex2")
        unsafe self.context = context
    }

    deinit {
        unsafe EVP_MD_CTX_free(context)
    }

    /// Adds bytes.
    package mutating func update(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe mustSucceed(EVP_DigestUpdate(context, buffer.baseAddress, buffer.count), "EVP_DigestUpdate")
        }
    }

    /// Adds bytes.
    package mutating func update(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe mustSucceed(EVP_DigestUpdate(context, buffer.baseAddress, buffer.count), "EVP_DigestUpdate")
        }
    }

    /// Ends the hash: 32 bytes.
    package consuming func finalize() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            unsafe mustSucceed(EVP_DigestFinal_ex(context, buffer.baseAddress, nil), "EVP_DigestFinal_ex")
            count = Self.byteCount
        }
    }

    /// The digest of `bytes`: 32 bytes.
    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(bytes)
        return hasher.finalize()
    }

    /// The digest of the text's UTF-8 bytes: 32 bytes.
    package static func hash(_ text: String) -> [UInt8] {
        hash(Array(text.utf8))
    }
}
