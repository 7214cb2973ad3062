import Glibc
import Net

/// Which peers are still connected, as the kernel knows it: a handler that waits is not told when its client goes.
enum ConnectionTable {
    /// Those of `peers` whose connection is closed, from their side too. When the kernel's table cannot be read: none.
    static func gone(among peers: Set<SocketAddress>) -> Set<SocketAddress> {
        var names: [[UInt8]: SocketAddress] = [:]
        for peer in peers { if let name = name(of: peer) { names[name] = peer } }
        guard let ipv4 = read("/proc/net/tcp") else { return [] }
        // A kernel without IPv6 has no such file.
        let ipv6 = read("/proc/net/tcp6") ?? []
        var gone = Set(names.values)
        for table in [ipv4, ipv6] {
            for line in table.split(separator: UInt8(ascii: "\n")).dropFirst() {
                let columns = line.split(separator: UInt8(ascii: " "), maxSplits: 4)
                // The third is the peer, the fourth the state; 01 is "established", 08 that the peer has closed.
                guard columns.count > 3, let peer = names[Array(columns[2])], columns[3].elementsEqual("01".utf8)
                else { continue }
                gone.remove(peer)
            }
        }
        return gone
    }

    /// All of a file that the kernel makes up as it is read: it gives one page at a time and has no length.
    private static func read(_ path: String) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe piece.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { return bytes }
            bytes.append(contentsOf: piece[..<count])
        }
    }

    /// As in the table: each word of the address in the machine's order, in hexadecimal, and the port.
    private static func name(of peer: SocketAddress) -> [UInt8]? {
        let (bytes, port): ([UInt8], UInt16)
        switch peer {
        case .ipv4(let address, let number), .ipv6(let address, let number): (bytes, port) = (address, number)
        case .unix: return nil
        }
        var name: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 4) {
            let word = bytes[start..<start + 4]
            for byte in UInt32(1).littleEndian == 1 ? Array(word.reversed()) : Array(word) { append(byte, to: &name) }
        }
        name.append(UInt8(ascii: ":"))
        append(UInt8(port >> 8), to: &name)
        append(UInt8(port & 0xFF), to: &name)
        return name
    }

    private static func append(_ byte: UInt8, to name: inout [UInt8]) {
        for digit in [byte >> 4, byte & 15] {
            name.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10)
        }
    }
}
