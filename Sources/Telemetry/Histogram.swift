/// How values spread over fixed buckets, for metrics. Lock-free: buckets and sum are counted one after the other, so a
/// snapshot that is taken meanwhile may lack a value in one of them.
package final class Histogram: Sendable {
    /// What a histogram holds at a moment.
    package struct Snapshot: Sendable, Equatable {
        /// Upper ends, included, ascending; values above the last are in `count` alone.
        package let bounds: [Int64]
        /// For each bound, how many values were not above it: each bucket includes those before it, as Prometheus has it.
        package let cumulative: [Int]
        package let count: Int
        package let sum: Int64
    }

    private let bounds: [Int64]
    /// One more than there are bounds.
    private let buckets: [Counter]
    private let sum = Counter()

    /// - Parameter bounds: upper ends of the buckets, ascending, in the unit of the values.
    package init(bounds: [Int64]) {
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy(<), "bounds have to ascend")
        self.bounds = bounds
        buckets = (0...bounds.count).map { _ in Counter() }
    }

    package func observe(_ value: Int64) {
        buckets[bounds.firstIndex { value <= $0 } ?? bounds.count].add()
        sum.add(Int(value))
    }

    package var snapshot: Snapshot {
        var running = 0
        let cumulative = buckets.map { bucket in
            running += bucket.value
            return running
        }
        return Snapshot(bounds: bounds, cumulative: cumulative.dropLast(), count: running, sum: Int64(sum.value))
    }
}
