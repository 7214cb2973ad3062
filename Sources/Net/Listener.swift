import CLinux
import Glibc

/// A listening socket on one loop. Several loops listen at the same address (SO_REUSEPORT), and the kernel spreads the
/// connections over them. A unix socket can be listened at by one loop only. Loop-bound.
@safe
package final class Listener: ReadinessHandler, @unchecked Sendable {
    /// The address with the port that the kernel chose, when 0 was asked for.
    package let address: SocketAddress
    private let loop: Loop
    private let descriptor: Int32
    private var token: UInt64 = 0
    private var isOpen = true
    private var accept: (ByteStream, SocketAddress) -> Void
    private var retryIsScheduled = false

    /// Binds and listens; `accept` is called on the loop for each connection. Call it on the loop's thread.
    ///
    /// - Parameter backlog: connections the kernel holds before they are accepted.
    package init(
        on address: SocketAddress, loop: Loop, backlog: Int32 = 4096,
        accept: @escaping (ByteStream, SocketAddress) -> Void
    ) throws(NetError) {
        loop.preconditionOnLoop()
        self.loop = loop
        self.accept = accept
        (descriptor, self.address) = try Self.open(address, backlog: backlog)
        do throws(NetError) {
            token = try loop.register(descriptor, mode: .edgeTriggered, interest: .readable, handler: self)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    /// Stops accepting. Connections that the kernel holds are reset.
    package func close() {
        loop.preconditionOnLoop()
        guard isOpen else { return }
        isOpen = false
        loop.deregister(descriptor, token: token)
        Glibc.close(descriptor)
        accept = { _, _ in }
    }

    func readinessDidChange(_ readiness: Readiness) {
        while isOpen {
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let accepted = unsafe clinux_accept(descriptor, &storage, &length)
            guard accepted >= 0 else {
                switch errno {
                case EINTR, ECONNABORTED: continue
                case EAGAIN: return
                // Out of descriptors or memory: the edge is spent, so look again by the clock.
                default: return retryLater()
                }
            }
            let peer = SocketAddress(kernel: storage) ?? .unix("")
            if case .unix = peer {} else { _ = clinux_set_no_delay(accepted) }
            do {
                accept(try ByteStream(descriptor: accepted, loop: loop), peer)
            } catch {
                Glibc.close(accepted)
            }
        }
    }

    private func retryLater() {
        guard !retryIsScheduled else { return }
        retryIsScheduled = true
        loop.schedule(at: .after(.milliseconds(50))) { [weak self] in
            guard let self else { return }
            retryIsScheduled = false
            readinessDidChange(.readable)
        }
    }

    /// A listening descriptor and the address it got.
    private static func open(
        _ address: SocketAddress, backlog: Int32
    ) throws(NetError) -> (descriptor: Int32, address: SocketAddress) {
        let descriptor = clinux_stream_socket(address.family)
        guard descriptor >= 0 else { throw NetError(errno: errno, during: "socket") }
        do throws(NetError) {
            if case .unix(let path) = address {
                // A socket file that a killed process left behind would refuse the bind.
                _ = unsafe unlink(path)
            } else {
                _ = try systemCall("setsockopt") { clinux_set_reuse_address(descriptor) }
                _ = try systemCall("setsockopt") { clinux_set_reuse_port(descriptor) }
            }
            _ = try systemCall("bind") { unsafe address.withKernelAddress { unsafe Glibc.bind(descriptor, $0, $1) } }
            _ = try systemCall("listen") { Glibc.listen(descriptor, backlog) }
            return (descriptor, try localAddress(of: descriptor, bound: address))
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    private static func localAddress(of descriptor: Int32, bound: SocketAddress) throws(NetError) -> SocketAddress {
        if case .unix = bound { return bound }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe getsockname(descriptor, pointer, &length)
            }
        }
        guard result == 0 else { throw NetError(errno: errno, during: "getsockname") }
        return SocketAddress(kernel: storage) ?? bound
    }
}
