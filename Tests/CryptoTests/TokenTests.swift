import Crypto
import Testing

@Suite("Secret tokens and ULIDs")
struct TokenTests {
    @Test func tokens() {
        let tokens = (0..<50).map { _ in SecretToken(prefix: "kgw_") }
        #expect(Set(tokens.map { $0.reveal() }).count == 50)
        for token in tokens {
            #expect(token.reveal().hasPrefix("kgw_"))
            #expect(token.reveal().count == 4 + 43)
            #expect(token.reveal().dropFirst(4).allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
            #expect(token.hash == SHA256.hash(token.reveal()))
            #expect(SecretToken.hash(of: token.reveal()) == token.hash)
        }
        let used = Set(tokens.flatMap { $0.reveal().dropFirst(4) })
        #expect(used.count == 62)
    }

    @Test("A token does not show in descriptions and dumps")
    func redaction() {
        let token = SecretToken()
        var dumped = ""
        dump(token, to: &dumped)
        for text in ["\(token)", token.debugDescription, "\([token])", dumped] {
            #expect(!text.contains(token.reveal()))
        }
    }

    @Test("The time of a ULID is that of Kick's genuine delivery")
    func genuineULID() throws {
        let id = try #require(ULID("01JQR5KV0QC94HMETWYNBWRW4Z"))
        // 2025-04-01T07:56:19.863Z
        #expect(id.milliseconds == 1_743_494_179_863)
        #expect(id.description == "01JQR5KV0QC94HMETWYNBWRW4Z")
        #expect(ULID("01jqr5kv0qc94hmetwynbwrw4z") == id)
    }

    @Test(
        "What is no ULID is refused",
        arguments: [
            "", "01JQR5KV0QC94HMETWYNBWRW4", "01JQR5KV0QC94HMETWYNBWRW4ZZ", "01JQR5KV0QC94HMETWYNBWRW4U",
            "81JQR5KV0QC94HMETWYNBWRW4Z", "01JQR5KV0QC94HMETWYNBWRWéZ",
        ])
    func badULIDs(text: String) {
        #expect(ULID(text) == nil)
    }

    @Test("Ids made in one process sort in the order of making, as values and as text")
    func monotonic() {
        let ids = (0..<5000).map { _ in ULID.make() }
        #expect(ids == ids.sorted())
        #expect(ids.map(\.description) == ids.map(\.description).sorted())
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { ULID($0.description) == $0 })
    }

    @Test func timeIsKept() {
        #expect(ULID.random(atMilliseconds: 0).description.hasPrefix("0000000000"))
        #expect(ULID.random(atMilliseconds: 281_474_976_710_655).description.hasPrefix("7ZZZZZZZZZ"))
        #expect(ULID.random(atMilliseconds: 1) < ULID.random(atMilliseconds: 2))
    }
}
