import HTTP
import Testing

@Suite("Responses")
struct ResponseParserTests {
    private func parse(_ text: String) throws -> ResponseHead? {
        let bytes = Array(text.utf8)
        var whole = ResponseParser()
        let parsed = try whole.parse(bytes)
        var slow = ResponseParser()
        for count in 0..<bytes.count {
            #expect(try slow.feed(bytes, first: count) == nil)
        }
        #expect(try slow.parse(bytes)?.consumed == parsed?.consumed)
        return parsed?.head
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", BodyFraming.length(5), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .length(0), true),
        ("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", .chunked, true),
        ("HTTP/1.1 200\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", .length(5), false),
        ("HTTP/1.1 200 OK\r\n\r\n", .untilClose, false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", .length(5), false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", .length(5), true),
    ])
    func framing(_ text: String, _ framing: BodyFraming, _ isPersistent: Bool) throws {
        let head = try #require(try parse(text))
        #expect(head.status == .ok)
        #expect(head.framing(for: .get) == framing)
        #expect(head.framing(for: .head) == .none)
        #expect(head.isPersistent(for: .get) == isPersistent)
    }

    /// RFC 9112 §6.3 item 1: these end with their head, whatever their fields say.
    @Test(arguments: [100, 103, 204, 304])
    func bodiless(_ code: Int) throws {
        let head = try #require(try parse("HTTP/1.1 \(code) X y\r\nContent-Length: 5\r\n\r\n"))
        #expect(head.status.code == code)
        #expect(head.framing(for: .get) == .none)
        #expect(head.isPersistent(for: .get))
    }

    @Test(arguments: [
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", ParseError.malformedStartLine),
        ("HTTP/1.1  200 OK\r\n\r\n", .malformedStartLine),
        ("HTTP/1.1 20 OK\r\n\r\n", .malformedStartLine),
        ("HTTP/1.1 2000 OK\r\n\r\n", .malformedStartLine),
        ("HTTP/1.1 099 OK\r\n\r\n", .malformedStartLine),
        ("HTTP/1.1 200 O\u{1}\r\n\r\n", .malformedStartLine),
        ("HTTP/2 200\r\n\r\n", .malformedStartLine),
        ("HTTP/2.0 200 OK\r\n\r\n", .unsupportedVersion),
        ("ICY 200 OK\r\n\r\n", .malformedStartLine),
        ("HTTP/1.1 200 OK\n\r\n", .bareLineFeed),
        ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", .whitespaceBeforeColon),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", .lineFolding),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", .repeatedContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", .invalidContentLength),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            .contentLengthWithTransferEncoding
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unsupportedTransferCoding),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
    ])
    func refused(_ text: String, _ error: ParseError) {
        let bytes = Array(text.utf8)
        var parser = ResponseParser()
        #expect(throws: error) { try parser.parse(bytes) }
    }
}
