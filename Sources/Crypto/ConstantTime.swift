import COpenSSL

/// Whether both are the same bytes, in a time that depends on the lengths alone. The length itself is not hidden.
package func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    return unsafe CRYPTO_memcmp(left, right, left.count) == 0
}
