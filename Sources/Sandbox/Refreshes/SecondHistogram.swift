/// How many there were in each second of about the last hour.
struct SecondHistogram: Sendable {
    /// Seconds that are kept.
    static let capacity = 3600

    /// The first kept second, Unix time.
    private var first = 0
    private var counts: [Int] = []

    /// A second before the first kept one counts for that.
    mutating func add(second: Int) {
        if counts.isEmpty { first = second }
        let index = max(0, second - first)
        if index >= 2 * Self.capacity {
            first = second
            counts = [1]
            return
        }
        if index >= counts.count { counts.append(contentsOf: repeatElement(0, count: index + 1 - counts.count)) }
        counts[index] += 1
        // Many at a time, so that the shift costs nothing per second.
        if counts.count > Self.capacity + 600 {
            let surplus = counts.count - Self.capacity
            counts.removeFirst(surplus)
            first += surplus
        }
    }

    /// In buckets of `width` seconds that begin at multiples of it.
    ///
    /// - Returns: where the first bucket begins, Unix time, and every bucket to the last that is not empty.
    func buckets(of width: Int) -> (start: Int, counts: [Int]) {
        guard !counts.isEmpty else { return (0, []) }
        let start = first - first % width
        var buckets = [Int](repeating: 0, count: (first + counts.count - 1 - start) / width + 1)
        for (index, count) in counts.enumerated() { buckets[(first + index - start) / width] += count }
        return (start, buckets)
    }
}
