import Foundation
import Kick
import Model
import Testing

@Suite("Sample payloads")
struct EventSamplesTests {
    private static let broadcaster = EventSamples.Broadcaster(
        userID: 77, username: "quo\"te\\ \u{1}\u{e9}", slug: "quote")

    @Test("there is one of every type, which has its type's shape and the broadcaster", arguments: EventCatalog.entries)
    func every(entry: EventCatalog.Entry) throws {
        let body = try #require(
            EventSamples.body(of: entry.type, broadcaster: Self.broadcaster, id: "id1", at: .now()))
        let payload = try #require(try EventCatalog.decode(body, type: entry.type, version: "1"))
        #expect(payload.broadcaster.userID == 77)
        #expect(BroadcasterScanner.broadcasterUserID(in: body) == 77)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
        #expect((object["broadcaster"] as? [String: Any])?["username"] as? String == Self.broadcaster.username)
    }

    @Test("it has the members of Kick's example, no more and no fewer", arguments: EventCatalog.entries)
    func members(entry: EventCatalog.Entry) throws {
        func names(_ body: [UInt8]) throws -> Set<String> {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
            return Set(
                object.flatMap { name, value in
                    [name] + ((value as? [String: Any])?.keys.map { "\(name).\($0)" } ?? [])
                }
            ).subtracting(["replies_to"])
        }
        let sample = try #require(
            EventSamples.body(of: entry.type, broadcaster: Self.broadcaster, id: "id1", at: .now()))
        #expect(try names(sample) == names(Fixture.bytes("events/\(entry.type).json")))
    }

    @Test("a Drops claim has one too, an unknown type has none")
    func others() throws {
        let claim = try #require(
            EventSamples.body(of: .dropsClaim, broadcaster: Self.broadcaster, id: "id1", at: .now()))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(claim)) as? [String: Any])
        #expect(object["claim_id"] as? String == "id1")
        #expect(
            EventSamples.body(
                of: EventType(rawValue: "channel.raided"), broadcaster: Self.broadcaster, id: "id1", at: .now()) == nil)
    }
}

@Suite("JSONMembers")
struct JSONMembersTests {
    private static func text(_ name: String, _ object: String) -> String? {
        JSONMembers.texts(of: [name], in: Array(object.utf8))?[0].map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("a member comes as it stands, byte for byte")
    func raw() {
        #expect(
            Self.text("payload", "{\"type\":\"x\", \"payload\" : { \"a\": 1.50, \"b\":\t12345678901234567890 } }")
                == "{ \"a\": 1.50, \"b\":\t12345678901234567890 }")
        #expect(Self.text("payload", #"{"a":{"payload":1}}"#) == nil)
    }

    @Test(
        "what is no JSON, or would depend on who reads it, gives nothing",
        arguments: [
            #"{"payload":{}"#, #"{"payload":{},"payload":{}}"#, #"{"p\u0061yload":{}}"#, #"{"payload":{'a':1}}"#, "[]",
            #"{"payload":{"a":01}}"#, "{\"payload\":{\"a\":\"\u{1}\"}}", "",
        ])
    func refused(object: String) {
        #expect(JSONMembers.texts(of: ["payload"], in: Array(object.utf8)) == nil)
    }

    @Test("bytes that are no UTF-8 are no JSON")
    func encoding() {
        #expect(
            JSONMembers.texts(of: ["a"], in: Array(#"{"a":""#.utf8) + [0xFF] + Array(#""}"#.utf8)) == nil)
    }
}
