import Model
import Testing

@Suite("Timestamp")
struct TimestampTests {
    @Test(
        "RFC 3339 is read whatever its offset and fraction",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2025-04-01T07:56:19Z", 1_743_494_179_000_000),
            ("2025-08-20T07:07:44.479216297Z", 1_755_673_664_479_216),
            ("2025-01-14T11:01:05+11:00", 1_736_812_865_000_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000), ("2024-02-29T23:59:60Z", 1_709_251_200_000_000),
            ("1969-12-31T23:59:59.5Z", -500_000),
        ] as [(String, Int64)])
    func reads(text: String, microseconds: Int64) {
        #expect(Timestamp(parsing: text)?.microseconds == microseconds)
    }

    @Test(
        "what is no date-time is refused",
        arguments: [
            "", "2025-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2025-01-01 00:00:00Z", "2025-01-01T24:00:00Z",
            "2025-01-01T00:00:00", "2025-01-01T00:00:00.Z", "2025-1-1T00:00:00Z", "2025-01-01T00:00:00Zx",
        ])
    func refuses(text: String) {
        #expect(Timestamp(parsing: text) == nil)
    }

    @Test(
        "what is printed is read back the same",
        arguments: [0, -1, 1_743_494_179_123_456, 253_402_300_799_999_999] as [Int64])
    func roundTrip(microseconds: Int64) {
        let time = Timestamp(microseconds: microseconds)
        #expect(Timestamp(parsing: time.description) == time)
    }
}

@Suite("Identifiers and cursors")
struct IdentifierTests {
    @Test("an id is its prefix and letters and digits, nothing else")
    func identifiers() {
        #expect(TenantID("ten_01JABC")?.text == "ten_01JABC")
        for text in ["", "ten_", "login_01J", "ten_a b", "ten_é", "ten_" + String(repeating: "a", count: 41)] {
            #expect(TenantID(text) == nil)
        }
    }

    @Test(
        "a cursor is two numbers",
        arguments: [("7.42", true), ("7.-1", false), ("+7.1", false), ("7", false), ("", false), ("7.1.1", false)])
    func cursors(text: String, isCursor: Bool) {
        #expect((EventCursor(text) != nil) == isCursor)
        if isCursor { #expect(EventCursor(text)?.description == text) }
    }
}
