import Net
import Testing

@testable import Gateway

/// Items are numbers; whoever waits is known by a number too.
private typealias Queue = CommitQueue<Int, Int>

@Suite("CommitQueue")
struct CommitQueueTests {
    private static func limits(
        count: Int = 100, bytes: Int = 1000, batchCount: Int = 10, batchBytes: Int = 500
    ) -> CommitLimits {
        var limits = CommitLimits()
        (limits.count, limits.bytes, limits.batchCount, limits.batchBytes) = (count, bytes, batchCount, batchBytes)
        return limits
    }

    private static func at(_ time: UInt64) -> Deadline { Deadline(nanoseconds: time) }

    @Test("the first begins a commit, who comes meanwhile waits for the next, in order")
    func order() {
        var queue = Queue(limits: Self.limits())
        #expect(queue.admit(1, bytes: 1, waiter: 101, deadline: .never) == .start)
        #expect(queue.nextBatch() == [1])
        #expect(queue.admit(2, bytes: 1, waiter: 102, deadline: .never) == .wait)
        #expect(queue.admit(3, bytes: 1, waiter: 103, deadline: .never) == .wait)
        #expect(queue.batchDidEnd() == [101])
        #expect(queue.nextBatch() == [2, 3])
        #expect(queue.batchDidEnd() == [102, 103])
        #expect(queue.nextBatch() == nil)
        #expect(queue.bytes == 0 && queue.count == 0)
        #expect(queue.admit(4, bytes: 1, waiter: 104, deadline: .never) == .start)
    }

    @Test("a commit has bounds, and takes one item whatever its size")
    func batches() {
        var queue = Queue(limits: Self.limits(count: 100, bytes: 10_000, batchCount: 3, batchBytes: 100))
        for (item, bytes) in [500, 40, 40, 40, 1, 1, 1, 1].enumerated() {
            _ = queue.admit(item, bytes: bytes, waiter: item, deadline: .never)
        }
        var batches: [[Int]] = []
        while let batch = queue.nextBatch() {
            batches.append(batch)
            _ = queue.batchDidEnd()
        }
        #expect(batches == [[0], [1, 2], [3, 4, 5], [6, 7]])
    }

    @Test("P16 no more than so many, and no more than so many bytes, wait or are being committed")
    func bounds() {
        var queue = Queue(limits: Self.limits(count: 3, bytes: 100))
        #expect(queue.admit(1, bytes: 60, waiter: 1, deadline: .never) == .start)
        #expect(queue.admit(2, bytes: 41, waiter: 2, deadline: .never) == .refused)
        #expect(queue.admit(3, bytes: 20, waiter: 3, deadline: .never) == .wait)
        #expect(queue.nextBatch() == [1, 3])
        #expect(queue.admit(4, bytes: 41, waiter: 4, deadline: .never) == .refused)
        #expect(queue.admit(5, bytes: 20, waiter: 5, deadline: .never) == .wait)
        #expect(queue.admit(6, bytes: 0, waiter: 6, deadline: .never) == .refused)
        _ = queue.batchDidEnd()
        #expect(queue.bytes == 20)
        #expect(queue.admit(7, bytes: 80, waiter: 7, deadline: .never) == .wait)
    }

    @Test("who waited too long is told: what waits goes, what is being committed stays, and who comes then is refused")
    func expiry() {
        var queue = Queue(limits: Self.limits())
        _ = queue.admit(1, bytes: 10, waiter: 101, deadline: Self.at(10))
        _ = queue.nextBatch()
        _ = queue.admit(2, bytes: 10, waiter: 102, deadline: Self.at(20))
        _ = queue.admit(3, bytes: 10, waiter: 103, deadline: Self.at(30))
        #expect(queue.nextDeadline == Self.at(10))
        #expect(queue.expire(at: Self.at(9)) == [])
        #expect(queue.expire(at: Self.at(20)) == [101, 102])
        #expect(queue.nextDeadline == Self.at(30))
        #expect(queue.bytes == 20)
        #expect(queue.admit(4, bytes: 10, waiter: 104, deadline: Self.at(40)) == .refused)
        #expect(queue.batchDidEnd() == [nil])
        #expect(queue.admit(5, bytes: 10, waiter: 105, deadline: Self.at(50)) == .wait)
        #expect(queue.nextBatch() == [3, 5])
        #expect(queue.expire(at: Self.at(60)) == [103, 105])
        #expect(queue.nextDeadline == nil)
        #expect(queue.batchDidEnd() == [nil, nil])
        #expect(queue.bytes == 0)
    }

    @Test("many come and go, and none is lost or told twice")
    func many() {
        var queue = Queue(limits: Self.limits(count: 50, bytes: 10_000))
        var random = SystemRandomNumberGenerator()
        var (admitted, told): (Set<Int>, [Int]) = ([], [])
        var isCommitting = false
        for step in 0..<20_000 {
            switch UInt.random(in: 0..<4, using: &random) {
            case 0, 1:
                let answer = queue.admit(step, bytes: 7, waiter: step, deadline: Self.at(UInt64(step) + 100))
                if answer != .refused { admitted.insert(step) }
            case 2:
                if isCommitting { told += queue.batchDidEnd().compactMap(\.self) }
                isCommitting = queue.nextBatch() != nil
            default: told += queue.expire(at: Self.at(UInt64(step)))
            }
            #expect(queue.count <= 50 && queue.bytes == queue.count * 7)
        }
        if isCommitting { told += queue.batchDidEnd().compactMap(\.self) }
        told += queue.expire(at: .never)
        #expect(told.count == Set(told).count)
        #expect(Set(told) == admitted)
    }
}
