import Glibc

/// A point in time: microseconds since 1970-01-01T00:00:00Z, as PostgreSQL's `timestamptz` resolves it.
package struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package init(seconds: Int64) {
        microseconds = seconds * 1_000_000
    }

    /// The wall clock's present moment.
    package static func now() -> Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    package static func + (time: Timestamp, duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        return Timestamp(microseconds: time.microseconds + seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
    }

    package static func - (time: Timestamp, duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        return Timestamp(microseconds: time.microseconds - seconds * 1_000_000 - attoseconds / 1_000_000_000_000)
    }

    /// The time from `earlier` to this one; negative when this one is earlier.
    package func since(_ earlier: Timestamp) -> Duration {
        .microseconds(microseconds - earlier.microseconds)
    }

    /// RFC 3339 in UTC, with three fraction digits or, when the value has them, six: `2026-11-21T10:00:00.000Z`.
    package var description: String {
        let (days, timeOfDay) = microseconds.quotientAndRemainderFlooring(by: 86_400_000_000)
        let (year, month, day) = Self.civil(fromDays: days)
        let (second, fraction) = timeOfDay.quotientAndRemainder(dividingBy: 1_000_000)
        var text = String()
        text.reserveCapacity(27)
        text.appendDecimal(year, width: 4)
        text.append("-")
        text.appendDecimal(month, width: 2)
        text.append("-")
        text.appendDecimal(day, width: 2)
        text.append("T")
        text.appendDecimal(second / 3600, width: 2)
        text.append(":")
        text.appendDecimal(second / 60 % 60, width: 2)
        text.append(":")
        text.appendDecimal(second % 60, width: 2)
        text.append(".")
        if fraction % 1000 == 0 {
            text.appendDecimal(fraction / 1000, width: 3)
        } else {
            text.appendDecimal(fraction, width: 6)
        }
        text.append("Z")
        return text
    }

    /// Year, month and day of a day number counted from 1970-01-01, in the proleptic Gregorian calendar.
    static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        // Years are counted from March, so that the leap day is the last day of a year; an era is 400 years.
        let shifted = days + 719_468
        let (era, dayOfEra) = shifted.quotientAndRemainderFlooring(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

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

extension Int64 {
    fileprivate func quotientAndRemainderFlooring(by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

extension String {
    fileprivate mutating func appendDecimal(_ value: Int64, width: Int) {
        let digits = String(value)
        for _ in 0..<max(0, width - digits.utf8.count) { append("0") }
        append(digits)
    }
}
