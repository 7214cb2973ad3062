import Glibc

/// A moment as Kick writes it: RFC 3339 with up to nine fractional digits, kept to the nanosecond.
///
/// The parser is our own: it runs for every webhook, takes a tenth of a microsecond, and drops no digits.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Seconds since 1970-01-01T00:00:00Z, rounded down.
    package let seconds: Int64
    /// 0 to 999,999,999, counted upwards from `seconds`.
    package let nanoseconds: Int32

    /// A moment from its parts; traps when `nanoseconds` is out of bounds.
    package init(seconds: Int64, nanoseconds: Int32 = 0) {
        precondition((0..<1_000_000_000).contains(nanoseconds), "Timestamp: nanoseconds out of bounds")
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// What Kick writes for "not set": `0001-01-01T00:00:00Z` (FACTS §2.1).
    package static let unset = Timestamp(seconds: -62_135_596_800)

    /// The present moment, to the microsecond: what is stored and read again is the same.
    package static func now() -> Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: Int32(time.tv_nsec / 1000 * 1000))
    }

    /// Microseconds since 1970-01-01T00:00:00Z, rounded down: what PostgreSQL can keep.
    package var microseconds: Int64 { seconds * 1_000_000 + Int64(nanoseconds) / 1000 }

    /// A moment from PostgreSQL's resolution.
    package init(microseconds: Int64) {
        let rest = (microseconds % 1_000_000 + 1_000_000) % 1_000_000
        self.init(seconds: (microseconds - rest) / 1_000_000, nanoseconds: Int32(rest * 1000))
    }

    package static func + (time: Timestamp, duration: Duration) -> Timestamp { time.advanced(by: duration) }

    package static func - (time: Timestamp, duration: Duration) -> Timestamp { time.advanced(by: .zero - duration) }

    /// The moment `duration` later; a negative duration goes back.
    package func advanced(by duration: Duration) -> Timestamp {
        let (whole, attoseconds) = duration.components
        var seconds = seconds + whole
        var nanoseconds = Int64(nanoseconds) + attoseconds / 1_000_000_000
        if nanoseconds < 0 {
            nanoseconds += 1_000_000_000
            seconds -= 1
        } else if nanoseconds >= 1_000_000_000 {
            nanoseconds -= 1_000_000_000
            seconds += 1
        }
        return Timestamp(seconds: seconds, nanoseconds: Int32(nanoseconds))
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }
}

// MARK: - RFC 3339

extension Timestamp {
    /// Parses `2025-08-20T07:07:44.479216297Z` or `…+11:00`. Strict: `T` and `Z` in capitals, one to nine fractional
    /// digits, real dates only, years 0001 to 9999. A leap second counts as the first moment of the next minute.
    package init?(parsing text: String) {
        self.init(parsing: text.utf8.span)
    }

    /// The same for bytes.
    package init?(parsing text: Span<UInt8>) {
        guard text.count >= 20, text.count <= 35,
            let year = Self.number(text, at: 0, digits: 4), text[4] == UInt8(ascii: "-"),
            let month = Self.number(text, at: 5, digits: 2), text[7] == UInt8(ascii: "-"),
            let day = Self.number(text, at: 8, digits: 2), text[10] == UInt8(ascii: "T"),
            let hour = Self.number(text, at: 11, digits: 2), text[13] == UInt8(ascii: ":"),
            let minute = Self.number(text, at: 14, digits: 2), text[16] == UInt8(ascii: ":"),
            let second = Self.number(text, at: 17, digits: 2),
            year >= 1, (1...12).contains(month), day >= 1, day <= Self.dayCount(year: year, month: month),
            hour <= 23, minute <= 59, second <= 60
        else { return nil }

        var index = 19
        var nanoseconds: Int32 = 0
        if text[index] == UInt8(ascii: ".") {
            index += 1
            var digits = 0
            while index < text.count, let digit = Self.number(text, at: index, digits: 1) {
                guard digits < 9 else { return nil }
                nanoseconds = nanoseconds * 10 + Int32(digit)
                digits += 1
                index += 1
            }
            guard digits > 0 else { return nil }
            for _ in digits..<9 { nanoseconds *= 10 }
        }
        guard index < text.count, let offset = Self.offset(text, at: index) else { return nil }
        let days = Self.daysSinceEpoch(year: year, month: month, day: day)
        seconds = Int64(days * 86400 + hour * 3600 + minute * 60 + second - offset)
        self.nanoseconds = nanoseconds
    }

    /// Seconds east of UTC of the offset that makes up the rest of the text.
    private static func offset(_ text: Span<UInt8>, at index: Int) -> Int? {
        if text[index] == UInt8(ascii: "Z") { return index + 1 == text.count ? 0 : nil }
        guard index + 6 == text.count, text[index + 3] == UInt8(ascii: ":"),
            let hours = number(text, at: index + 1, digits: 2), let minutes = number(text, at: index + 4, digits: 2),
            hours <= 23, minutes <= 59
        else { return nil }
        switch text[index] {
        case UInt8(ascii: "+"): return hours * 3600 + minutes * 60
        case UInt8(ascii: "-"): return -(hours * 3600 + minutes * 60)
        default: return nil
        }
    }

    private static func number(_ text: Span<UInt8>, at start: Int, digits: Int) -> Int? {
        guard start + digits <= text.count else { return nil }
        var value = 0
        for index in start..<(start + digits) {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }

    private static func dayCount(year: Int, month: Int) -> Int {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days between the epoch and a date of the proleptic Gregorian calendar. Years are counted from March, so that the
    /// leap day is the last of its year; an era is 400 years.
    private static func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int {
        let marchYear = month <= 2 ? year - 1 : year
        let era = marchYear / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with as many fractional digits as needed.
    package var description: String {
        let days = Int((seconds - (seconds % 86400 + 86400) % 86400) / 86400)
        let secondOfDay = Int((seconds % 86400 + 86400) % 86400)
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let date = "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
        let hour = Self.padded(secondOfDay / 3600, 2)
        let time = "\(hour):\(Self.padded(secondOfDay / 60 % 60, 2)):\(Self.padded(secondOfDay % 60, 2))"
        guard nanoseconds > 0 else { return "\(date)T\(time)Z" }
        var fraction = Self.padded(Int(nanoseconds), 9)
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return "\(date)T\(time).\(fraction)Z"
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// RFC 3339 text, as in JSON.
extension Timestamp: Codable {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let time = Timestamp(parsing: text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "expected an RFC 3339 time"))
        }
        self = time
    }
}
