import Crypto
import Testing

@Suite("P6: secrets at rest")
struct SealerTests {
    let place = SealingContext(table: "logins", tenant: "ten_1", row: "login_1", column: "refresh_token")

    func ring(_ ids: String...) throws -> [SealingKey] {
        try ids.map { id in try SealingKey(id: id, bytes: SHA256.hash(id)) }
    }

    @Test("AES-256-GCM gives the result of test case 16 of the GCM specification")
    func knownAnswer() throws {
        let key = try #require(Hex.decode("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"))
        let nonce = try #require(Hex.decode("cafebabefacedbaddecaf888"))
        let data = try #require(Hex.decode("feedfacedeadbeeffeedfacedeadbeefabaddad2"))
        let plaintext = try #require(
            Hex.decode(
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                    + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"))
        let sealed = AES256GCM.seal(plaintext, key: key, nonce: nonce, authenticating: data)
        #expect(
            Hex.encode(sealed)
                == "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" + "76fc6ece0f4e1768cddf8853bb2d551b")
        #expect(AES256GCM.open(sealed, key: key, nonce: nonce, authenticating: data) == plaintext)
        #expect(AES256GCM.open(sealed, key: key, nonce: nonce, authenticating: data + [0]) == nil)
    }

    @Test("What is sealed opens at its place", arguments: [0, 1, 15, 16, 17, 5000])
    func roundTrip(count: Int) throws {
        let sealer = try Sealer(keys: ring("k1"))
        let secret = RandomBytes.make(count)
        let sealed = sealer.seal(secret, for: place)
        #expect(try sealer.open(sealed, for: place) == secret)
        #expect(sealer.seal(secret, for: place) != sealed)
        #expect(sealed.count == 2 + 2 + 12 + count + 16)
    }

    @Test("P6: a ciphertext copied to another table, tenant, row or column does not open")
    func bound() throws {
        let sealer = try Sealer(keys: ring("k1"))
        let sealed = sealer.seal("secret", for: place)
        #expect(try sealer.openText(sealed, for: place) == "secret")
        let elsewhere = [
            SealingContext(table: "apps", tenant: "ten_1", row: "login_1", column: "refresh_token"),
            SealingContext(table: "logins", tenant: "ten_2", row: "login_1", column: "refresh_token"),
            SealingContext(table: "logins", tenant: "ten_1", row: "login_2", column: "refresh_token"),
            SealingContext(table: "logins", tenant: "ten_1", row: "login_1", column: "access_token"),
            // The same letters, cut elsewhere.
            SealingContext(table: "login", tenant: "sten_1", row: "login_1", column: "refresh_token"),
            SealingContext(table: "logins", tenant: "ten_1login_1", row: "", column: "refresh_token"),
            SealingContext(table: "loginsten_1", tenant: "login_1", row: "refresh_token", column: ""),
        ]
        for other in elsewhere {
            #expect(throws: CryptoError.doesNotOpen) { try sealer.open(sealed, for: other) }
        }
    }

    @Test("P6: one changed bit anywhere, or any cut, and nothing opens")
    func tampering() throws {
        let sealer = try Sealer(keys: ring("k1"))
        let sealed = sealer.seal("secret", for: place)
        for index in sealed.indices {
            for bit in 0..<8 {
                var damaged = sealed
                damaged[index] ^= 1 << bit
                #expect(throws: CryptoError.self) { try sealer.open(damaged, for: place) }
            }
        }
        for count in 0..<sealed.count {
            #expect(throws: CryptoError.doesNotOpen) { try sealer.open(Array(sealed.prefix(count)), for: place) }
        }
        #expect(throws: CryptoError.doesNotOpen) { try sealer.open(sealed + [0], for: place) }
        // The key's name is authenticated too, even where another name stands for the same key.
        let bytes = SHA256.hash("k1")
        let twins = try Sealer(keys: [SealingKey(id: "k1", bytes: bytes), SealingKey(id: "k2", bytes: bytes)])
        var renamed = sealed
        renamed[3] = UInt8(ascii: "2")
        #expect(Sealer.keyID(of: renamed) == "k2")
        #expect(throws: CryptoError.doesNotOpen) { try twins.open(renamed, for: place) }
    }

    @Test("P6: keys rotate: the first writes, all open, a dropped one is named")
    func rotation() throws {
        let old = try Sealer(keys: ring("k1"))
        let both = try Sealer(keys: ring("k2", "k1"))
        let new = try Sealer(keys: ring("k2"))
        let sealed = old.seal("secret", for: place)
        #expect(both.writingKeyID == "k2")
        #expect(both.keyIDs == ["k1", "k2"])
        #expect(try both.openText(sealed, for: place) == "secret")
        #expect(Sealer.keyID(of: sealed) == "k1")
        let resealed = try both.seal(both.open(sealed, for: place), for: place)
        #expect(Sealer.keyID(of: resealed) == "k2")
        #expect(try new.openText(resealed, for: place) == "secret")
        #expect(throws: CryptoError.unknownKey(id: "k1")) { try new.open(sealed, for: place) }
        // Another key under the same id.
        let impostor = try Sealer(keys: [SealingKey(id: "k1", bytes: SHA256.hash("other"))])
        #expect(throws: CryptoError.doesNotOpen) { try impostor.open(sealed, for: place) }
    }

    @Test func parsesARing() throws {
        let first = try SealingKey.random(id: "2026-01")
        let second = try SealingKey.random(id: "old.key_1")
        let sealer = try Sealer(keys: SealingKey.parseRing(" \(first.revealText()) ,\n\(second.revealText())\n"))
        #expect(sealer.writingKeyID == "2026-01")
        #expect(sealer.keyIDs == ["2026-01", "old.key_1"])
        let sealed = try Sealer(keys: [second]).seal("s", for: place)
        #expect(try sealer.openText(sealed, for: place) == "s")
    }

    @Test(
        "A bad ring is refused with the key's id and without the key",
        arguments: [
            ("", "entry 1 is empty"),
            ("a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,", "entry 2 is empty"),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "entry 1 is not of the form id:base64"),
            ("k1:AAAA", "key \"k1\" has 3 bytes, but 32 are needed"),
            ("k1:", "key \"k1\" has 0 bytes, but 32 are needed"),
            ("k1:not base64!", "key \"k1\" is not standard padded base64"),
            ("k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "key \"k1\" is not standard padded base64"),
            (":AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "the id of entry 1"),
            ("k 1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "the id of entry 1"),
            (
                "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                "key \"k1\" is there twice"
            ),
        ])
    func badRings(text: String, reason: String) throws {
        let error = try #require(throws: CryptoError.self) { try Sealer(keys: SealingKey.parseRing(text)) }
        #expect(error.description.contains(reason), "\(error)")
        #expect(!error.debugDescription.contains("AAAA"))
    }

    @Test("A key never shows its bytes")
    func redaction() throws {
        let key = try SealingKey(id: "k1", bytes: Array("01234567890123456789012345678901".utf8))
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", key.debugDescription, dumped] {
            #expect(text.contains("k1"))
            #expect(!text.contains("48"))
            #expect(!text.contains("0123"))
        }
        #expect(throws: CryptoError.self) { try Sealer(keys: []) }
        #expect(throws: CryptoError.self) { try Sealer(keys: [key, key]) }
    }
}
