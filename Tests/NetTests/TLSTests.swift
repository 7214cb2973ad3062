import Foundation
import Net
import TestKit
import Testing

private var soon: Deadline { .after(.seconds(20)) }

private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

@Suite("TLS", .timeLimit(.minutes(1)))
struct TLSTests {
    private let authority: TestAuthority

    init() throws {
        authority = try TestAuthority.shared.get()
    }

    /// A server with a fresh certificate, and a client task on a loop. The closure connects as often as it likes.
    private func withServer(
        names: String = "DNS:gateway.test,IP:127.0.0.1", days: Int = 2, isSelfSigned: Bool = false,
        _ arguments: [String] = ["-quiet"], tampering: Tampering = .cut(after: .max),
        body: @escaping @Sendable (OpenSSLServer, SocketAddress, TLSContext) async throws -> Void
    ) async throws {
        let file = "leaf-\(UInt64.random(in: 0 ... .max))"
        try authority.makeCertificate(file, names: names, days: days, isSelfSigned: isSelfSigned)
        let group = try LoopGroup(count: 1)
        defer { group.shutdown() }
        let context = try TLSContext(roots: .file(authority.certificate))
        let server = try await OpenSSLServer(authority, certificate: file, arguments)
        defer { server.stop() }
        try await onLoop(group.loops[0]) {
            try await body(server, try relay(to: server, tampering), context)
        }
    }

    // MARK: Who is accepted

    @Test("a good chain is accepted, for a name and for an address", arguments: ["gateway.test", "127.0.0.1"])
    func goodChain(host: String) async throws {
        try await withServer { server, address, context in
            let stream = try await ByteStream.connectTLS(to: address, host: host, context: context, deadline: soon)
            server.send(Array("hello".utf8))
            var received: [UInt8] = []
            while received.count < 5 { _ = try await stream.read(into: &received, deadline: soon) }
            #expect(received == Array("hello".utf8))
            try await stream.write(Array("and back".utf8), deadline: soon)
            await until { server.received == Array("and back".utf8) }
            stream.close()
        }
    }

    @Test(
        "a certificate that is for somebody else is refused",
        arguments: [
            ("DNS:gateway.test", "other.test", "hostname mismatch"),
            ("DNS:gateway.test", "127.0.0.1", "IP address mismatch"),
            ("IP:127.0.0.1", "gateway.test", "hostname mismatch"),
            ("DNS:*.gateway.test", "a.b.gateway.test", "hostname mismatch"),
            ("DNS:g*.test", "gateway.test", "hostname mismatch"),
            ("DNS:gateway.test", "", "no host name to verify"),
        ])
    func wrongHost(names: String, host: String, reason: String) async throws {
        try await withServer(names: names) { _, address, context in
            try await expectRefusal(reason, address, host: host, context)
        }
    }

    @Test("an expired certificate is refused")
    func expired() async throws {
        try await withServer(days: -1) { _, address, context in
            try await expectRefusal("certificate has expired", address, context)
        }
    }

    @Test("an authority that is not trusted is refused")
    func unknownAuthority() async throws {
        try await withServer { _, address, _ in
            try await expectRefusal("unable to get local issuer certificate", address, TLSContext())
        }
        try await withServer(isSelfSigned: true) { _, address, context in
            try await expectRefusal("self-signed certificate", address, context)
        }
    }

    @Test("what is older than TLS 1.2 is refused", arguments: ["-tls1", "-tls1_1"])
    func oldVersions(version: String) async throws {
        try await withServer([version, "-cipher", "ALL:@SECLEVEL=0"]) { _, address, context in
            try await expectRefusal("protocol version", address, context)
        }
    }

    @Test("the name is sent as SNI and http/1.1 as ALPN")
    func extensions() async throws {
        // The certificate of the right name is given only to who asks for it by SNI.
        try authority.makeCertificate("by-name", names: "DNS:named.test")
        let byName = ["-cert2", authority.path("by-name.pem"), "-key2", authority.path("by-name.key")]
        try await withServer(["-quiet", "-servername", "named.test"] + byName) { _, address, context in
            try await ByteStream.connectTLS(to: address, host: "named.test", context: context, deadline: soon).close()
        }
        try await withServer(["-quiet", "-alpn", "http/1.1"]) { _, address, context in
            try await ByteStream.connectTLS(to: address, host: "gateway.test", context: context, deadline: soon).close()
        }
        try await withServer(["-quiet", "-alpn", "h2"]) { _, address, context in
            try await expectRefusal("no application protocol", address, context)
        }
    }

    @Test("a file of roots that cannot be read is an error")
    func missingRoots() {
        #expect(throws: NetError.self) { try TLSContext(roots: .file("/no/such/file.pem")) }
    }

    // MARK: Bytes

    @Test("large transfers both ways at once arrive whole", arguments: ["-tls1_2", "-tls1_3"])
    func largeTransfers(version: String) async throws {
        let there = pattern(6_000_000)
        let back = pattern(5_000_001)
        try await withServer(["-quiet", version]) { server, address, context in
            let stream = try await ByteStream.connectTLS(
                to: address, host: "gateway.test", context: context, deadline: soon)
            server.send(back)
            async let written: Void = stream.write(there, deadline: soon)
            var received: [UInt8] = []
            while received.count < back.count { _ = try await stream.read(into: &received, deadline: soon) }
            try await written
            #expect(received == back)
            await until { server.receivedCount >= there.count }
            #expect(server.received == there)
            stream.close()
        }
    }

    @Test("push mode works through TLS")
    func push() async throws {
        let pieces = (0..<500).map { SharedBytes(Array("piece \($0);".utf8)) }
        let expected = pieces.flatMap(\.bytes)
        try await withServer { server, address, context in
            let stream = try await ByteStream.connectTLS(
                to: address, host: "gateway.test", context: context, deadline: soon)
            stream.startPushing(onClosed: {}, onDrained: {})
            for piece in pieces { stream.enqueue(piece) }
            await until { server.receivedCount >= expected.count }
            #expect(server.received == expected)
            stream.close()
        }
    }

    @Test("a change of keys in the middle goes unnoticed")
    func keyUpdate() async throws {
        // Without -quiet, a line that begins with K asks for new keys in both directions.
        try await withServer(["-tls1_3"]) { server, address, context in
            let stream = try await ByteStream.connectTLS(
                to: address, host: "gateway.test", context: context, deadline: soon)
            var received: [UInt8] = []
            for round in 1...3 {
                server.send(Array("K\n".utf8))
                // It looks at its standard input first, so what it got after the K shows that the K was obeyed.
                try await stream.write(Array("ping \(round).".utf8), deadline: soon)
                await until { server.received.occurrences(of: "ping \(round).") == 1 }
                server.send(Array("line\n".utf8))
                while received.count < 5 * round { _ = try await stream.read(into: &received, deadline: soon) }
                try await stream.write(Array("answer \(round).".utf8), deadline: soon)
                await until { server.received.occurrences(of: "answer \(round).") == 1 }
            }
            stream.close()
        }
    }

    // MARK: Ends

    @Test("close_notify is the end of the stream")
    func cleanEnd() async throws {
        try await withServer(["-www"]) { _, address, context in
            let page = try await readPage(address, context)
            #expect(page.occurrences(of: "</BODY></HTML>") == 1)
        }
    }

    @Test(
        "a connection that ends without close_notify is an error, in a record and between records",
        arguments: [(["-www", "-tls1_3"], Tampering.cut(after: 2500)), (["-www", "-tls1_2"], .dropAlert)])
    func truncation(arguments: [String], tampering: Tampering) async throws {
        try await withServer(arguments, tampering: tampering) { _, address, context in
            await #expect(throws: NetError(.reset, during: "read")) { try await readPage(address, context) }
        }
    }

    @Test("a changed bit is an error")
    func changedBit() async throws {
        try await withServer(["-www"], tampering: .flipBit(at: 2500)) { _, address, context in
            let error = await #expect(throws: NetError.self) { try await readPage(address, context) }
            #expect(error?.description == "read: TLS: decryption failed or bad record mac")
        }
    }

    @Test("a peer that goes away in the handshake is a reset; one that says nothing times out; other noise is an error")
    func brokenHandshakes() async throws {
        try await withServer(tampering: .cut(after: 300)) { _, address, context in
            await #expect(throws: NetError(.reset, during: "TLS handshake")) {
                try await ByteStream.connectTLS(to: address, host: "gateway.test", context: context, deadline: soon)
            }
            let silent = try Listener(on: .ipv4([127, 0, 0, 1], port: 0), loop: Loop.current!) { stream, _ in
                Loop.current!.schedule(at: soon) { stream.close() }
            }
            await #expect(throws: NetError(.timedOut, during: "TLS handshake")) {
                try await ByteStream.connectTLS(
                    to: silent.address, host: "gateway.test", context: context, deadline: .after(.milliseconds(50)))
            }
            let noisy = try Listener(on: .ipv4([127, 0, 0, 1], port: 0), loop: Loop.current!) { stream, _ in
                _ = try? stream.tryWrite(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
            }
            try await expectRefusal("wrong version number", noisy.address, context)
        }
    }
}

/// Asks `openssl s_server -www` for its page and reads to the end of the stream.
private func readPage(_ address: SocketAddress, _ context: TLSContext) async throws -> [UInt8] {
    let stream = try await ByteStream.connectTLS(to: address, host: "gateway.test", context: context, deadline: soon)
    defer { stream.close() }
    try await stream.write(Array("GET / HTTP/1.0\r\n\r\n".utf8), deadline: soon)
    var received: [UInt8] = []
    while try await stream.read(into: &received, deadline: soon) > 0 {}
    return received
}

private func expectRefusal(
    _ reason: String, _ address: SocketAddress, host: String = "gateway.test", _ context: TLSContext
) async throws {
    let error = await #expect(throws: NetError.self) {
        try await ByteStream.connectTLS(to: address, host: host, context: context, deadline: soon)
    }
    guard case .tls(let text) = error?.kind else {
        Issue.record("not refused by TLS: \(String(describing: error))")
        return
    }
    #expect(text.contains(reason))
}

extension [UInt8] {
    fileprivate func occurrences(of text: String) -> Int {
        String(decoding: self, as: UTF8.self).components(separatedBy: text).count - 1
    }
}
