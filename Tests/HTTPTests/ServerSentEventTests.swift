import HTTP
import Testing

@Suite("Server-Sent Events")
struct ServerSentEventTests {
    private func encoded(_ event: ServerSentEvent?) -> String? {
        event.map { String(decoding: $0.encoded, as: UTF8.self) }
    }

    /// Feeds the text whole, byte by byte, and in two pieces at every place; all must agree.
    private func decode(_ text: String) throws -> (items: [ServerSentEventDecoder.Item], lastEventID: String) {
        var whole = ServerSentEventDecoder()
        let items = try whole.feed(text.utf8)
        var bytewise = ServerSentEventDecoder()
        #expect(try text.utf8.flatMap { byte in try bytewise.feed([byte]) } == items)
        let bytes = Array(text.utf8)
        for split in 0...bytes.count {
            var pieces = ServerSentEventDecoder()
            #expect(try pieces.feed(bytes[..<split]) + pieces.feed(bytes[split...]) == items)
        }
        return (items, whole.lastEventID)
    }

    @Test func encoding() {
        #expect(
            encoded(ServerSentEvent(id: "7.12", event: "chat", data: "{}", retry: .milliseconds(1500)))
                == "retry: 1500\nid: 7.12\nevent: chat\ndata: {}\n\n")
        #expect(encoded(ServerSentEvent(data: "")) == "data: \n\n")
        #expect(encoded(ServerSentEvent(data: " a")) == "data:  a\n\n")
        #expect(String(decoding: ServerSentEvent.comment("ping"), as: UTF8.self) == ": ping\n\n")
    }

    /// Each kind of line break that a client knows is one here: none of them ends the field unseen.
    @Test(arguments: ["a\nb", "a\rb", "a\r\nb"])
    func dataIsSplitOverLines(_ data: String) throws {
        let event = try #require(ServerSentEvent(data: data))
        #expect(encoded(event) == "data: a\ndata: b\n\n")
        #expect(try decode(encoded(event)!).items == [.event(ServerSentEvent(data: "a\nb")!)])
    }

    @Test(arguments: ["\n", "\r", "a\ndata: x", "a\r\n\r\nevent: y", "a\0b"])
    func idsAndNamesCannotBreakOut(_ text: String) throws {
        #expect(ServerSentEvent(id: text, data: "") == nil)
        #expect(ServerSentEvent(event: text, data: "") == nil)
        // As data the same text is harmless.
        let event = try #require(ServerSentEvent(id: "1", data: text + "\nid: 2\n\nevent: evil"))
        let (items, lastEventID) = try decode(encoded(event)!)
        #expect(items.count == 1)
        #expect(lastEventID == "1")
        let comment = String(decoding: ServerSentEvent.comment(text + "\ndata: x\n\n"), as: UTF8.self)
        for item in try decode(comment).items {
            guard case .comment = item else {
                Issue.record("\(item)")
                continue
            }
        }
    }

    @Test func decodingAsBrowsersDo() throws {
        let text = """
            \u{FEFF}: welcome
            retry: 3000
            retry: 3s

            id: 1
            event:add
            data:first
            data: second
            unknown: x

            data

            data: no name
            event
            id

            id: 4
            event: nothing

            data: lost

            """
        var (items, lastEventID) = try decode(text)
        #expect(
            items == [
                .comment("welcome"), .retry(.seconds(3)),
                .event(ServerSentEvent(id: "1", event: "add", data: "first\nsecond")!),
                .event(ServerSentEvent(data: "")!),
                .event(ServerSentEvent(id: "", data: "no name")!),
            ])
        #expect(lastEventID == "4")
        (items, lastEventID) = try decode("id: 1\0\rdata: a\r\rid: x\r\ndata: b\r\n\r\n")
        #expect(items == [.event(ServerSentEvent(data: "a")!), .event(ServerSentEvent(id: "x", data: "b")!)])
    }

    @Test func eventsWithoutEndAreRefused() throws {
        for text in ["data: ", ": ", "data: a\ndata: "] {
            var decoder = ServerSentEventDecoder(limit: 100)
            _ = try decoder.feed(text.utf8)
            #expect(throws: ParseError.contentTooLarge) {
                _ = try decoder.feed([UInt8](repeating: 0x61, count: 100))
            }
        }
    }

    @Test func whateverGoesInComesOut() throws {
        var random = SeededGenerator(seed: 11)
        let alphabet = Array("ab :\r\n{}é".unicodeScalars)
        for _ in 0..<200 {
            var data = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0..<20, using: &random) {
                data.append(alphabet.randomElement(using: &random)!)
            }
            let event = try #require(ServerSentEvent(id: "i", data: String(data)))
            var decoder = ServerSentEventDecoder()
            var lines = String.UnicodeScalarView()
            var last: Unicode.Scalar?
            for scalar in data {
                if !(scalar == "\n" && last == "\r") { lines.append(scalar == "\r" ? "\n" : scalar) }
                last = scalar
            }
            #expect(try decoder.feed(event.encoded) == [.event(ServerSentEvent(id: "i", data: String(lines))!)])
        }
    }
}
