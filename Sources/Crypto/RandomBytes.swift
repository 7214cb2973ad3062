import COpenSSL

/// Unpredictable bytes from OpenSSL's generator, which the kernel seeds.
package enum RandomBytes {
    /// `count` fresh bytes. Traps when the generator fails: going on with weak randomness would be worse.
    package static func make(_ count: Int) -> [UInt8] {
        precondition(count >= 0 && count <= 1 << 20, "RandomBytes: 0 to 1 MiB")
        guard count > 0 else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            unsafe mustSucceed(RAND_bytes(buffer.baseAddress, Int32(count)), "RAND_bytes")
            initialized = count
        }
    }
}
