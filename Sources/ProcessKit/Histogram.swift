/// Times in nanoseconds, counted in buckets of 1.6 % width: adding one costs an increment, whatever the number.
package struct Histogram: Sendable {
    /// Buckets per power of two.
    private static let fineness: UInt64 = 64
    private static let finenessBits = 6

    package private(set) var count = 0
    /// The longest, in nanoseconds.
    package private(set) var greatest: UInt64 = 0
    private var counts = [UInt32](repeating: 0, count: Int(fineness) * 40)

    package init() {}

    package mutating func add(nanoseconds value: UInt64) {
        count += 1
        greatest = max(greatest, value)
        counts[min(Self.bucket(value), counts.count - 1)] += 1
    }

    package mutating func add(_ other: Histogram) {
        count += other.count
        greatest = max(greatest, other.greatest)
        for (index, value) in other.counts.enumerated() where value > 0 { counts[index] += value }
    }

    /// The time in milliseconds that a share of `fraction` (0 to 1) did not exceed; nil without times.
    package func milliseconds(at fraction: Double) -> Double? {
        guard count > 0 else { return nil }
        let rank = max(1, Int((Double(count) * fraction).rounded(.up)))
        var seen = 0
        for (index, value) in counts.enumerated() {
            seen += Int(value)
            if seen >= rank { return Self.middle(index) / 1_000_000 }
        }
        return nil
    }

    /// p50 / p99 / longest with their unit; a dash without times.
    package var spreadText: String {
        guard let half = milliseconds(at: 0.5), let most = milliseconds(at: 0.99) else { return "–" }
        return [half, most, Double(greatest) / 1e6].map(\.shortText).joined(separator: " / ") + " ms"
    }

    private static func bucket(_ value: UInt64) -> Int {
        guard value >= fineness else { return Int(value) }
        let shift = 63 - value.leadingZeroBitCount - finenessBits
        return shift * Int(fineness) + Int(value >> UInt64(shift))
    }

    private static func middle(_ bucket: Int) -> Double {
        guard bucket >= Int(fineness) * 2 else { return Double(bucket) }
        let shift = bucket / Int(fineness) - 1
        let mantissa = bucket - shift * Int(fineness)
        return (Double(mantissa) + 0.5) * Double(UInt64(1) << UInt64(shift))
    }
}
