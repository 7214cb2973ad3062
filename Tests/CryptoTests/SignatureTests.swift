import Crypto
import Testing

@Suite("Public and private keys")
struct SignatureTests {
    /// RFC 8032 §7.1, test 3.
    static let ed25519Public = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
    static let ed25519Seed = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
    static let ed25519Signature =
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"

    static func pem(_ hex: String, _ label: String) throws -> String {
        try "-----BEGIN \(label)-----\n\(Base64.encode(#require(Hex.decode(hex))))\n-----END \(label)-----\n"
    }

    @Test("A signature of another program is accepted, also in parts, and the fingerprint is that of the DER")
    func rsaVerifies() throws {
        let key = try PublicKey(pem: Vectors.rsaPEM)
        let signature = try #require(Base64.decode(Vectors.signature))
        #expect(key.algorithm == .rsaPKCS1SHA256)
        #expect(Hex.encode(key.fingerprint) == Vectors.rsaFingerprint)
        #expect(key.isValid(signature: signature, for: Vectors.message))
        let parts = [Array(Vectors.message.prefix(5)), [], Array(Vectors.message.dropFirst(5))]
        #expect(key.isValid(signature: signature, for: parts))
        #expect(try PublicKey(pem: key.pem).fingerprint == key.fingerprint)
    }

    @Test("An RSA key accepts no other padding, digest, length or message")
    func rsaRefuses() throws {
        let key = try PublicKey(pem: Vectors.rsaPEM)
        let signature = try #require(Base64.decode(Vectors.signature))
        #expect(!key.isValid(signature: try #require(Base64.decode(Vectors.pssSignature)), for: Vectors.message))
        #expect(!key.isValid(signature: try #require(Base64.decode(Vectors.sha512Signature)), for: Vectors.message))
        #expect(!key.isValid(signature: [], for: Vectors.message))
        #expect(!key.isValid(signature: Array(signature.dropLast()), for: Vectors.message))
        #expect(!key.isValid(signature: signature + [0], for: Vectors.message))
        #expect(!key.isValid(signature: [0] + signature, for: Vectors.message))
        #expect(!key.isValid(signature: [UInt8](repeating: 0xFF, count: 256), for: Vectors.message))
        #expect(!key.isValid(signature: signature, for: Vectors.message + [0]))
        for index in Vectors.message.indices {
            var changed = Vectors.message
            changed[index] ^= 1
            #expect(!key.isValid(signature: signature, for: changed))
        }
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(!key.isValid(signature: changed, for: Vectors.message))
        }
        // A refusal leaves nothing behind that spoils the next check.
        #expect(key.isValid(signature: signature, for: Vectors.message))
    }

    @Test("Ed25519 as in RFC 8032")
    func ed25519() throws {
        let key = try PublicKey(pem: Self.pem("302a300506032b6570032100" + Self.ed25519Public, "PUBLIC KEY"))
        let signer = try PrivateKey(
            pem: Self.pem("302e020100300506032b657004220420" + Self.ed25519Seed, "PRIVATE KEY"))
        let signature = try #require(Hex.decode(Self.ed25519Signature))
        #expect(key.algorithm == .ed25519)
        #expect(signer.publicKey.fingerprint == key.fingerprint)
        #expect(signer.signature(for: [[0xAF], [0x82]]) == signature)
        #expect(key.isValid(signature: signature, for: [[0xAF], [0x82]]))
        #expect(!key.isValid(signature: signature, for: [0xAF, 0x83]))
        #expect(!key.isValid(signature: Array(signature.dropLast()), for: [0xAF, 0x82]))
        #expect(!key.isValid(signature: [], for: [0xAF, 0x82]))
    }

    @Test("A fresh key signs, verifies and survives its PEM", arguments: [SignatureAlgorithm.rsaPKCS1SHA256, .ed25519])
    func generated(algorithm: SignatureAlgorithm) throws {
        let key = try PrivateKey.generate(algorithm)
        let signature = key.signature(for: Array("hello".utf8))
        #expect(key.publicKey.isValid(signature: signature, for: Array("hello".utf8)))
        #expect(!key.publicKey.isValid(signature: signature, for: Array("hallo".utf8)))
        let pem = key.revealPEM()
        #expect(try PrivateKey(pem: pem).publicKey.fingerprint == key.publicKey.fingerprint)
        #expect(try PublicKey(pem: key.publicKey.pem).isValid(signature: signature, for: Array("hello".utf8)))
        #expect(!"\(key) \(key.debugDescription)".contains(pem.split(separator: "\n")[1]))
        let other = try PrivateKey.generate(.ed25519)
        #expect(!other.publicKey.isValid(signature: signature, for: Array("hello".utf8)))
    }

    @Test(
        "Other keys are refused with a reason",
        arguments: [
            (Vectors.shortRSAPEM, "1024 bits, but 2048"),
            (Vectors.ellipticPEM, "only RSA and Ed25519"),
            (Vectors.pssPEM, "only RSA and Ed25519"),
            (Vectors.legacyLabelPEM, "\"RSA PUBLIC KEY\", not \"PUBLIC KEY\""),
            ("", "does not start with"),
            ("<html>", "does not start with"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n", "does not end with"),
            ("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", "does not end with"),
            ("-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n", "not base64"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "OpenSSL can read"),
            (Vectors.rsaPEM + Vectors.rsaPEM, "not base64"),
            (Vectors.rsaPEM.replacing("IDAQAB", with: "IDAQABAA=="), "OpenSSL can read"),
        ])
    func refusedKeys(pem: String, reason: String) throws {
        let error = try #require(throws: CryptoError.self) { try PublicKey(pem: pem) }
        #expect(error.description.contains(reason), "\(error)")
    }

    @Test("Line ends and indentation of a PEM do not matter")
    func laxFrame() throws {
        let indented = "\n  " + Vectors.rsaPEM.replacing("\n", with: " \r\n  ") + "\n\n"
        #expect(try Hex.encode(PublicKey(pem: indented).fingerprint) == Vectors.rsaFingerprint)
    }

    @Test("Bytes behind the key are refused")
    func trailingBytes() throws {
        let der = try #require(Hex.decode("302a300506032b6570032100" + Self.ed25519Public + "00"))
        let pem = try Self.pem(Hex.encode(der), "PUBLIC KEY")
        #expect(throws: CryptoError.self) { try PublicKey(pem: pem) }
    }

    @Test("One key serves many tasks at once", .timeLimit(.minutes(1)))
    func concurrent() async throws {
        let key = try PublicKey(pem: Vectors.rsaPEM)
        let signature = try #require(Base64.decode(Vectors.signature))
        let right = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    (0..<200).count { round in
                        let isGood = (round + task) % 2 == 0
                        let message = isGood ? Vectors.message : Vectors.message + [UInt8(round)]
                        return key.isValid(signature: signature, for: message) == isGood
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(right == 8 * 200)
    }
}
