import Glibc

/// What a non-blocking read or write came to.
enum TransferResult: Equatable {
    /// So many bytes; at least one.
    case bytes(Int)
    /// The kernel would block; try again when the descriptor is ready for this.
    case blocked(on: Readiness)
    /// The peer will send no more. Only for reads.
    case endOfStream
}

/// How bytes cross a descriptor: as they are, or through TLS.
protocol Transport: AnyObject {
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(NetError) -> TransferResult
    func write(_ buffer: UnsafeRawBufferPointer) throws(NetError) -> TransferResult
    /// Tells the peer that no more will be written.
    func shutdownWrite()
    /// Called once, before the descriptor is closed.
    func close()
}

/// Bytes as they are.
final class PlainTransport: Transport {
    let descriptor: Int32

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(NetError) -> TransferResult {
        let count = try systemCall("recv") { unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0) }
        guard let count else { return .blocked(on: .readable) }
        return count == 0 ? .endOfStream : .bytes(count)
    }

    func write(_ buffer: UnsafeRawBufferPointer) throws(NetError) -> TransferResult {
        let count = try systemCall("send") {
            unsafe send(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
        }
        guard let count else { return .blocked(on: .writable) }
        return .bytes(count)
    }

    func shutdownWrite() {
        _ = Glibc.shutdown(descriptor, Int32(SHUT_WR))
    }

    func close() {}
}
