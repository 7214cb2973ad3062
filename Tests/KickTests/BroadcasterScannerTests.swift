import Foundation
import Kick
import Testing

@Suite("Finding the broadcaster in a body")
struct BroadcasterScannerTests {
    @Test(
        "The id, wherever it stands",
        arguments: [
            (#"{"broadcaster":{"user_id":7}}"#, 7 as Int64?),
            (
                " \r\n\t{ \"a\" : [ 1 , { \"user_id\" : 2 } ] , \"broadcaster\" : { \"user_id\" : 7 } } \n",
                7
            ),
            (#"{"broadcaster":{"user_id":-7}}"#, -7),
            (#"{"sender":{"user_id":1,"broadcaster":{"user_id":2}},"broadcaster":{"user_id":7}}"#, 7),
            (#"{"content":"\"broadcaster\":{\"user_id\":666}","broadcaster":{"user_id":7}}"#, 7),
            (#"{"map":{"\u0062":1},"broadcaster":{"user_id":7,"username":"a\u0041\\\"b"}}"#, 7),
            (#"{"a":-0.5e+10,"b":true,"c":false,"d":[],"e":{},"broadcaster":{"user_id":9223372036854775807}}"#, .max),
            (#"{"broadcaster":{"user_id":9223372036854775808}}"#, nil),
            (#"{"broadcaster":{"user_id":1.5}}"#, nil), (#"{"broadcaster":{"user_id":1e3}}"#, nil),
            (#"{"broadcaster":{"user_id":"7"}}"#, nil), (#"{"broadcaster":{"user_id":null}}"#, nil),
            (#"{"broadcaster":{}}"#, nil), (#"{"broadcaster":null}"#, nil), (#"{"broadcaster":[]}"#, nil),
            (#"{"user_id":7}"#, nil), ("{}", nil), ("", nil), ("null", nil), ("[]", nil),
            (#"[{"broadcaster":{"user_id":7}}]"#, nil),
        ])
    func finds(text: String, id: Int64?) {
        #expect(BroadcasterScanner.broadcasterUserID(in: Array(text.utf8)) == id)
    }

    @Test(
        "Nil when another reader might read otherwise, or the text is not JSON",
        arguments: [
            #"{"broadcaster":{"user_id":7},"broadcaster":{"user_id":8}}"#,
            #"{"broadcaster":{"user_id":7,"user_id":8}}"#,
            #"{"broadcaster":{"user_id":7},"\u0062roadcaster":{"user_id":8}}"#,
            #"{"broadcaster":{"user_id":7,"user\u005fid":8}}"#,
            #"{"broadcaster":{"user_id":7}"#, #"{"broadcaster":{"user_id":7}}}"#, #"{"broadcaster":{"user_id":7}} x"#,
            #"{"broadcaster":{"user_id":07}}"#, #"{"broadcaster":{"user_id":7,}}"#, #"{broadcaster:{"user_id":7}}"#,
            #"{"broadcaster":{"user_id":+7}}"#, #"{"broadcaster":{"user_id":7}"a":1}"#,
            #"{"a":tru,"broadcaster":{"user_id":7}}"#,
            "{\"a\":\"\n\",\"broadcaster\":{\"user_id\":7}}", #"{"a":"\x","broadcaster":{"user_id":7}}"#,
            #"{"a":"\u00g0","broadcaster":{"user_id":7}}"#, #"{"a":1.,"broadcaster":{"user_id":7}}"#,
            #"{"a":[1,],"broadcaster":{"user_id":7}}"#, #"{"a":-,"broadcaster":{"user_id":7}}"#, "{\"a", "{\"a\\",
        ])
    func refuses(text: String) {
        #expect(BroadcasterScanner.broadcasterUserID(in: Array(text.utf8)) == nil)
    }

    @Test("Nesting is bounded")
    func depth() {
        let shallow = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        for (nested, id) in [(shallow, 7 as Int64?), (deep, nil)] {
            let text = #"{"a":\#(nested),"broadcaster":{"user_id":7}}"#
            #expect(BroadcasterScanner.broadcasterUserID(in: Array(text.utf8)) == id)
        }
    }

    @Test("Every example, every cut of one, and every changed byte: no trap, and Foundation agrees on the id")
    func sweep() throws {
        struct Body: Decodable {
            struct Broadcaster: Decodable {
                let userID: Int64
                enum CodingKeys: String, CodingKey { case userID = "user_id" }
            }
            let broadcaster: Broadcaster
        }
        for name in EventCatalogTests.examples {
            let body = try Fixture.event(name)
            let expected = try JSONDecoder().decode(Body.self, from: Data(body)).broadcaster.userID
            #expect(BroadcasterScanner.broadcasterUserID(in: body) == expected)
        }
        let body = try Fixture.genuine().body
        for count in 0..<body.count {
            #expect(BroadcasterScanner.broadcasterUserID(in: Array(body.prefix(count))) == nil)
        }
        for index in body.indices {
            for replacement in [0x00, 0x22, 0x5C, 0x7B, 0x7D, 0x2C, 0x3A, 0x39, 0xFF] as [UInt8] {
                var changed = body
                changed[index] = replacement
                let ours = BroadcasterScanner.broadcasterUserID(in: changed)
                // Foundation is the laxer reader in places, so only what we accept is compared.
                if let ours, let theirs = try? JSONDecoder().decode(Body.self, from: Data(changed)) {
                    #expect(ours == theirs.broadcaster.userID)
                }
            }
        }
    }
}
