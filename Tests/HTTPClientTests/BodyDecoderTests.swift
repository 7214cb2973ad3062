import HTTP
import HTTPClient
import Testing

@Suite("BodyDecoder")
struct BodyDecoderTests {
    private static let chunked = "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"

    @Test(
        "every framing, split anywhere, gives the body and leaves what follows it",
        arguments: [(BodyFraming.length(7), "abcdefg"), (.chunked, chunked)])
    func splits(framing: BodyFraming, wire: String) throws {
        let bytes = Array((wire + "next").utf8)
        for split in 0...bytes.count {
            var decoder = BodyDecoder(framing)
            var input = Array(bytes[..<split])
            var output: [UInt8] = []
            try decoder.decode(&input, into: &output, room: .max)
            input += bytes[split...]
            try decoder.decode(&input, into: &output, room: .max)
            #expect(output == Array("abcdefg".utf8))
            #expect(input == Array("next".utf8))
            #expect(decoder.isComplete)
        }
    }

    @Test("no more than the room is taken", arguments: [BodyFraming.length(7), .chunked, .untilClose], 0...7)
    func room(framing: BodyFraming, room: Int) throws {
        var decoder = BodyDecoder(framing)
        var input = Array((framing == .chunked ? Self.chunked : "abcdefg").utf8)
        var output: [UInt8] = []
        try decoder.decode(&input, into: &output, room: room)
        #expect(output == Array("abcdefg".utf8.prefix(room)))
        // One call stops at the room's end also when only framing follows; another goes on.
        try decoder.decode(&input, into: &output, room: 0)
        #expect(decoder.isComplete == (room == 7 && framing != .untilClose))
        #expect(input.isEmpty == (room == 7))
    }

    @Test("the end of the connection ends only a body that is framed by it")
    func end() throws {
        var untilClose = BodyDecoder(.untilClose)
        try untilClose.inputDidEnd()
        #expect(untilClose.isComplete)
        for framing in [BodyFraming.length(1), .chunked] {
            var decoder = BodyDecoder(framing)
            #expect(throws: ParseError.truncated) { try decoder.inputDidEnd() }
        }
        #expect(BodyDecoder(.none).isComplete && BodyDecoder(.length(0)).isComplete)
    }
}
