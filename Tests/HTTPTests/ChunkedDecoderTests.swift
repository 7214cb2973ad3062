import HTTP
import Testing

struct ChunkedRefusal: CustomTestStringConvertible, Sendable {
    let text: String
    let error: ParseError

    init(_ text: String, _ error: ParseError) {
        self.text = text
        self.error = error
    }

    var testDescription: String { text.debugDescription }
}

@Suite("Chunked bodies")
struct ChunkedDecoderTests {
    /// Feeds pieces of `size` bytes; returns what came out and how many bytes were used.
    private func decode(
        _ text: String, pieces size: Int, limits: ParseLimits = ParseLimits()
    ) throws -> (text: String, used: Int, isComplete: Bool) {
        let bytes = Array(text.utf8)
        var decoder = ChunkedDecoder(limits: limits)
        var output: [UInt8] = []
        var used = 0
        while used < bytes.count, !decoder.isComplete {
            let piece = Array(bytes[used..<min(used + size, bytes.count)])
            used += try decoder.decode(piece.span, into: &output)
        }
        return (String(decoding: output, as: UTF8.self), used, decoder.isComplete)
    }

    @Test(arguments: [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "ab"),
        ("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
        ("0005\r\nhello\r\n000\r\n\r\n", "hello"),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
        ("5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", "hello"),
        ("5 \t;a\r\nhello\r\n0\r\n\r\n", "hello"),
        ("1\r\na\r\n0\r\nTrailer: x\r\nOther:\r\n\r\n", "a"),
    ])
    func decoded(_ text: String, _ expected: String) throws {
        for size in 1...text.utf8.count + 3 {
            let result = try decode(text + "GET", pieces: size)
            #expect(result.text == expected)
            #expect(result.used == text.utf8.count)
            #expect(result.isComplete)
        }
        for count in 0..<text.utf8.count {
            #expect(try !decode(String(text.utf8.prefix(count))!, pieces: 3).isComplete)
        }
    }

    @Test(arguments: [
        ChunkedRefusal("\r\n", .invalidChunkSize),
        ChunkedRefusal(";a\r\n", .invalidChunkSize),
        ChunkedRefusal("x\r\n", .invalidChunkSize),
        ChunkedRefusal("0x5\r\n", .invalidChunkSize),
        ChunkedRefusal("+5\r\n", .invalidChunkSize),
        ChunkedRefusal("-5\r\n", .invalidChunkSize),
        ChunkedRefusal(" 5\r\n", .invalidChunkSize),
        ChunkedRefusal("5 \r\n", .invalidChunkSize),
        ChunkedRefusal("5 5\r\n", .invalidChunkSize),
        ChunkedRefusal("5_0\r\n", .invalidChunkSize),
        ChunkedRefusal("5\n", .invalidChunkSize),
        ChunkedRefusal("5\rX", .invalidChunkSize),
        ChunkedRefusal("5\r\r\n", .invalidChunkSize),
        ChunkedRefusal("FFFFFFFFFFFFFFFF\r\n", .invalidChunkSize),
        ChunkedRefusal("10000000000000005\r\n", .invalidChunkSize),
        ChunkedRefusal("0000000000000000005\r\n", .invalidChunkSize),
        ChunkedRefusal("5;a\nb\r\n", .invalidChunkExtension),
        ChunkedRefusal("5;a\0\r\n", .invalidChunkExtension),
        ChunkedRefusal("5;a\rb\r\n", .invalidChunkSize),
        ChunkedRefusal("5;" + String(repeating: "a", count: 300), .chunkExtensionTooLong),
        ChunkedRefusal("5" + String(repeating: " ", count: 300), .chunkExtensionTooLong),
        ChunkedRefusal("1\r\nab\r\n", .malformedChunk),
        ChunkedRefusal("1\r\na\n", .malformedChunk),
        ChunkedRefusal("1\r\na\rb", .malformedChunk),
        ChunkedRefusal("1\r\na0\r\n\r\n", .malformedChunk),
        ChunkedRefusal("0\r\n\n", .invalidTrailer),
        ChunkedRefusal("0\r\n\rX", .invalidTrailer),
        ChunkedRefusal("0\r\n a: b\r\n", .invalidTrailer),
        ChunkedRefusal("0\r\na : b\r\n", .invalidTrailer),
        ChunkedRefusal("0\r\n: b\r\n", .invalidTrailer),
        ChunkedRefusal("0\r\na: b\nc\r\n", .invalidTrailer),
        ChunkedRefusal("0\r\na: b\0\r\n", .invalidTrailer),
        ChunkedRefusal("0\r\nGET / HTTP/1.1\r\n", .invalidTrailer),
        ChunkedRefusal("0\r\na: " + String(repeating: "a", count: 5000), .trailersTooLarge),
    ])
    func refused(_ refusal: ChunkedRefusal) {
        for size in [1, 2, 3, 7, 10000] {
            #expect(throws: refusal.error) { try decode(refusal.text, pieces: size) }
        }
    }

    @Test func stopsAtTheMaximumAndGoesOn() throws {
        let bytes = Array("5\r\nhello\r\n0\r\n\r\n".utf8)
        var decoder = ChunkedDecoder()
        var output: [UInt8] = []
        let used = try decoder.decode(bytes.span, into: &output, atMost: 3)
        #expect(String(decoding: output, as: UTF8.self) == "hel")
        #expect(used == 6)
        let rest = Array(bytes[used...])
        #expect(try decoder.decode(rest.span, into: &output) == rest.count)
        #expect(String(decoding: output, as: UTF8.self) == "hello")
        #expect(decoder.isComplete)
    }

    @Test func whatTheSerializerWritesComesBack() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<50 {
            var wire: [UInt8] = []
            var expected: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<6, using: &random) {
                let data = (0..<Int.random(in: 0..<300, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                Serializer.appendChunk(data, to: &wire)
                expected += data
            }
            Serializer.appendLastChunk(to: &wire)
            var decoder = ChunkedDecoder()
            var output: [UInt8] = []
            #expect(try decoder.decode(wire.span, into: &output) == wire.count)
            #expect(output == expected)
        }
    }
}
