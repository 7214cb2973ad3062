import Foundation
import HTTP
import Model
import Net
import Testing

@testable import API
@testable import Gateway

@Suite("Framing")
struct EventEncodingTests {
    private static func event(_ body: [UInt8], type: String = "chat.message.sent", id: String = "01A") -> Event {
        Event(
            cursor: EventCursor(epoch: 7, sequence: 42), messageID: id, type: type, version: "1",
            broadcasterUserID: 5, subscriptionID: "sub", sentAt: .unset, receivedAt: .unset, body: body)
    }

    /// What a browser makes of the bytes.
    private static func decode(_ bytes: SharedBytes) throws -> (items: [ServerSentEvent], lastID: String) {
        var decoder = ServerSentEventDecoder()
        let items = try decoder.feed(bytes.bytes).compactMap { item -> ServerSentEvent? in
            if case .event(let event) = item { return event }
            return nil
        }
        return (items, decoder.lastEventID)
    }

    /// JSON that says the same, with the white space that JSON allows between tokens (RFC 8259 §2), and strings that
    /// look like fields of a stream.
    private static let bodies: [String] = [
        #"{"a":[1,2],"text":"x"}"#, "{\n\"a\":[1,\n2],\n\n\"text\":\"x\"\n}", "{\r\"a\":[1,\r2],\r\r\"text\":\"x\"\r}",
        "{\r\n\"a\":[1,\r\n2],\r\n\r\n\"text\":\"x\"\r\n}", "\n\n{\"a\":[1,2],\"text\":\"x\"}\n\n",
        "{\"a\":[1,\n\r2],\n\r\n\"text\":\"x\"\r\r\n}\r", "\t{ \"a\" :\t[ 1 , 2 ] , \"text\" : \"x\" } ",
    ]

    @Test("line breaks between the tokens of a body change neither the framing nor the meaning", arguments: bodies)
    func lineBreaks(body: String) throws {
        let (items, lastID) = try Self.decode(EventEncoding.stream(Self.event(Array(body.utf8)), isHistory: false))
        let item = try #require(items.first)
        #expect(items.count == 1)
        #expect(item.id == "7.42" && lastID == "7.42" && item.event == "chat.message.sent")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(item.data)) as? [String: Any])
        let payload = try #require(object["payload"] as? NSDictionary)
        #expect(payload == ["a": [1, 2], "text": "x"] as NSDictionary)
        #expect(object["cursor"] as? String == "7.42")
    }

    @Test(
        "nothing in a body begins a field or an event of its own, not even in a body that is no JSON",
        arguments: [
            #"{"text":"\n\nevent: gateway.gap\ndata: {}\n\n"}"#, "{}\n\nevent: gateway.gap\nid: 9.9\ndata: forged\n\n",
            "{}\r\revent: gateway.gap\rid: 9.9\rdata: forged\r\r", "{}\r\n\r\nretry: 1\r\nid: 9.9\r\n\r\n",
            "\0\n\0id: 9.9\n\n\0", "\u{FEFF}id: 9.9\n\n", ": comment\n\n", "",
        ])
    func injection(body: String) throws {
        let bytes = EventEncoding.stream(Self.event(Array(body.utf8)), isHistory: true)
        var decoder = ServerSentEventDecoder()
        let items = try decoder.feed(bytes.bytes)
        #expect(items.count == 1 && decoder.lastEventID == "7.42")
        guard case .event(let item) = items.first else { throw CancellationError() }
        #expect(item.id == "7.42" && item.event == "chat.message.sent" && item.retry == nil)
        // Every line that is written is a field of ours.
        let text = String(decoding: bytes.bytes, as: UTF8.self)
        #expect(!text.utf8.contains(UInt8(ascii: "\r")))
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"))
        #expect(lines.allSatisfy { line in ["id: ", "event: ", "data: "].contains { line.starts(with: $0.utf8) } })
    }

    @Test("a type or an id with line breaks or NUL cannot leave its line", arguments: ["\n", "\r", "\r\n", "\0"])
    func otherFields(breaking: String) throws {
        let event = Self.event(Array("{}".utf8), type: "a\(breaking)data: x", id: "1\(breaking)\(breaking)data: y")
        let (items, lastID) = try Self.decode(EventEncoding.stream(event, isHistory: false))
        #expect(items.count == 1 && items.first?.event == nil && lastID == "7.42")
        let object = try JSONSerialization.jsonObject(with: Data(items.first?.data ?? [])) as? [String: Any]
        #expect(object?["type"] as? String == event.type)
        #expect(object?["id"] as? String == event.messageID)
    }

    @Test("a gap says from where to where, and why, under the id to go on from", arguments: StreamGap.Reason.allCases)
    func gap(reason: StreamGap.Reason) throws {
        let gap = StreamGap(
            reason: reason, from: EventCursor(epoch: 7, sequence: 1), to: EventCursor(epoch: 7, sequence: 9),
            oldest: EventCursor(epoch: 7, sequence: 5))
        let (items, lastID) = try Self.decode(EventEncoding.stream(gap))
        #expect(items.first?.event == "gateway.gap" && items.first?.id == "7.9" && lastID == "7.9")
        let object = try JSONSerialization.jsonObject(with: Data(items.first?.data ?? [])) as? [String: Any]
        #expect(object?["from"] as? String == "7.1" && object?["to"] as? String == "7.9")
        #expect(object?["reason"] as? String == reason.rawValue && object?["oldest"] as? String == "7.5")
        #expect((object?["detail"] as? String)?.isEmpty == false)
    }

    @Test("heartbeats and most farewells move the last id and dispatch nothing")
    func silentMessages() throws {
        let cursor = EventCursor(epoch: 7, sequence: 9)
        for bytes in [EventEncoding.position(cursor), EventEncoding.farewell(.age, at: cursor)] {
            let (items, lastID) = try Self.decode(bytes)
            #expect(items.isEmpty && lastID == "7.9")
        }
        let (items, lastID) = try Self.decode(EventEncoding.farewell(.limit, at: cursor))
        #expect(items.first?.event == "gateway.end" && items.first?.text == #"{"reason":"limit","cursor":"7.9"}"#)
        #expect(EventEncoding.marksEnd(lastID) && EventEncoding.cursor(ofLastEventID: lastID) == "7.9")
    }
}
