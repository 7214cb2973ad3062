import Crypto
import Testing

@Suite("Base64, base64url and hexadecimal")
struct TextCodingTests {
    @Test(
        "RFC 4648 §10",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func standardVectors(plain: String, text: String) {
        #expect(Base64.encode(Array(plain.utf8)) == text)
        #expect(Base64.decode(text) == Array(plain.utf8))
        let unpadded = text.replacing("=", with: "")
        #expect(Base64URL.encode(Array(plain.utf8)) == unpadded)
        #expect(Base64URL.decode(unpadded) == Array(plain.utf8))
    }

    @Test("Every length survives the way there and back")
    func roundTrips() {
        for count in 0..<200 {
            let bytes = RandomBytes.make(count)
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
            #expect(Hex.decode(Hex.encode(bytes)) == bytes)
            #expect(Hex.decode(Hex.encode(bytes).uppercased()) == bytes)
        }
    }

    @Test(
        "Base64 refuses whatever is not the one text of its bytes",
        arguments: [
            "Zg", "Zg=", "Zg===", "Zg==Zg==", "Z===", "====", "=", "Zm9v\n", " Zm9v", "Zm9v Zm9v", "Zh==", "Zm9=",
            "Z=m9",
            "-_8=", "Zm9vé", "Zm\u{0}v",
        ])
    func strictStandard(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test(
        "Base64url refuses padding, the other alphabet and stray bits",
        arguments: ["Zg==", "Z", "+/8", "Zh", "Zm9", "Zm9v "])
    func strictURL(text: String) {
        #expect(Base64URL.decode(text) == nil)
    }

    @Test func alphabetsDiffer() {
        #expect(Base64.encode([0xFB, 0xFF]) == "+/8=")
        #expect(Base64URL.encode([0xFB, 0xFF]) == "-_8")
    }

    @Test(arguments: ["0", "0g", "g0", " 00", "0x00", "é0"])
    func strictHex(text: String) {
        #expect(Hex.decode(text) == nil)
    }
}
