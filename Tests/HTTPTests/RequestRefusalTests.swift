import HTTP
import Testing

/// A request that must be refused, and why.
struct Refusal: CustomTestStringConvertible, Sendable {
    let name: String
    let text: String
    let error: ParseError
    let status: Int

    init(_ name: String, _ text: String, _ error: ParseError, _ status: Int = 400) {
        self.name = name
        self.text = text
        self.error = error
        self.status = status
    }

    var testDescription: String { name }
}

private let get = "GET / HTTP/1.1\r\n"
private let host = "Host: a\r\n"

let refusals: [Refusal] = [
    // RFC 9112 §3
    Refusal("HTTP/0.9", "GET /\r\n\r\n", .malformedStartLine),
    Refusal("two spaces after the method", "GET  / HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("two spaces after the target", "GET /  HTTP/1.1\r\n\(host)\r\n", .malformedStartLine),
    Refusal("tab for a space", "GET\t/ HTTP/1.1\r\n\(host)\r\n", .malformedStartLine),
    Refusal("space after the version", "GET / HTTP/1.1 \r\n\(host)\r\n", .malformedStartLine),
    Refusal("method that is no token", "G(T / HTTP/1.1\r\n\(host)\r\n", .malformedStartLine),
    Refusal("no method", " / HTTP/1.1\r\n\(host)\r\n", .malformedStartLine),
    Refusal("two empty lines first", "\r\n\r\n\(get)\(host)\r\n", .malformedStartLine),
    Refusal("TLS on a plain port", "\u{16}\u{03}\u{01}", .malformedStartLine),
    Refusal("NUL first", "\0", .malformedStartLine),
    Refusal(
        "method too long", String(repeating: "M", count: 33) + " / HTTP/1.1\r\n\(host)\r\n", .methodTooLong, 501),
    // RFC 9112 §2.3
    Refusal("HTTP/2.0", "GET / HTTP/2.0\r\n\(host)\r\n", .unsupportedVersion, 505),
    Refusal("HTTP/1.2", "GET / HTTP/1.2\r\n\(host)\r\n", .unsupportedVersion, 505),
    Refusal("HTTP/0.9 named", "GET / HTTP/0.9\r\n\(host)\r\n", .unsupportedVersion, 505),
    Refusal("lower-case version", "GET / http/1.1\r\n\(host)\r\n", .malformedStartLine),
    Refusal("version with two digits", "GET / HTTP/1.10\r\n\(host)\r\n", .malformedStartLine),
    Refusal("version without minor", "GET / HTTP/1\r\n\(host)\r\n", .malformedStartLine),
    Refusal("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .invalidTarget),
    // RFC 9112 §3.2
    Refusal("relative target", "GET index HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("control character in target", "GET /\u{1} HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("fragment in target", "GET /a#b HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("quote in target", "GET /\" HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("raw UTF-8 in target", "GET /é HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("half a triplet", "GET /%4 HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("triplet that is not hexadecimal", "GET /?a=%zz HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("asterisk with GET", "GET * HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("asterisk and more", "OPTIONS *a HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("authority-form with GET", "GET a:80 HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", .connectNotSupported, 501),
    Refusal("absolute-form of another scheme", "GET ftp://a/ HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("absolute-form without a host", "GET http:/// HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("absolute-form with user information", "GET http://u@a/ HTTP/1.1\r\n\(host)\r\n", .invalidTarget),
    Refusal("absolute-form without Host", "GET http://a/ HTTP/1.1\r\n\r\n", .missingHost),
    // RFC 9112 §3: 414; §5: 431
    Refusal(
        "target too long", "GET /" + String(repeating: "a", count: 8192) + " HTTP/1.1\r\n\(host)\r\n",
        .startLineTooLong, 414),
    Refusal("target too long and no end", "GET /" + String(repeating: "a", count: 8192), .startLineTooLong, 414),
    Refusal(
        "head too large", "\(get)\(host)A: " + String(repeating: "a", count: 16384) + "\r\n\r\n", .headTooLarge, 431),
    Refusal(
        "head too large and no end", "\(get)\(host)A: " + String(repeating: "a", count: 16384), .headTooLarge, 431),
    Refusal(
        "too many fields", get + host + String(repeating: "a:\r\n", count: 100) + "\r\n", .tooManyFields, 431),
    // RFC 9112 §2.2
    Refusal("bare LF after the request line", "GET / HTTP/1.1\n\(host)\r\n", .bareLineFeed),
    Refusal("bare LF after a field", "\(get)Host: a\n\r\n", .bareLineFeed),
    Refusal("bare LF at the end", "\(get)\(host)\n", .bareLineFeed),
    Refusal("LF first", "\n\(get)\(host)\r\n", .bareLineFeed),
    Refusal("bare CR in a value", "\(get)\(host)A: b\rc\r\n\r\n", .bareCarriageReturn),
    Refusal("bare CR that hides a field", "\(get)\(host)A: b\rContent-Length: 5\r\n\r\n", .bareCarriageReturn),
    Refusal("bare CR in a name", "\(get)\(host)A\rB: c\r\n\r\n", .bareCarriageReturn),
    Refusal("bare CR in the request line", "GET / HTTP/1.1\rX\r\n\(host)\r\n", .malformedStartLine),
    Refusal("two CR before LF", "\(get)\(host)A: b\r\r\n\r\n", .bareCarriageReturn),
    Refusal("white space before the first field", "\(get) \(host)\r\n", .lineFolding),
    // RFC 9112 §5.1, §5.2; RFC 9110 §5.1, §5.5
    Refusal("obs-fold", "\(get)\(host)A: b\r\n c\r\n\r\n", .lineFolding),
    Refusal("obs-fold with a tab", "\(get)\(host)A: b\r\n\tc\r\n\r\n", .lineFolding),
    Refusal("space before the colon", "\(get)Host : a\r\n\r\n", .whitespaceBeforeColon),
    Refusal("tab before the colon", "\(get)\(host)A\t: b\r\n\r\n", .whitespaceBeforeColon),
    Refusal("no colon", "\(get)\(host)A\r\n\r\n", .invalidFieldName),
    Refusal("no name", "\(get)\(host): b\r\n\r\n", .invalidFieldName),
    Refusal("name with a bracket", "\(get)\(host)A[]: b\r\n\r\n", .invalidFieldName),
    Refusal("name with UTF-8", "\(get)\(host)Aé: b\r\n\r\n", .invalidFieldName),
    Refusal("NUL in a name", "\(get)\(host)A\0: b\r\n\r\n", .invalidFieldName),
    Refusal("NUL in a value", "\(get)\(host)A: b\0c\r\n\r\n", .invalidFieldValue),
    Refusal("control character in a value", "\(get)\(host)A: b\u{1}c\r\n\r\n", .invalidFieldValue),
    Refusal("DEL in a value", "\(get)\(host)A: b\u{7F}c\r\n\r\n", .invalidFieldValue),
    // RFC 9112 §3.2
    Refusal("no Host", "\(get)\r\n", .missingHost),
    Refusal("two Hosts", "\(get)\(host)\(host)\r\n", .repeatedHost),
    Refusal("two Hosts in other case", "\(get)\(host)hOST: b\r\n\r\n", .repeatedHost),
    Refusal("two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\n\(host)\(host)\r\n", .repeatedHost),
    Refusal("empty Host", "\(get)Host: \r\n\r\n", .invalidHost),
    Refusal("Host with a path", "\(get)Host: a/b\r\n\r\n", .invalidHost),
    Refusal("Host with user information", "\(get)Host: u@a\r\n\r\n", .invalidHost),
    Refusal("Host list", "\(get)Host: a, b\r\n\r\n", .invalidHost),
    Refusal("Host with a space", "\(get)Host: a b\r\n\r\n", .invalidHost),
    Refusal("Host with a named port", "\(get)Host: a:http\r\n\r\n", .invalidHost),
    Refusal("Host with too high a port", "\(get)Host: a:65536\r\n\r\n", .invalidHost),
    Refusal("Host of a port alone", "\(get)Host: :80\r\n\r\n", .invalidHost),
    Refusal("Host with half a bracket", "\(get)Host: [::1\r\n\r\n", .invalidHost),
    Refusal("Host with a bare IPv6 address", "\(get)Host: ::1\r\n\r\n", .invalidHost),
    Refusal("Host with a broken triplet", "\(get)Host: a%2\r\n\r\n", .invalidHost),
    // RFC 9110 §8.6, RFC 9112 §6.3
    Refusal("negative length", "\(get)\(host)Content-Length: -1\r\n\r\n", .invalidContentLength),
    Refusal("length with a plus", "\(get)\(host)Content-Length: +1\r\n\r\n", .invalidContentLength),
    Refusal("length in hexadecimal", "\(get)\(host)Content-Length: 0x1\r\n\r\n", .invalidContentLength),
    Refusal("length with a space inside", "\(get)\(host)Content-Length: 1 2\r\n\r\n", .invalidContentLength),
    Refusal("length that is a list", "\(get)\(host)Content-Length: 5, 5\r\n\r\n", .invalidContentLength),
    Refusal("length that is a fraction", "\(get)\(host)Content-Length: 1.0\r\n\r\n", .invalidContentLength),
    Refusal("empty length", "\(get)\(host)Content-Length:\r\n\r\n", .invalidContentLength),
    Refusal(
        "length beyond Int", "\(get)\(host)Content-Length: 9223372036854775808\r\n\r\n", .contentTooLarge, 413),
    Refusal(
        "length beyond everything", "\(get)\(host)Content-Length: \(String(repeating: "9", count: 99))\r\n\r\n",
        .contentTooLarge, 413),
    Refusal(
        "conflicting lengths", "\(get)\(host)Content-Length: 5\r\nContent-Length: 6\r\n\r\n", .repeatedContentLength),
    Refusal(
        "equal lengths", "\(get)\(host)Content-Length: 5\r\ncontent-length: 5\r\n\r\n", .repeatedContentLength),
    Refusal(
        "length and coding", "\(get)\(host)Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        .contentLengthWithTransferEncoding),
    Refusal(
        "coding and length", "\(get)\(host)Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
        .contentLengthWithTransferEncoding),
    // RFC 9112 §6.1
    Refusal("gzip", "\(get)\(host)Transfer-Encoding: gzip\r\n\r\n", .unsupportedTransferCoding, 501),
    Refusal("gzip, chunked", "\(get)\(host)Transfer-Encoding: gzip, chunked\r\n\r\n", .unsupportedTransferCoding, 501),
    Refusal("identity", "\(get)\(host)Transfer-Encoding: identity\r\n\r\n", .unsupportedTransferCoding, 501),
    Refusal(
        "chunked twice", "\(get)\(host)Transfer-Encoding: chunked, chunked\r\n\r\n", .unsupportedTransferCoding, 501),
    Refusal(
        "chunked on two lines", "\(get)\(host)Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        .unsupportedTransferCoding, 501),
    Refusal(
        "chunked then identity", "\(get)\(host)Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
        .unsupportedTransferCoding, 501),
    Refusal("xchunked", "\(get)\(host)Transfer-Encoding: xchunked\r\n\r\n", .unsupportedTransferCoding, 501),
    Refusal("quoted chunked", "\(get)\(host)Transfer-Encoding: \"chunked\"\r\n\r\n", .unsupportedTransferCoding, 501),
    Refusal("empty coding", "\(get)\(host)Transfer-Encoding:\r\n\r\n", .unsupportedTransferCoding, 501),
    Refusal("vertical tab before chunked", "\(get)\(host)Transfer-Encoding: \u{B}chunked\r\n\r\n", .invalidFieldValue),
    Refusal(
        "coding in HTTP/1.0", "GET / HTTP/1.0\r\n\(host)Transfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
    // RFC 9110 §10.1.1
    Refusal("unknown expectation", "\(get)\(host)Expect: tea\r\n\r\n", .unknownExpectation, 417),
    Refusal(
        "expectation list", "\(get)\(host)Expect: 100-continue, tea\r\n\r\n", .unknownExpectation, 417),
    Refusal(
        "two expectations", "\(get)\(host)Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", .unknownExpectation,
        417),
]

@Suite("Requests that are refused")
struct RequestRefusalTests {
    @Test("at once and byte by byte", arguments: refusals)
    func refused(_ refusal: Refusal) {
        let bytes = Array(refusal.text.utf8)
        var parser = RequestParser()
        #expect(throws: refusal.error) { try parser.parse(bytes) }
        #expect(Int(refusal.error.status.code) == refusal.status)

        // However the bytes are split, the answer is the same, and comes at the latest with the last byte.
        var slow = RequestParser()
        var thrown: ParseError?
        for count in 1...bytes.count where thrown == nil {
            do {
                let parsed = try slow.feed(bytes, first: count)
                #expect(parsed == nil)
            } catch {
                thrown = error
            }
        }
        #expect(thrown == refusal.error)
    }

    @Test("in two pieces, at every place", arguments: refusals.filter { $0.text.utf8.count < 200 })
    func refusedInTwoPieces(_ refusal: Refusal) {
        let bytes = Array(refusal.text.utf8)
        for split in 0...bytes.count {
            var parser = RequestParser()
            #expect(throws: refusal.error) {
                _ = try parser.feed(bytes, first: split)
                _ = try parser.parse(bytes)
            }
        }
    }

    @Test("with a text that is fixed and shows nothing of the input", arguments: ParseError.allCases)
    func description(_ error: ParseError) {
        #expect(error.description.hasSuffix("."))
        #expect((400...505).contains(error.status.code))
    }
}
