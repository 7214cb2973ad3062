import CLinux
import Glibc

/// A non-blocking stream of bytes on a loop: TCP, a unix socket, or TLS over one.
///
/// Every operation tries first and waits only when the kernel would block. A stream belongs to its loop's thread: all
/// of its members trap when they are used elsewhere. At most one read and one write may wait at a time.
///
/// Two ways to write exclude each other in time: ``write(_:deadline:)`` by a task that waits, and ``enqueue(_:)`` (see
/// `ByteStream+Push.swift`) for a stream that has no task at all.
@safe
package final class ByteStream: ReadinessHandler, @unchecked Sendable {
    package let loop: Loop
    let descriptor: Int32
    /// Replaced once, before anything is read or written, when TLS begins.
    var transport: any Transport
    private var token: UInt64 = 0
    package private(set) var isOpen = true

    // Edge-triggered: what the kernel last said, until a call blocks.
    private var mayRead = true
    private(set) var mayWrite = true

    private let reader: StreamWaiter
    private let writer: StreamWaiter
    /// What is queued in push mode.
    var push = PushQueue()

    /// Takes over a connected, non-blocking descriptor. On the loop's thread.
    init(
        descriptor: Int32, loop: Loop, transport: (any Transport)? = nil
    ) throws(NetError) {
        self.descriptor = descriptor
        self.loop = loop
        self.transport = transport ?? PlainTransport(descriptor: descriptor)
        reader = StreamWaiter(loop: loop)
        writer = StreamWaiter(loop: loop)
        token = try loop.register(descriptor, mode: .edgeTriggered, interest: [.readable, .writable], handler: self)
    }

    /// Connects on the current loop. Throws `.refused`, `.timedOut`, `.system`.
    package static func connect(to address: SocketAddress, deadline: Deadline) async throws(NetError) -> ByteStream {
        guard let loop = Loop.current else { preconditionFailure("connect needs a loop") }
        let descriptor = clinux_stream_socket(address.family)
        guard descriptor >= 0 else { throw NetError(errno: errno, during: "socket") }
        let stream: ByteStream
        do throws(NetError) {
            if case .unix = address {} else { _ = clinux_set_no_delay(descriptor) }
            let done = try systemCall("connect") {
                unsafe address.withKernelAddress { unsafe Glibc.connect(descriptor, $0, $1) }
            }
            stream = try ByteStream(descriptor: descriptor, loop: loop)
            if done != nil { return stream }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        do throws(NetError) {
            stream.mayWrite = false
            try await stream.waitWritable(deadline: deadline)
            let code = clinux_socket_error(descriptor)
            guard code == 0 else { throw NetError(errno: code, during: "connect") }
            return stream
        } catch {
            stream.close()
            throw error
        }
    }

    // MARK: Reading

    /// Appends what has arrived, at most `limit` bytes.
    ///
    /// - Returns: how many; 0 at the end of the stream; nil when nothing has arrived yet.
    package func tryRead(into buffer: inout [UInt8], atMost limit: Int) throws(NetError) -> Int? {
        try checkOpen("read")
        guard mayRead else { return nil }
        let scratch = unsafe UnsafeMutableRawBufferPointer(
            rebasing: loop.receiveBuffer[..<min(limit, loop.receiveBuffer.count)])
        switch try unsafe transport.read(into: scratch) {
        case .bytes(let count):
            unsafe buffer.append(contentsOf: scratch[..<count])
            return count
        case .endOfStream: return 0
        case .blocked(let direction):
            markBlocked(direction)
            return nil
        }
    }

    /// Waits until a read may get on. Throws `.timedOut` at the deadline, `.closed` when ``close()`` came first.
    package func waitReadable(deadline: Deadline) async throws(NetError) {
        try checkOpen("read")
        if mayRead { return }
        try await reader.wait(until: deadline, operation: "read")
    }

    /// Appends at least one byte and at most `limit`, waiting for it; returns 0 at the end of the stream.
    package func read(
        into buffer: inout [UInt8], atMost limit: Int = 65536, deadline: Deadline
    ) async throws(NetError) -> Int {
        while true {
            if let count = try tryRead(into: &buffer, atMost: limit) { return count }
            try await waitForBlocked(deadline: deadline, isRead: true)
        }
    }

    // MARK: Writing

    /// Writes what the kernel takes now, from `offset`; returns how many bytes, which may be none.
    package func tryWrite(_ bytes: [UInt8], from offset: Int = 0) throws(NetError) -> Int {
        try checkOpen("write")
        guard mayWrite, offset < bytes.count else { return 0 }
        let result: Result<TransferResult, NetError> = unsafe bytes.withUnsafeBytes { pointer in
            do throws(NetError) {
                return .success(unsafe try transport.write(UnsafeRawBufferPointer(rebasing: pointer[offset...])))
            } catch {
                return .failure(error)
            }
        }
        switch try result.get() {
        case .bytes(let count): return count
        case .endOfStream: throw NetError(.reset, during: "write")
        case .blocked(let direction):
            markBlocked(direction)
            return 0
        }
    }

    /// Writes all of the bytes. Throws `.timedOut` when the peer does not take them by the deadline; some may have left.
    package func write(_ bytes: [UInt8], deadline: Deadline) async throws(NetError) {
        var offset = 0
        while offset < bytes.count {
            let count = try tryWrite(bytes, from: offset)
            offset += count
            if count == 0 { try await waitForBlocked(deadline: deadline, isRead: false) }
        }
    }

    /// Waits until a write may get on.
    package func waitWritable(deadline: Deadline) async throws(NetError) {
        try checkOpen("write")
        if mayWrite { return }
        try await writer.wait(until: deadline, operation: "write")
    }

    // MARK: Ending

    /// Says that nothing more will be written; reading goes on.
    package func shutdownWrite() {
        loop.preconditionOnLoop()
        guard isOpen else { return }
        transport.shutdownWrite()
    }

    /// Closes the descriptor; whoever waits gets `.closed`. Harmless when closed already.
    package func close() {
        loop.preconditionOnLoop()
        guard isOpen else { return }
        isOpen = false
        transport.close()
        loop.deregister(descriptor, token: token)
        Glibc.close(descriptor)
        reader.close(with: NetError(.closed, during: "read"))
        writer.close(with: NetError(.closed, during: "write"))
        pushDidClose()
    }

    // MARK: Readiness

    func readinessDidChange(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: [.readable, .hungUp]) {
            mayRead = true
            reader.finish(with: nil)
        }
        if !readiness.isDisjoint(with: [.writable, .hungUp]) {
            mayWrite = true
            writer.finish(with: nil)
        }
        pushDidBecome(readiness)
    }

    func markBlocked(_ direction: Readiness) {
        if direction.contains(.writable) { mayWrite = false } else { mayRead = false }
    }

    /// Waits for what the last attempt was blocked on. TLS may need to write in order to read, and the other way round.
    func waitForBlocked(deadline: Deadline, isRead: Bool) async throws(NetError) {
        let operation: StaticString = isRead ? "read" : "write"
        if isRead ? !mayRead : mayWrite && !mayRead {
            try await reader.wait(until: deadline, operation: operation)
        } else if !mayWrite {
            try await writer.wait(until: deadline, operation: operation)
        }
    }

    func checkOpen(_ operation: StaticString) throws(NetError) {
        loop.preconditionOnLoop()
        guard isOpen else { throw NetError(.closed, during: operation) }
    }
}
