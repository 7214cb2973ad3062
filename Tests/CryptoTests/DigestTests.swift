import Crypto
import Testing

@Suite("SHA-256, HMAC, comparison, randomness")
struct DigestTests {
    @Test(
        "SHA-256 gives the digests of FIPS 180-4's examples",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func digests(text: String, digest: String) {
        #expect(Hex.encode(SHA256.hash(text)) == digest)
        var hasher = SHA256()
        for byte in text.utf8 { hasher.update([byte]) }
        hasher.update([])
        #expect(Hex.encode(hasher.finalize()) == digest)
        var spanHasher = SHA256()
        let bytes = Array(text.utf8)
        spanHasher.update(bytes.span)
        #expect(Hex.encode(spanHasher.finalize()) == digest)
    }

    @Test(
        "HMAC-SHA-256 gives the codes of RFC 4231",
        arguments: [
            (
                String(repeating: "0b", count: 20), "4869205468657265",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                String(repeating: "aa", count: 131),
                "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579"
                    + "202d2048617368204b6579204669727374",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
            ("", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
        ])
    func codes(key: String, message: String, code: String) throws {
        let key = try #require(Hex.decode(key))
        let message = try #require(Hex.decode(message))
        let made = HMACSHA256.code(for: message, key: key)
        #expect(Hex.encode(made) == code)
        #expect(HMACSHA256.isValid(made, for: message, key: key))
        #expect(!HMACSHA256.isValid(made, for: message + [0], key: key))
        #expect(!HMACSHA256.isValid(Array(made.dropLast()), for: message, key: key))
    }

    @Test func comparesContentAndLength() {
        #expect(constantTimeEqual([], []))
        #expect(constantTimeEqual([1, 2, 3], [1, 2, 3]))
        #expect(!constantTimeEqual([1, 2, 3], [1, 2, 4]))
        #expect(!constantTimeEqual([1, 2, 3], [1, 2]))
        #expect(!constantTimeEqual([], [0]))
    }

    @Test func randomBytesDiffer() {
        #expect(RandomBytes.make(0).isEmpty)
        #expect(RandomBytes.make(32).count == 32)
        #expect(Set((0..<100).map { _ in RandomBytes.make(16) }).count == 100)
    }
}
