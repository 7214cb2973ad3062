import Net

/// How much may wait for a commit, and how long.
struct CommitLimits: Sendable {
    /// Items that wait or are being committed.
    var count = 8192
    /// Bytes of items that wait or are being committed.
    var bytes = 64 * 1024 * 1024
    /// Items, and bytes, of one commit; one item is taken whatever its size.
    var batchCount = 512
    var batchBytes = 8 * 1024 * 1024
    /// How long an item waits to be committed. Kick gives up after some seconds, undocumented how many (FACTS §4.4).
    var patience = Duration.milliseconds(2500)
    /// How long a commit may take. Longer than anybody waits for it: what is under way is better finished than begun anew,
    /// but a connection that died without a word has to be given up some time.
    var commitTime = Duration.seconds(10)
}

/// What waits for a commit, and what is in the one that runs. Pure: told what happened and when.
///
/// Whoever waits does so for the same time, so deadlines come in the order of arrival.
struct CommitQueue<Item, Waiter> {
    enum Admission: Equatable {
        /// It waits, and nobody commits: the caller has to begin.
        case start
        case wait
        /// There is no room, or the commit that runs takes longer than anybody is let wait.
        case refused
    }

    private struct Entry {
        let item: Item
        let bytes: Int
        let deadline: Deadline
        /// Nil after the deadline.
        var waiter: Waiter?
    }

    private let limits: CommitLimits
    /// From `head` on; before it nil, so that nothing is held that is gone.
    private var waiting: [Entry?] = []
    private var head = 0
    private var committing: [Entry] = []
    private var isRunning = false
    private(set) var bytes = 0

    init(limits: CommitLimits) {
        self.limits = limits
    }

    var count: Int { waiting.count - head + committing.count }

    mutating func admit(_ item: Item, bytes: Int, waiter: Waiter, deadline: Deadline) -> Admission {
        // A commit whose first waiter has given up hangs, or they come too fast: whoever came now would wait in vain.
        let isStalled = committing.first.map { $0.waiter == nil } ?? false
        guard !isStalled, count < limits.count, self.bytes + bytes <= limits.bytes else { return .refused }
        waiting.append(Entry(item: item, bytes: bytes, deadline: deadline, waiter: waiter))
        self.bytes += bytes
        defer { isRunning = true }
        return isRunning ? .wait : .start
    }

    /// What the next commit is to hold; nil when nothing waits: then whoever commits stops.
    mutating func nextBatch() -> [Item]? {
        precondition(committing.isEmpty, "one commit at a time")
        var size = 0
        while let next = first, committing.count < limits.batchCount {
            size += next.bytes
            if size > limits.batchBytes, !committing.isEmpty { break }
            committing.append(next)
            removeFirst()
        }
        if committing.isEmpty {
            isRunning = false
            return nil
        }
        return committing.map(\.item)
    }

    /// The commit came to its end: those who wait for it, in the order of its items; nil for who gave up.
    mutating func batchDidEnd() -> [Waiter?] {
        defer { committing = [] }
        bytes -= committing.reduce(0) { $0 + $1.bytes }
        return committing.map(\.waiter)
    }

    /// Those whose deadline has come, to be told. What is being committed stays in the commit; what was waiting goes.
    mutating func expire(at now: Deadline) -> [Waiter] {
        var expired: [Waiter] = []
        for index in committing.indices where committing[index].deadline <= now {
            if let waiter = committing[index].waiter.take() { expired.append(waiter) }
        }
        while let next = first, next.deadline <= now {
            bytes -= next.bytes
            if let waiter = next.waiter { expired.append(waiter) }
            removeFirst()
        }
        return expired
    }

    /// When somebody's time is over next; nil when nobody waits.
    var nextDeadline: Deadline? {
        (committing.first { $0.waiter != nil } ?? first)?.deadline
    }

    private var first: Entry? { head < waiting.count ? waiting[head] : nil }

    private mutating func removeFirst() {
        waiting[head] = nil
        head += 1
        // Moved together when half of it is gone: each entry is moved once on the average.
        guard head > waiting.count / 2 else { return }
        waiting.removeFirst(head)
        head = 0
    }
}
