import Glibc
import Synchronization

/// A sortable unique id: 48 bits of Unix time in milliseconds, then 80 random bits, as 26 Crockford base32 characters.
///
/// Kick's message and subscription ids are ULIDs, and ids made here are ULIDs behind a prefix.
package struct ULID: Hashable, Sendable {
    /// Unix time in milliseconds (UTC) at which it was made, below 2⁴⁸.
    package let milliseconds: UInt64
    /// The upper 16 and the lower 64 of the random bits.
    private let randomHigh: UInt16
    private let randomLow: UInt64

    private init(milliseconds: UInt64, randomHigh: UInt16, randomLow: UInt64) {
        self.milliseconds = milliseconds
        self.randomHigh = randomHigh
        self.randomLow = randomLow
    }

    /// A fresh id with the given time and random bits.
    package static func random(atMilliseconds milliseconds: UInt64) -> ULID {
        let random = RandomBytes.make(10)
        return ULID(
            milliseconds: milliseconds & 0xFFFF_FFFF_FFFF,
            randomHigh: random[..<2].reduce(0) { $0 << 8 | UInt16($1) },
            randomLow: random[2...].reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// A fresh id of now. Within this process every id sorts behind all earlier ones, even in the same millisecond or
    /// when the clock steps back.
    package static func make() -> ULID {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        let now = UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
        return last.withLock { last in
            let next = last.milliseconds < now ? random(atMilliseconds: now) : last.successor
            last = next
            return next
        }
    }

    private static let last = Mutex(ULID(milliseconds: 0, randomHigh: 0, randomLow: 0))

    /// The next larger id; a carry out of the random bits goes into the time.
    private var successor: ULID {
        let (low, carriesLow) = randomLow.addingReportingOverflow(1)
        guard carriesLow else { return ULID(milliseconds: milliseconds, randomHigh: randomHigh, randomLow: low) }
        let (high, carriesHigh) = randomHigh.addingReportingOverflow(1)
        return ULID(milliseconds: milliseconds + (carriesHigh ? 1 : 0), randomHigh: high, randomLow: low)
    }
}

extension ULID: Comparable {
    package static func < (left: ULID, right: ULID) -> Bool {
        (left.milliseconds, left.randomHigh, left.randomLow) < (right.milliseconds, right.randomHigh, right.randomLow)
    }
}

extension ULID: LosslessStringConvertible {
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    /// 26 upper-case characters; text order is id order.
    package var description: String {
        var characters = [UInt8](repeating: 0, count: 26)
        var time = milliseconds
        for index in (0..<10).reversed() {
            characters[index] = Self.alphabet[Int(time & 31)]
            time >>= 5
        }
        var random = UInt128(randomHigh) << 64 | UInt128(randomLow)
        for index in (10..<26).reversed() {
            characters[index] = Self.alphabet[Int(random & 31)]
            random >>= 5
        }
        return String(decoding: characters, as: UTF8.self)
    }

    /// Parses 26 characters in either case; nil for any other length, a character outside Crockford's alphabet, or a
    /// time beyond 48 bits.
    package init?(_ text: String) {
        guard text.utf8.count == 26, let first = text.utf8.first, first <= UInt8(ascii: "7") else { return nil }
        var value: UInt128 = 0
        for byte in text.utf8 {
            let upper = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) ? byte - 32 : byte
            guard let digit = Self.alphabet.firstIndex(of: upper) else { return nil }
            value = value << 5 | UInt128(digit)
        }
        self.init(
            milliseconds: UInt64(truncatingIfNeeded: value >> 80), randomHigh: UInt16(truncatingIfNeeded: value >> 64),
            randomLow: UInt64(truncatingIfNeeded: value))
    }
}
