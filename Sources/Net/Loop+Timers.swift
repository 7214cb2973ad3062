/// Something that a loop will call at a time. Used on the loop's thread only.
package final class LoopTimer {
    fileprivate let deadline: Deadline
    fileprivate var body: (() -> Void)?

    fileprivate init(deadline: Deadline, body: @escaping () -> Void) {
        self.deadline = deadline
        self.body = body
    }

    /// The body will not be called. Harmless after it was.
    package func cancel() {
        body = nil
    }

    fileprivate func fire() {
        let body = body
        self.body = nil
        body?()
    }
}

/// A binary heap of timers by deadline. A cancelled timer stays until it comes to the top, or until half of the heap
/// is cancelled ones.
struct TimerHeap {
    private var heap: [LoopTimer] = []
    private var insertionsSinceSweep = 0

    /// The earliest deadline. It may be a cancelled timer's: the loop then wakes once for nothing.
    var next: Deadline? { heap.first?.deadline }

    mutating func schedule(at deadline: Deadline, _ body: @escaping () -> Void) -> LoopTimer {
        insertionsSinceSweep += 1
        if insertionsSinceSweep > 64 + heap.count { sweep() }
        let timer = LoopTimer(deadline: deadline, body: body)
        heap.append(timer)
        siftUp(heap.count - 1)
        return timer
    }

    /// Takes the earliest timer out if its deadline is not after `now`.
    mutating func popExpired(at now: Deadline) -> LoopTimer? {
        guard let first = heap.first, first.deadline <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            siftDown(0)
        }
        return first
    }

    private mutating func sweep() {
        insertionsSinceSweep = 0
        heap.removeAll { $0.body == nil }
        heap.sort { $0.deadline < $1.deadline }
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].deadline < heap[parent].deadline else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].deadline < heap[least].deadline {
                least = child
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}

extension Loop {
    /// Calls `body` on the loop's thread, not before `deadline`. Call it on the loop's thread.
    @discardableResult
    package func schedule(at deadline: Deadline, _ body: @escaping () -> Void) -> LoopTimer {
        preconditionOnLoop()
        return timers.schedule(at: deadline, body)
    }

    /// Fires every timer whose time has come, but none that those schedule.
    func fireTimers() {
        let now = Deadline.now()
        while let timer = timers.popExpired(at: now) {
            timer.fire()
        }
    }
}
