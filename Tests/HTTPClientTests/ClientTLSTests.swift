import HTTP
import HTTPClient
import Net
import TestKit
import Testing

@Suite("OutboundClient over TLS", .timeLimit(.minutes(1)))
struct ClientTLSTests {
    /// `openssl s_server -www` answers every GET with a page that ends with the connection, so that nothing but
    /// close_notify tells a whole page from a part.
    private func withServer(
        _ tampering: Tampering = .cut(after: .max), isTrusted: Bool = true,
        body: @escaping @Sendable (OutboundClient, HTTPURL) async throws -> Void
    ) async throws {
        let authority = try TestAuthority.shared.get()
        let file = "leaf-\(UInt64.random(in: 0 ... .max))"
        try authority.makeCertificate(file, names: "DNS:localhost")
        let server = try await OpenSSLServer(authority, certificate: file, ["-www", "-tls1_2"])
        defer { server.stop() }
        let group = try LoopGroup(count: 1)
        defer { group.shutdown() }
        let tls = try TLSContext(roots: isTrusted ? .file(authority.certificate) : .system)
        let client = OutboundClient(loops: group, tls: tls)
        try await onLoop(group.loops[0]) {
            let port = try relay(to: server, tampering).port!
            try await body(client, HTTPURL("https://localhost:\(port)/")!)
        }
    }

    @Test("https works, with the certificate checked against the name in the URL")
    func whole() async throws {
        try await withServer { client, url in
            for _ in 0..<2 {
                let page = try await client.fetch(OutboundRequest(.get, url))
                #expect(page.status == .ok && page.text.hasSuffix("</pre></BODY></HTML>\r\n\r\n"))
            }
            let other = HTTPURL("https://127.0.0.1:\(url.port)/")!
            try await expectFailure(.tls, mayHaveArrived: false, client, OutboundRequest(.get, other))
        }
    }

    @Test("a server that is not trusted gets no request")
    func untrusted() async throws {
        try await withServer(isTrusted: false) { client, url in
            try await expectFailure(.tls, mayHaveArrived: false, client, OutboundRequest(.get, url))
        }
    }

    @Test("a page that was cut short is an error, also when only close_notify is missing")
    func truncated() async throws {
        for tampering in [Tampering.dropAlert, .cut(after: 2000)] {
            try await withServer(tampering) { client, url in
                try await expectFailure(.connectionLost, client, OutboundRequest(.get, url))
            }
        }
    }
}
