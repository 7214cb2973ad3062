/// Dates as HTTP writes them (RFC 9110 §5.6.7), from and to seconds since 1970.
package enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`. Years 0 to 9999; outside, the nearest date inside.
    package static func format(_ seconds: Int64) -> String {
        let seconds = min(max(seconds, -62_167_219_200), 253_402_300_799)
        let second = Int(((seconds % 86400) + 86400) % 86400)
        let day = (Int(seconds) - second) / 86400
        let date = civil(day)
        let weekday = days[((day % 7) + 7) % 7]
        let time = "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))"
        let year = String(date.year)
        return "\(weekday), \(two(date.day)) \(months[date.month - 1]) "
            + String(repeating: "0", count: 4 - year.count) + "\(year) \(time) GMT"
    }

    /// All three formats, as RFC 9110 §5.6.7 demands. Nil for anything else and for dates that do not exist.
    ///
    /// - Parameter now: decides the century of an RFC 850 date, which is never more than 50 years ahead.
    package static func parse(_ text: String, now: Int64) -> Int64? {
        let words = text.split(separator: " ", omittingEmptySubsequences: true)
        switch words.count {
        case 6 where words[5] == "GMT" && words[0].count == 4 && words[0].last == ",":
            return seconds(number(words[3], 4), month(words[2]), number(words[1], 2), words[4])
        case 4 where words[3] == "GMT" && words[0].last == ",":
            let date = words[1].split(separator: "-", omittingEmptySubsequences: false)
            guard date.count == 3, let short = number(date[2], 2) else { return nil }
            let thisYear = civil(Int(now / 86400)).year
            var year = thisYear - thisYear % 100 + short
            if year > thisYear + 50 { year -= 100 }
            return seconds(year, month(date[1]), number(date[0], 2), words[2])
        case 5 where words[0].count == 3:
            return seconds(number(words[4], 4), month(words[1]), number(words[2], words[2].count), words[3])
        default:
            return nil
        }
    }

    private static func seconds(_ year: Int?, _ month: Int?, _ day: Int?, _ time: Substring) -> Int64? {
        let parts = time.split(separator: ":", omittingEmptySubsequences: false)
        guard let year, let month, let day, parts.count == 3, let hour = number(parts[0], 2),
            let minute = number(parts[1], 2), let second = number(parts[2], 2), hour < 24, minute < 60, second <= 60
        else { return nil }
        let number = dayNumber(year: year, month: month, day: day)
        guard civil(number) == (year, month, day) else { return nil }
        return Int64(number) * 86400 + Int64(hour * 3600 + minute * 60 + second)
    }

    private static func number(_ text: Substring, _ digits: Int) -> Int? {
        guard text.utf8.count == digits, (1...4).contains(digits), text.utf8.allSatisfy(ASCII.isDigit) else {
            return nil
        }
        return Int(text)
    }

    private static func month(_ text: Substring) -> Int? {
        months.firstIndex { text == $0 }.map { $0 + 1 }
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    // The Gregorian calendar in 400-year eras of years that begin in March, so that the leap day comes last.

    private static func dayNumber(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(_ dayNumber: Int) -> (year: Int, month: Int, day: Int) {
        let days = dayNumber + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
