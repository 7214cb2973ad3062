import Foundation
import Model
import Testing

@Suite("Timestamp")
struct TimestampTests {
    @Test(
        "RFC 3339 with fractions and offsets",
        arguments: [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2025-04-01T07:56:19Z", 1_743_494_179, 0),
            ("2025-08-20T07:07:44.479216297Z", 1_755_673_664, 479_216_297),
            ("2025-12-02T22:54:19.323Z", 1_764_716_059, 323_000_000),
            ("2025-01-01T11:00:00+11:00", 1_735_689_600, 0),
            ("2024-12-31T13:30:00.5-10:30", 1_735_689_600, 500_000_000),
            ("2024-02-29T00:00:00Z", 1_709_164_800, 0),
            ("2000-02-29T23:59:59Z", 951_868_799, 0),
            ("1969-12-31T23:59:59.999999999Z", -1, 999_999_999),
            ("2016-12-31T23:59:60Z", 1_483_228_800, 0),
            ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
            ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
        ] as [(String, Int64, Int32)])
    func parses(text: String, seconds: Int64, nanoseconds: Int32) {
        #expect(Timestamp(parsing: text) == Timestamp(seconds: seconds, nanoseconds: nanoseconds))
    }

    @Test(
        "Anything else is refused",
        arguments: [
            "", "2025", "2025-04-01", "2025-04-01T07:56:19", "2025-04-01 07:56:19Z", "2025-04-01t07:56:19z",
            "2025-13-01T00:00:00Z", "2025-00-01T00:00:00Z", "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
            "2025-04-31T00:00:00Z", "2025-04-00T00:00:00Z", "2025-04-01T24:00:00Z", "2025-04-01T07:60:19Z",
            "2025-04-01T07:56:61Z", "2025-04-01T07:56:19.Z", "2025-04-01T07:56:19.1234567890Z",
            "2025-04-01T07:56:19+11",
            "2025-04-01T07:56:19+1100", "2025-04-01T07:56:19+24:00", "2025-04-01T07:56:19*11:00",
            "2025-04-01T07:56:19Z ",
            " 2025-04-01T07:56:19Z", "2025-04-01T07:56:19ZZ", "2025-4-01T07:56:19Z0", "+025-04-01T07:56:19Z",
            "0000-01-01T00:00:00Z", "1743494179", "2025-04-01T07:56:19.5", "２025-04-01T07:56:19Z",
        ])
    func refuses(text: String) {
        #expect(Timestamp(parsing: text) == nil)
    }

    @Test("What is written is read back, and Foundation agrees")
    func roundTrip() throws {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime]
        for seconds in stride(from: Int64(-62_135_596_800), to: 253_402_300_799, by: 86_400 * 97 + 12_345) {
            let time = Timestamp(seconds: seconds)
            #expect(Timestamp(parsing: time.description) == time)
            // Foundation switches to the Julian calendar before 1582.
            if seconds > -12_000_000_000 {
                #expect(formatter.string(from: Date(timeIntervalSince1970: Double(seconds))) == time.description)
            }
        }
        #expect(Timestamp(seconds: 1, nanoseconds: 20_000_000).description == "1970-01-01T00:00:01.02Z")
        #expect(Timestamp(seconds: -1, nanoseconds: 999_999_999).microseconds == -1)
        #expect(Timestamp(seconds: 2, nanoseconds: 1999).microseconds == 2_000_001)
        for microseconds in [0, -1, -1_000_000, 1_743_494_179_123_456] as [Int64] {
            #expect(Timestamp(microseconds: microseconds).microseconds == microseconds)
        }
    }

    @Test func moves() {
        let time = Timestamp(seconds: 100, nanoseconds: 500_000_000)
        #expect(time.advanced(by: .milliseconds(700)) == Timestamp(seconds: 101, nanoseconds: 200_000_000))
        #expect(time.advanced(by: .milliseconds(-700)) == Timestamp(seconds: 99, nanoseconds: 800_000_000))
        #expect(time.advanced(by: .seconds(-100)) < time)
    }
}
