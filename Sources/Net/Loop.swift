import CLinux
import Glibc
import Synchronization

/// Something that has output to write, told once at the end of a loop's turn.
package protocol TurnEndFlushable: AnyObject {
    func flushAtTurnEnd()
}

/// One thread around one epoll: the place where connections live.
///
/// A loop is a `TaskExecutor`. A task that prefers it (``spawn(_:)``) runs every step on this thread, so what belongs to
/// a connection needs neither lock nor actor nor hop. A turn of the loop is: wait for descriptors, tell their handlers,
/// fire timers, run the jobs that became ready, then let every connection with output write once
/// (docs/decisions/0002-loops-as-task-executors.md).
///
/// State is split by who may touch it: `shared` is behind its mutex, everything else belongs to the thread.
@safe
package final class Loop: TaskExecutor, @unchecked Sendable {
    private enum Work {
        case job(UnownedJob)
        case body(@Sendable () -> Void)
    }

    private struct Shared {
        var work: [Work] = []
        /// The thread has been told that there is work and has not looked yet: no need for another wake-up.
        var wakeIsPending = false
        var isStopping = false
    }

    /// The loop's number in its group, from 0.
    package let index: Int
    private let shared = Mutex(Shared())
    private let wakeDescriptor: Int32

    // The thread's own.
    private var poller: Poller
    private var local: [Work] = []
    private var running: [Work] = []
    private var dirty: [any TurnEndFlushable] = []
    var timers = TimerHeap()
    /// One receive buffer for all connections of the loop, so that an idle connection holds none.
    let receiveBuffer: UnsafeMutableRawBufferPointer

    init(index: Int) throws(NetError) {
        self.index = index
        poller = try Poller()
        wakeDescriptor = clinux_eventfd_create()
        guard wakeDescriptor >= 0 else { throw NetError(errno: errno, during: "eventfd") }
        unsafe receiveBuffer = .allocate(byteCount: 64 * 1024, alignment: 64)
        let waker = Waker(descriptor: wakeDescriptor)
        _ = try poller.add(wakeDescriptor, mode: .edgeTriggered, interest: .readable, handler: waker)
    }

    deinit {
        unsafe receiveBuffer.deallocate()
        close(wakeDescriptor)
    }

    // MARK: Where am I

    /// The loop whose thread this is, or nil.
    package static var current: Loop? {
        guard let pointer = unsafe clinux_thread_loop() else { return nil }
        return unsafe Unmanaged<Loop>.fromOpaque(pointer).takeUnretainedValue()
    }

    package var isCurrent: Bool {
        unsafe clinux_thread_loop() == Unmanaged.passUnretained(self).toOpaque()
    }

    /// Traps unless this is the loop's thread: what belongs to a loop was touched from elsewhere.
    package func preconditionOnLoop(_ function: StaticString = #function) {
        precondition(isCurrent, "\(function): not on the loop's thread")
    }

    // MARK: Work

    package func enqueue(_ job: consuming ExecutorJob) {
        add(.job(UnownedJob(job)))
    }

    /// Runs `body` on the loop's thread, after what is queued already. From anywhere.
    package func execute(_ body: @escaping @Sendable () -> Void) {
        add(.body(body))
    }

    /// Starts a task that stays on this loop. It is nobody's child: it is not cancelled with its creator.
    @discardableResult
    package func spawn(_ operation: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: self, operation: operation)
    }

    /// Puts the calling task, which prefers this loop, on its thread. The preference alone says where the task goes on
    /// after its next suspension; without one it would run on where it is.
    package func enter() async {
        if isCurrent { return }
        await withCheckedContinuation { continuation in execute { continuation.resume() } }
    }

    private func add(_ work: Work) {
        if isCurrent {
            local.append(work)
            return
        }
        let mustWake = shared.withLock { shared in
            shared.work.append(work)
            defer { shared.wakeIsPending = true }
            return !shared.wakeIsPending
        }
        if mustWake { wake() }
    }

    private func wake() {
        _ = clinux_eventfd_signal(wakeDescriptor)
    }

    // MARK: Descriptors

    func register(
        _ descriptor: Int32, mode: Poller.Mode, interest: Readiness, handler: any ReadinessHandler
    ) throws(NetError) -> UInt64 {
        preconditionOnLoop()
        return try poller.add(descriptor, mode: mode, interest: interest, handler: handler)
    }

    func rearm(_ descriptor: Int32, token: UInt64, interest: Readiness) throws(NetError) {
        try poller.rearm(descriptor, token: token, interest: interest)
    }

    func deregister(_ descriptor: Int32, token: UInt64) {
        preconditionOnLoop()
        poller.remove(descriptor, token: token)
    }

    /// Has `flushable` told at the end of this turn. Call it once per turn, on the loop's thread.
    package func flushAtTurnEnd(_ flushable: any TurnEndFlushable) {
        dirty.append(flushable)
    }

    // MARK: The thread

    /// The thread's body: turns until ``stop()``.
    func run() {
        unsafe clinux_set_thread_loop(Unmanaged.passUnretained(self).toOpaque())
        defer { clinux_set_thread_loop(nil) }
        while turn() {}
    }

    /// Ends the thread after the present turn. What is still registered is dropped with the loop.
    func stop() {
        shared.withLock { $0.isStopping = true }
        wake()
    }

    private func turn() -> Bool {
        let count = poller.wait(milliseconds: local.isEmpty ? timeout() : 0)
        for index in 0..<count {
            guard let (handler, readiness) = poller.event(index) else { continue }
            handler.readinessDidChange(readiness)
        }
        fireTimers()
        let isStopping = takeShared()
        runWork()
        flushDirty()
        return !isStopping
    }

    private func timeout() -> Int32 {
        guard let next = timers.next else { return -1 }
        let now = Deadline.now().nanoseconds
        guard next.nanoseconds > now else { return 0 }
        // Rounded up: waking before the deadline would spin.
        return Int32(clamping: (next.nanoseconds - now) / 1_000_000 + 1)
    }

    private func takeShared() -> Bool {
        shared.withLock { shared in
            shared.wakeIsPending = false
            if local.isEmpty {
                swap(&local, &shared.work)
            } else {
                local.append(contentsOf: shared.work)
                shared.work.removeAll(keepingCapacity: true)
            }
            return shared.isStopping
        }
    }

    /// Runs what is ready and what that makes ready, a bounded number of rounds so that descriptors get their turn.
    private func runWork() {
        for _ in 0..<16 where !local.isEmpty {
            swap(&running, &local)
            for work in running {
                switch work {
                case .job(let job): unsafe job.runSynchronously(on: asUnownedTaskExecutor())
                case .body(let body): body()
                }
            }
            running.removeAll(keepingCapacity: true)
        }
    }

    private func flushDirty() {
        guard !dirty.isEmpty else { return }
        var flushing: [any TurnEndFlushable] = []
        swap(&flushing, &dirty)
        for flushable in flushing {
            flushable.flushAtTurnEnd()
        }
        flushing.removeAll(keepingCapacity: true)
        if dirty.isEmpty { swap(&flushing, &dirty) }
    }
}

/// Resets the eventfd that other threads wake the loop with.
private final class Waker: ReadinessHandler {
    private let descriptor: Int32

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    func readinessDidChange(_ readiness: Readiness) {
        // Edge-triggered: the counter need not be read to be told again, but must not overflow.
        _ = clinux_eventfd_drain(descriptor)
    }
}
