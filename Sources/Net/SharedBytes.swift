/// Immutable bytes that any number of connections on any loop refer to while they are written.
///
/// An event is encoded once into one of these; sending it to a thousand readers appends a thousand references. The
/// storage has a fixed address, which is what `writev(2)` needs.
@safe
package final class SharedBytes: @unchecked Sendable {
    private let storage: UnsafeRawBufferPointer

    package init(_ bytes: [UInt8]) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
        unsafe copy.copyBytes(from: bytes)
        unsafe storage = UnsafeRawBufferPointer(rebasing: copy[..<bytes.count])
    }

    deinit {
        unsafe storage.baseAddress?.assumingMemoryBound(to: UInt8.self).deallocate()
    }

    package var count: Int { unsafe storage.count }

    /// The bytes, copied.
    package var bytes: [UInt8] { unsafe Array(storage) }

    /// The bytes where they are; valid as long as this object lives.
    var pointer: UnsafeRawBufferPointer { unsafe storage }
}
