import HTTP
import Testing

/// A request that is accepted, and what comes out.
struct Accepted: CustomTestStringConvertible, Sendable {
    let name: String
    let text: String
    var method = Method.get
    var path = "/"
    var query: String?
    var authority: String? = "a"
    var version = ProtocolVersion.http11
    var framing = BodyFraming.none
    var isPersistent = true
    var expectsContinue = false
    var fields: [String]?

    var testDescription: String { name }
}

private let host = "Host: a\r\n"

let accepted: [Accepted] = [
    Accepted(name: "hello", text: "GET / HTTP/1.1\r\n\(host)\r\n", fields: ["Host=a"]),
    Accepted(name: "an empty line first", text: "\r\nGET / HTTP/1.1\r\n\(host)\r\n"),
    Accepted(
        name: "path and query", text: "GET /a/b%20c?x=1&y=%2f?/ HTTP/1.1\r\n\(host)\r\n", path: "/a/b%20c",
        query: "x=1&y=%2f?/"),
    Accepted(name: "empty query", text: "GET /a? HTTP/1.1\r\n\(host)\r\n", path: "/a", query: ""),
    Accepted(
        name: "what browsers leave in queries", text: "GET /?f[a]={b}|c^\\` HTTP/1.1\r\n\(host)\r\n",
        query: "f[a]={b}|c^\\`"),
    Accepted(name: "two slashes", text: "GET //x/y HTTP/1.1\r\n\(host)\r\n", path: "//x/y"),
    Accepted(name: "asterisk", text: "OPTIONS * HTTP/1.1\r\n\(host)\r\n", method: .options, path: "*"),
    // RFC 9112 §3.2.2: the target wins over Host.
    Accepted(
        name: "absolute-form that disagrees with Host", text: "GET http://b:81/x?q HTTP/1.1\r\n\(host)\r\n", path: "/x",
        query: "q", authority: "b:81"),
    Accepted(name: "absolute-form without a path", text: "GET HTTP://b HTTP/1.1\r\n\(host)\r\n", authority: "b"),
    Accepted(
        name: "absolute-form with a query alone", text: "GET https://b?q HTTP/1.1\r\n\(host)\r\n", query: "q",
        authority: "b"),
    Accepted(name: "method of one's own", text: "M-SEARCH / HTTP/1.1\r\n\(host)\r\n", method: Method("M-SEARCH")!),
    Accepted(
        name: "HTTP/1.0 without Host", text: "GET / HTTP/1.0\r\n\r\n", authority: nil, version: .http10,
        isPersistent: false, fields: []),
    Accepted(
        name: "HTTP/1.0 with keep-alive", text: "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", authority: nil,
        version: .http10),
    Accepted(name: "close", text: "GET / HTTP/1.1\r\n\(host)Connection: foo, Close\r\n\r\n", isPersistent: false),
    Accepted(
        name: "close and keep-alive",
        text: "GET / HTTP/1.1\r\n\(host)Connection: keep-alive\r\nConnection: close\r\n\r\n",
        isPersistent: false),
    Accepted(name: "not quite close", text: "GET / HTTP/1.1\r\n\(host)Connection: closed, xclose\r\n\r\n"),
    Accepted(
        name: "length", text: "POST / HTTP/1.1\r\n\(host)Content-Length: 0012\r\n\r\n", method: .post,
        framing: .length(12)),
    Accepted(name: "length 0", text: "POST / HTTP/1.1\r\n\(host)Content-Length: 0\r\n\r\n", method: .post),
    Accepted(
        name: "largest length", text: "POST / HTTP/1.1\r\n\(host)Content-Length: 9223372036854775807\r\n\r\n",
        method: .post, framing: .length(.max)),
    Accepted(
        name: "chunked", text: "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: Chunked \r\n\r\n", method: .post,
        framing: .chunked),
    Accepted(
        name: "100-continue", text: "PUT / HTTP/1.1\r\n\(host)Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
        method: .put, framing: .length(1), expectsContinue: true),
    Accepted(
        name: "100-continue of HTTP/1.0 is ignored",
        text: "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", method: .put, authority: nil,
        version: .http10, framing: .length(1), isPersistent: false),
    Accepted(
        name: "white space around values", text: "GET / HTTP/1.1\r\nHost:\t a \t\r\nB:\r\nC: \r\nD:x y\r\n\r\n",
        fields: ["Host=a", "B=", "C=", "D=x y"]),
    Accepted(
        name: "every byte a name can have", text: "GET / HTTP/1.1\r\n\(host)!#$%&'*+-.^_`|~09AZaz: x\r\n\r\n",
        fields: ["Host=a", "!#$%&'*+-.^_`|~09AZaz=x"]),
    Accepted(name: "UTF-8 in a value", text: "GET / HTTP/1.1\r\n\(host)A: é\r\n\r\n", fields: ["Host=a", "A=é"]),
    Accepted(name: "host with a port", text: "GET / HTTP/1.1\r\nHost: a.b-c:8080\r\n\r\n", authority: "a.b-c:8080"),
    Accepted(name: "host with an empty port", text: "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", authority: "a:"),
    Accepted(name: "IPv6 host", text: "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", authority: "[::1]:80"),
    Accepted(name: "IPv4 host", text: "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", authority: "127.0.0.1"),
    Accepted(
        name: "as many fields as allowed",
        text: "GET / HTTP/1.1\r\n\(host)" + String(repeating: "a:\r\n", count: 99) + "\r\n"),
    Accepted(
        name: "as long a request line as allowed",
        text: "GET /" + String(repeating: "a", count: 8192 - 14) + " HTTP/1.1\r\n\(host)\r\n",
        path: "/" + String(repeating: "a", count: 8192 - 14)),
]

@Suite("Requests that are accepted")
struct RequestParserTests {
    private func check(_ head: RequestHead, _ expected: Accepted) {
        #expect(head.method == expected.method)
        #expect(head.path == expected.path)
        #expect(head.query == expected.query)
        #expect(head.authority == expected.authority)
        #expect(head.version == expected.version)
        #expect(head.framing == expected.framing)
        #expect(head.isPersistent == expected.isPersistent)
        #expect(head.expectsContinue == expected.expectsContinue)
        if let fields = expected.fields {
            #expect(head.fields.pairs.map { "\($0.name)=\($0.value)" } == fields)
        }
    }

    @Test("in two pieces, at every place, with more behind", arguments: accepted)
    func acceptedInTwoPieces(_ expected: Accepted) throws {
        let bytes = Array(expected.text.utf8)
        let more = bytes + Array("GET /next HTTP/1.1\r\n".utf8)
        let step = bytes.count > 1000 ? 61 : 1
        for split in stride(from: 0, to: bytes.count, by: step) {
            var parser = RequestParser()
            #expect(try parser.feed(bytes, first: split) == nil)
            let parsed = try #require(try parser.parse(more))
            #expect(parsed.consumed == bytes.count)
            check(parsed.head, expected)
        }
    }

    @Test("byte by byte, twice on one parser", arguments: accepted)
    func acceptedByteByByte(_ expected: Accepted) throws {
        let bytes = Array(expected.text.utf8)
        var parser = RequestParser()
        for _ in 1...2 {
            for count in 0..<bytes.count {
                #expect(try parser.feed(bytes, first: count) == nil)
            }
            let parsed = try #require(try parser.parse(bytes))
            check(parsed.head, expected)
        }
    }

    @Test func headsOneAfterAnotherComeOutInOrder() throws {
        var bytes = Array("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3".utf8)
        var parser = RequestParser()
        var paths: [String] = []
        while let parsed = try parser.parse(bytes) {
            paths.append(parsed.head.path)
            bytes.removeFirst(parsed.consumed)
        }
        #expect(paths == ["/1", "/2"])
        let hasBegun = parser.hasBegun(after: bytes.count)
        #expect(hasBegun)
    }

    @Test func headOfExactlyTheLimitPasses() throws {
        let limits = ParseLimits(startLine: 20, head: 40)
        for (padding, passes) in [(15, true), (16, false)] {
            let text = "GET / HTTP/1.1\r\nHost: " + String(repeating: "h", count: padding - 1) + "\r\n\r\n"
            #expect(text.utf8.count == 25 + padding)
            var parser = RequestParser(limits: limits)
            let bytes = Array(text.utf8)
            if passes {
                #expect(try parser.parse(bytes) != nil)
            } else {
                #expect(throws: ParseError.headTooLarge) { try parser.parse(bytes) }
            }
        }
    }

    /// Whatever arrives: an answer or an error, no trap, and the same one however it is split.
    @Test func randomBytesNeverTrap() {
        var random = SeededGenerator(seed: 7)
        let alphabet = Array("GET /?%*: HTTP/1.10Host\r\n\r\n\t\0é,a;x".utf8)
        for _ in 0..<3000 {
            let noise = (0..<Int.random(in: 0..<80, using: &random)).map { _ in alphabet.randomElement(using: &random)!
            }
            let prefix = Bool.random(using: &random) ? Array("GET / HTTP/1.1\r\nHost: a\r\n".utf8) : []
            let bytes = prefix + noise + Array("\r\n\r\n".utf8)
            var whole = RequestParser()
            var pieces = RequestParser()
            let expected = Result { () throws(ParseError) in try whole.parse(bytes)?.consumed }
            var actual: Result<Int?, ParseError> = .success(nil)
            for count in 0...bytes.count {
                actual = Result { () throws(ParseError) in
                    try pieces.feed(bytes, first: count)?.consumed
                }
                guard case .success(nil) = actual else { break }
            }
            #expect(actual == expected)
        }
    }
}
