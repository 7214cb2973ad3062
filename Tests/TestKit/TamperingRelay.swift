package import Net

/// What a relay between client and server does to the server's bytes.
package struct Tampering: Sendable {
    /// What to pass on of what is pending, and whether to cut the connection after it.
    let pass: @Sendable (_ pending: inout [UInt8], _ passed: Int) -> (forward: [UInt8], cut: Bool)

    package static func cut(after limit: Int) -> Tampering {
        Tampering { pending, passed in
            defer { pending = [] }
            return (Array(pending.prefix(limit - passed)), passed + pending.count >= limit)
        }
    }

    package static func flipBit(at offset: Int) -> Tampering {
        Tampering { pending, passed in
            if pending.indices.contains(offset - passed) { pending[offset - passed] ^= 1 }
            defer { pending = [] }
            return (pending, false)
        }
    }

    /// Cuts instead of passing an alert on (record type 21; TLS 1.2 shows it), so that only close_notify is missing.
    package static let dropAlert = Tampering { pending, _ in
        var forward: [UInt8] = []
        while pending.count >= 5 {
            let length = 5 + Int(pending[3]) << 8 + Int(pending[4])
            guard pending[0] != 21 else { return (forward, true) }
            guard pending.count >= length else { break }
            forward += pending[..<length]
            pending.removeFirst(length)
        }
        return (forward, false)
    }
}

/// Listens on the current loop at the IPv4 loopback and passes every connection on to the server.
package func relay(to server: OpenSSLServer, _ tampering: Tampering) throws -> SocketAddress {
    let loop = Loop.current!
    let listener = try Listener(on: .ipv4([127, 0, 0, 1], port: 0), loop: loop) { client, _ in
        loop.spawn {
            guard let upstream = try? await connect(to: .unix(server.socketPath)) else { return client.close() }
            loop.spawn { try? await passRequests(from: client, to: upstream) }
            var pending: [UInt8] = []
            var passed = 0
            while let count = try? await upstream.read(into: &pending, deadline: .after(.seconds(20))), count > 0 {
                let (forward, cut) = tampering.pass(&pending, passed)
                passed += forward.count
                try? await client.write(forward, deadline: .after(.seconds(20)))
                if cut { break }
            }
            client.close()
            upstream.close()
        }
    }
    return listener.address
}

private func passRequests(from client: ByteStream, to upstream: ByteStream) async throws {
    var bytes: [UInt8] = []
    while try await client.read(into: &bytes, deadline: .after(.seconds(20))) > 0 {
        try await upstream.write(bytes, deadline: .after(.seconds(20)))
        bytes.removeAll(keepingCapacity: true)
    }
}

/// The socket file exists a moment before the server listens.
private func connect(to address: SocketAddress) async throws -> ByteStream {
    while true {
        do throws(NetError) {
            return try await ByteStream.connect(to: address, deadline: .after(.seconds(20)))
        } catch {
            guard error.kind == .refused else { throw error }
            try await Net.sleep(for: .milliseconds(1))
        }
    }
}
