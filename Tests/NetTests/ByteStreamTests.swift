import Net
import TestKit
import Testing

/// A listener on one loop whose connections are handed to `serve`, and a client task on another loop.
private func withServer(
    serve: @escaping @Sendable (ByteStream) async throws -> Void,
    client: @escaping @Sendable (SocketAddress) async throws -> Void
) async throws {
    let group = try LoopGroup(count: 2)
    defer { group.shutdown() }
    let address = try await onLoop(group.loops[0]) {
        let loop = Loop.current!
        let listener = try Listener(on: .ipv4([127, 0, 0, 1], port: 0), loop: loop) { stream, _ in
            loop.spawn { try? await serve(stream) }
        }
        return listener.address
    }
    try await onLoop(group.loops[1]) { try await client(address) }
}

@Suite("ByteStream", .timeLimit(.minutes(1)))
struct ByteStreamTests {
    @Test("what is written arrives whole, whatever its size", arguments: [1, 100, 65_536, 5_000_000])
    func echo(size: Int) async throws {
        let sent = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try await withServer { stream in
            var buffer: [UInt8] = []
            while try await stream.read(into: &buffer, deadline: .after(.seconds(20))) > 0 {
                try await stream.write(buffer, deadline: .after(.seconds(20)))
                buffer.removeAll(keepingCapacity: true)
            }
            stream.close()
        } client: { address in
            let stream = try await ByteStream.connect(to: address, deadline: .after(.seconds(5)))
            async let written: Void = stream.write(sent, deadline: .after(.seconds(20)))
            var received: [UInt8] = []
            while received.count < size {
                _ = try await stream.read(into: &received, deadline: .after(.seconds(20)))
            }
            try await written
            #expect(received == sent)
            stream.shutdownWrite()
            #expect(try await stream.read(into: &received, deadline: .after(.seconds(5))) == 0)
            stream.close()
        }
    }

    @Test("a read throws timedOut at its deadline and the stream can be read again")
    func readDeadline() async throws {
        try await withServer { stream in
            var buffer: [UInt8] = []
            _ = try await stream.read(into: &buffer, deadline: .after(.seconds(20)))
            try await stream.write(Array("late".utf8), deadline: .after(.seconds(5)))
        } client: { address in
            let stream = try await ByteStream.connect(to: address, deadline: .after(.seconds(5)))
            var buffer: [UInt8] = []
            await #expect(throws: NetError(.timedOut, during: "read")) {
                try await stream.read(into: &buffer, deadline: .after(.milliseconds(5)))
            }
            try await stream.write([1], deadline: .after(.seconds(5)))
            _ = try await stream.read(into: &buffer, deadline: .after(.seconds(5)))
            #expect(buffer == Array("late".utf8))
            stream.close()
        }
    }

    @Test("a write to a peer that does not read throws timedOut")
    func writeDeadline() async throws {
        try await withServer { _ in
            try await Net.sleep(for: .seconds(30))
        } client: { address in
            let stream = try await ByteStream.connect(to: address, deadline: .after(.seconds(5)))
            let bytes = [UInt8](repeating: 0, count: 64 << 20)
            await #expect(throws: NetError(.timedOut, during: "write")) {
                try await stream.write(bytes, deadline: .after(.milliseconds(100)))
            }
            stream.close()
        }
    }

    @Test("closing wakes whoever waits; a refused connection is named as such")
    func closeAndRefused() async throws {
        try await withServer { _ in
        } client: { address in
            let stream = try await ByteStream.connect(to: address, deadline: .after(.seconds(5)))
            Loop.current!.execute { stream.close() }
            var buffer: [UInt8] = []
            await #expect(throws: NetError.self) {
                while try await stream.read(into: &buffer, deadline: .after(.seconds(5))) > 0 {}
                throw NetError(.closed, during: "read")
            }
            await #expect(throws: NetError(.refused, during: "connect")) {
                _ = try await ByteStream.connect(to: .ipv4([127, 0, 0, 1], port: 1), deadline: .after(.seconds(5)))
            }
        }
    }

    @Test("push mode delivers shared bytes in order, tells when drained and when the peer leaves")
    func push() async throws {
        let closed = Box(false)
        let drained = Box(0)
        let pieces = (0..<1000).map { SharedBytes(Array("piece \($0);".utf8)) }
        try await withServer { stream in
            stream.startPushing(onClosed: { closed.update { $0 = true } }, onDrained: { drained.update { $0 += 1 } })
            for piece in pieces { stream.enqueue(piece) }
            #expect(stream.pendingBytes > 0)
        } client: { address in
            let stream = try await ByteStream.connect(to: address, deadline: .after(.seconds(5)))
            let expected = pieces.flatMap(\.bytes)
            var received: [UInt8] = []
            while received.count < expected.count {
                _ = try await stream.read(into: &received, deadline: .after(.seconds(5)))
            }
            #expect(received == expected)
            // The last bytes may be read here before the other loop has heard that they were taken.
            await until { drained.value > 0 }
            stream.close()
            await until { closed.value }
        }
    }

    @Test("names resolve off the loop; an unknown one is an error")
    func resolver() async throws {
        let group = try LoopGroup(count: 1)
        defer { group.shutdown() }
        try await onLoop(group.loops[0]) {
            let addresses = try await Resolver.shared.addresses(
                of: "localhost", port: 80, deadline: .after(.seconds(10)))
            #expect(addresses.contains(.ipv4([127, 0, 0, 1], port: 80)) || addresses.contains { $0.host == "::1" })
            await #expect(throws: NetError.self) {
                try await Resolver.shared.addresses(
                    of: "no-such-host.invalid", port: 80, deadline: .after(.seconds(10)))
            }
        }
    }

    @Test(
        "addresses are read and printed",
        arguments: [
            ("127.0.0.1:8080", "127.0.0.1:8080"), ("[::1]:80", "[::1]:80"), ("localhost:1", "127.0.0.1:1"),
            ("unix:/tmp/x", "unix:/tmp/x"), ("0.0.0.0:0", "0.0.0.0:0"),
        ])
    func addresses(text: String, printed: String) {
        #expect(SocketAddress(parsing: text)?.description == printed)
    }

    @Test("what is no address is refused", arguments: ["", "8080", "host:80", "1.2.3:80", "127.0.0.1:99999", "unix:"])
    func badAddresses(text: String) {
        #expect(SocketAddress(parsing: text) == nil)
    }
}
