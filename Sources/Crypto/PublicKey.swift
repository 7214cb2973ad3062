import COpenSSL
import Synchronization

/// A public key that checks signatures. The key's own type decides the algorithm.
///
/// Safe to use from many threads at once. A check of an RSA-2048 signature re-uses prepared contexts, so it costs
/// little more than the exponentiation.
package final class PublicKey: Sendable {
    /// How signatures are checked.
    package let algorithm: SignatureAlgorithm
    /// SHA-256 of the DER SubjectPublicKeyInfo: 32 bytes.
    package let fingerprint: [UInt8]

    private let key: KeyHandle
    private let idleContexts = Mutex<[VerifyContext]>([])
    /// More than this many checks at the same moment make contexts of their own and throw them away.
    private static let maximumIdleContexts = 16

    /// Reads a `PUBLIC KEY` PEM block (SubjectPublicKeyInfo). Throws `badKey` for anything but RSA of 2048 to 8192 bits
    /// and Ed25519.
    package convenience init(pem: String) throws(CryptoError) {
        let der = try PEM.decode(pem, label: "PUBLIC KEY")
        let handle: OpaquePointer? = unsafe der.withUnsafeBufferPointer { buffer in
            var cursor = buffer.baseAddress
            guard let key = unsafe d2i_PUBKEY(nil, &cursor, buffer.count) else { return nil }
            guard unsafe cursor == buffer.baseAddress.map({ unsafe $0 + buffer.count }) else {
                unsafe EVP_PKEY_free(key)
                return nil
            }
            return unsafe key
        }
        guard let handle = unsafe handle else {
            ERR_clear_error()
            throw .badKey(reason: "the PEM block holds no public key that OpenSSL can read")
        }
        unsafe try self.init(KeyHandle(owning: handle))
    }

    init(_ key: KeyHandle) throws(CryptoError) {
        algorithm = try key.algorithm()
        fingerprint = SHA256.hash(key.publicDER())
        self.key = key
    }

    /// The key as a `PUBLIC KEY` PEM block.
    package var pem: String { PEM.encode(key.publicDER(), label: "PUBLIC KEY") }

    /// Whether `signature` is this key's signature of the parts, put together in order. False for every malformed one.
    package func isValid(signature: [UInt8], for message: [[UInt8]]) -> Bool {
        switch algorithm {
        case .rsaPKCS1SHA256: isValidRSA(signature, message)
        case .ed25519: isValidEd25519(signature, message)
        }
    }

    /// Whether `signature` is this key's signature of `message`.
    package func isValid(signature: [UInt8], for message: [UInt8]) -> Bool {
        isValid(signature: signature, for: [message])
    }

    private func isValidRSA(_ signature: [UInt8], _ message: [[UInt8]]) -> Bool {
        var hasher = SHA256()
        for part in message { hasher.update(part) }
        let digest = hasher.finalize()
        let context = idleContexts.withLock { $0.popLast() } ?? VerifyContext(key)
        let isValid = context.isValid(signature, digest: digest)
        idleContexts.withLock { idle in
            if idle.count < Self.maximumIdleContexts { idle.append(context) }
        }
        return isValid
    }

    private func isValidEd25519(_ signature: [UInt8], _ message: [[UInt8]]) -> Bool {
        // Ed25519 hashes the message twice, so it cannot be fed in pieces.
        let whole = message.count == 1 ? message[0] : Array(message.joined())
        guard let context = unsafe EVP_MD_CTX_new() else { fatalError("OpenSSL: out of memory") }
        defer { unsafe EVP_MD_CTX_free(context) }
        unsafe mustSucceed(EVP_DigestVerifyInit(context, nil, nil, nil, key.pointer), "EVP_DigestVerifyInit")
        let result = unsafe EVP_DigestVerify(context, signature, signature.count, whole, whole.count)
        if result != 1 { ERR_clear_error() }
        return result == 1
    }
}

extension PublicKey: CustomStringConvertible {
    /// Algorithm and fingerprint.
    package var description: String { "\(algorithm.rawValue) key \(Hex.encode(fingerprint))" }
}

/// One prepared RSA check. Used by one thread at a time: `PublicKey` lends it under a lock.
@safe private final class VerifyContext: @unchecked Sendable {
    private let context: OpaquePointer
    // The context refers to the key.
    private let key: KeyHandle

    init(_ key: KeyHandle) {
        guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key.pointer, nil) else {
            fatalError("OpenSSL: out of memory")
        }
        unsafe mustSucceed(EVP_PKEY_verify_init(context), "EVP_PKEY_verify_init")
        unsafe mustSucceed(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), "EVP_PKEY_CTX_set_rsa_padding")
        unsafe mustSucceed(
            EVP_PKEY_CTX_set_signature_md(context, Algorithms.shared.sha256), "EVP_PKEY_CTX_set_signature_md")
        unsafe self.context = context
        self.key = key
    }

    deinit {
        unsafe EVP_PKEY_CTX_free(context)
    }

    func isValid(_ signature: [UInt8], digest: [UInt8]) -> Bool {
        let result = unsafe EVP_PKEY_verify(context, signature, signature.count, digest, digest.count)
        // A failed check leaves entries in this thread's error queue; left there they would be taken for TLS errors.
        if result != 1 { ERR_clear_error() }
        return result == 1
    }
}
