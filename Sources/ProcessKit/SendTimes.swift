import Synchronization

/// When each webhook was sent, in nanoseconds of the monotonic clock: written by the loop that sends, read by the loops
/// that receive.
@safe
package final class SendTimes: @unchecked Sendable {
    private let times: UnsafeMutablePointer<Atomic<UInt64>>
    private let capacity: Int

    package init(capacity: Int) {
        self.capacity = capacity
        unsafe times = .allocate(capacity: capacity)
        for index in 0..<capacity { unsafe (times + index).initialize(to: Atomic(0)) }
    }

    deinit {
        unsafe times.deinitialize(count: capacity)
        unsafe times.deallocate()
    }

    /// 0 while it was not sent, and for a number that there is not.
    package subscript(index: Int) -> UInt64 {
        guard index >= 0, index < capacity else { return 0 }
        return unsafe times[index].load(ordering: .relaxed)
    }

    package func set(_ index: Int, _ nanoseconds: UInt64) {
        precondition(index < capacity)
        unsafe times[index].store(nanoseconds, ordering: .relaxed)
    }
}
