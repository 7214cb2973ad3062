import Model
import Net
import Synchronization

/// One commit for whatever waits while another runs: under load many items share a transaction, alone an item waits for
/// nothing.
///
/// Memory and time are bounded (P16): what finds no room, or is not committed in time, is refused with a time to come again.
/// A commit that ends after its items were refused counts all the same; who comes again is told that they are known.
final class GroupCommit<Item: Sendable, Outcome: Sendable>: Sendable {
    private typealias Waiter = CheckedContinuation<Result<Outcome, GatewayError>, Never>

    /// Seconds after which who was refused should come again.
    private static var retryAfter: Int { 2 }

    private let limits: CommitLimits
    private let commit: @Sendable ([Item]) async throws -> [Outcome]
    private let queue: Mutex<CommitQueue<Item, Waiter>>

    /// - Parameter commit: one outcome for each item. Its errors mean that all of them are to come again; it is cancelled
    ///   when it takes too long.
    init(limits: CommitLimits = CommitLimits(), commit: @escaping @Sendable ([Item]) async throws -> [Outcome]) {
        self.limits = limits
        self.commit = commit
        queue = Mutex(CommitQueue(limits: limits))
    }

    /// Bytes that wait or are being committed.
    var pendingBytes: Int { queue.withLock { $0.bytes } }

    /// Returns when the item is committed. Throws `unavailable` when it is not, or not known to be.
    func submit(_ item: Item, bytes: Int) async throws(GatewayError) -> Outcome {
        guard let loop = Loop.current else { preconditionFailure("a commit needs a loop") }
        let deadline = Deadline.after(limits.patience)
        return try await withCheckedContinuation { (waiter: Waiter) in
            switch queue.withLock({ $0.admit(item, bytes: bytes, waiter: waiter, deadline: deadline) }) {
            // A job of its own: a caller that hangs up must not cut everybody's commit.
            case .start: loop.spawn { [self] in await commitAll(on: loop) }
            case .wait: break
            case .refused: waiter.resume(returning: .failure(Self.unavailable("too much waits to be stored")))
            }
        }.get()
    }

    /// Commits batch after batch until nothing waits.
    private func commitAll(on loop: Loop) async {
        while let batch = queue.withLock({ $0.nextBatch() }) {
            let clock = PatienceClock(self, loop)
            let result = await outcomes(of: batch)
            clock.stop()
            let waiters = queue.withLock { $0.batchDidEnd() }
            for (index, waiter) in waiters.enumerated() {
                waiter?.resume(returning: result.map { $0[index] })
            }
        }
    }

    private func outcomes(of batch: [Item]) async -> Result<[Outcome], GatewayError> {
        do {
            return .success(try await within(limits.commitTime) { [commit] in try await commit(batch) })
        } catch {
            return .failure(Self.unavailable("the event could not be stored"))
        }
    }

    fileprivate func expire() -> Deadline? {
        let (expired, next) = queue.withLock { ($0.expire(at: .now()), $0.nextDeadline) }
        for waiter in expired {
            waiter.resume(returning: .failure(Self.unavailable("the event was not stored in time")))
        }
        return next
    }

    fileprivate var nextDeadline: Deadline? { queue.withLock { $0.nextDeadline } }

    private static func unavailable(_ message: String) -> GatewayError {
        GatewayError(.unavailable, message, retryAfter: retryAfter)
    }
}

/// Tells those whose patience ends while a commit runs. Loop-bound.
private final class PatienceClock<Item: Sendable, Outcome: Sendable> {
    private let owner: GroupCommit<Item, Outcome>
    private let loop: Loop
    private var timer: LoopTimer?

    init(_ owner: GroupCommit<Item, Outcome>, _ loop: Loop) {
        self.owner = owner
        self.loop = loop
        wait(until: owner.nextDeadline)
    }

    private func wait(until deadline: Deadline?) {
        // Nobody waits now, but somebody may come; who comes is refused as long as the commit hangs, so nobody will.
        guard let deadline else { return timer = nil }
        timer = loop.schedule(at: deadline) { [self] in wait(until: owner.expire()) }
    }

    func stop() {
        timer?.cancel()
    }
}
