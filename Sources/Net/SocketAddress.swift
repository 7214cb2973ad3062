import CLinux
import Glibc

/// Where a socket listens or connects.
package enum SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// Four address bytes and a port.
    case ipv4([UInt8], port: UInt16)
    /// Sixteen address bytes and a port.
    case ipv6([UInt8], port: UInt16)
    /// A path of at most 107 bytes.
    case unix(String)

    /// Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` (the IPv4 loopback) or `unix:/run/gateway.sock`.
    /// Nil when it is none of these.
    package init?(parsing text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty, path.utf8.count <= 107 else { return nil }
            self = .unix(path)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = String(text[..<colon])
        if host == "localhost" { host = "127.0.0.1" }
        if host.hasPrefix("[") && host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        self.init(host: host, port: port)
    }

    /// An address literal (no names) and a port.
    package init?(host: String, port: UInt16) {
        if let bytes = Self.addressBytes(host, family: AF_INET, count: 4) {
            self = .ipv4(bytes, port: port)
        } else if let bytes = Self.addressBytes(host, family: AF_INET6, count: 16) {
            self = .ipv6(bytes, port: port)
        } else {
            return nil
        }
    }

    /// The port; nil for a unix socket.
    package var port: UInt16? {
        switch self {
        case .ipv4(_, let port), .ipv6(_, let port): port
        case .unix: nil
        }
    }

    /// The address without its port, as in a log line.
    package var host: String {
        switch self {
        case .ipv4(let bytes, _): bytes.map(String.init).joined(separator: ".")
        case .ipv6(let bytes, _): Self.ipv6Text(bytes)
        case .unix(let path): path
        }
    }

    package var description: String {
        switch self {
        case .ipv4(_, let port): "\(host):\(port)"
        case .ipv6(_, let port): "[\(host)]:\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Whether some process listens here already. Sockets that share a port (SO_REUSEPORT) would not notice: the kernel
    /// would hand a part of the connections to the other process.
    package var isTaken: Bool {
        if case .unix = self { return false }
        return unsafe withKernelAddress { unsafe clinux_is_address_taken($0, $1, family) == 1 }
    }

    var family: Int32 {
        switch self {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    /// Lends the kernel's form of the address.
    func withKernelAddress<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        func lend<Address>(_ address: Address) -> R {
            unsafe withUnsafePointer(to: address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    unsafe body(pointer, socklen_t(MemoryLayout<Address>.size))
                }
            }
        }
        switch self {
        case .ipv4(let bytes, let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &address.sin_addr) { unsafe $0.copyBytes(from: bytes) }
            return lend(address)
        case .ipv6(let bytes, let port):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { unsafe $0.copyBytes(from: bytes) }
            return lend(address)
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8.prefix(107)) }
            return lend(address)
        }
    }

    /// The address that the kernel wrote; nil for a family that is not known here.
    init?(kernel storage: sockaddr_storage) {
        switch Int32(storage.ss_family) {
        case AF_INET:
            var copy = storage
            self = unsafe withUnsafePointer(to: &copy) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { pointer in
                    let bytes = unsafe withUnsafeBytes(of: pointer.pointee.sin_addr) { unsafe Array($0) }
                    return unsafe .ipv4(bytes, port: UInt16(bigEndian: pointer.pointee.sin_port))
                }
            }
        case AF_INET6:
            var copy = storage
            self = unsafe withUnsafePointer(to: &copy) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { pointer in
                    let bytes = unsafe withUnsafeBytes(of: pointer.pointee.sin6_addr) { unsafe Array($0) }
                    return unsafe .ipv6(bytes, port: UInt16(bigEndian: pointer.pointee.sin6_port))
                }
            }
        case AF_UNIX: self = .unix("")
        default: return nil
        }
    }

    private static func addressBytes(_ text: String, family: Int32, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return unsafe inet_pton(family, text, &bytes) == 1 ? bytes : nil
    }

    private static func ipv6Text(_ bytes: [UInt8]) -> String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard unsafe inet_ntop(AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
