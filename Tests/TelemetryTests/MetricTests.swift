import Telemetry
import Testing

@Suite("Counters and histograms")
struct MetricTests {
    private enum Fruit: CaseIterable { case apple, pear }

    @Test("counts made at the same time are all there")
    func concurrent() async {
        let counter = Counter()
        let family = CounterFamily<Fruit>()
        let histogram = Histogram(bounds: [10, 100])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for value in 0..<1000 {
                        counter.add()
                        family[.pear].add(2)
                        histogram.observe(Int64(value))
                    }
                }
            }
        }
        #expect(counter.value == 8000)
        #expect(family[.pear].value == 16_000)
        #expect(family[.apple].value == 0)
        #expect(family.total == 16_000)
        #expect(histogram.snapshot.count == 8000)
        #expect(histogram.snapshot.sum == 8 * 499_500)
    }

    @Test("a value on a bound belongs to its bucket, one above the last to none")
    func bounds() {
        let histogram = Histogram(bounds: [0, 10, 100])
        for value: Int64 in [0, 1, 10, 11, 100, 101, 5000] { histogram.observe(value) }
        let snapshot = histogram.snapshot
        #expect(snapshot.bounds == [0, 10, 100])
        #expect(snapshot.cumulative == [1, 3, 5])
        #expect(snapshot.count == 7)
        #expect(snapshot.sum == 5223)
    }
}
