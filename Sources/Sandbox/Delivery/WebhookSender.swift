package import HTTP
package import Net
import Synchronization

/// Sends webhooks, again and again until the receiver says 200 or the tries are used up.
///
/// Two ways in: ``deliver(_:attempts:until:)`` waits for the end; ``enqueue(_:)`` puts it into a bounded queue that a
/// bounded number of workers empties.
package final class WebhookSender: Sendable {
    /// One try: the status of the answer, or why there was none.
    package typealias Transport =
        @Sendable (_ url: HTTPURL, _ webhook: SignedWebhook, _ deadline: Deadline) async -> Result<Int, TransportError>

    /// Why a try got no answer. The text is safe for logs.
    package struct TransportError: Error, Sendable {
        package let reason: String

        package init(reason: String) {
            self.reason = reason
        }
    }

    /// A webhook and where it goes.
    package struct Job: Sendable {
        package let webhook: SignedWebhook
        package let url: HTTPURL
        package let broadcasterID: Int
    }

    private struct Queue {
        var waiting: [Job] = []
        var workers: [Int: Task<Void, Never>] = [:]
        var nextWorker = 0
        var isStopped = false
    }

    static let maximumWaiting = 1000
    static let maximumWorkers = 8

    private let policy: DeliveryPolicy
    private let loops: LoopGroup
    private let transport: Transport
    private let log: DeliveryLog
    private let onEnd: @Sendable (DeliveryRecord) -> Void
    private let queue = Mutex(Queue())

    /// - Parameter onEnd: is told of every delivery that has ended, well or badly.
    package init(
        policy: DeliveryPolicy, loops: LoopGroup, log: DeliveryLog, transport: @escaping Transport,
        onEnd: @escaping @Sendable (DeliveryRecord) -> Void = { _ in }
    ) {
        self.policy = policy
        self.loops = loops
        self.log = log
        self.onEnd = onEnd
        self.transport = transport
    }

    /// Delivers on the calling task, which must be on a loop.
    ///
    /// - Parameters:
    ///   - attempts: tries in all; nil takes the policy's.
    ///   - deadline: when the last try has to be over.
    package func deliver(_ job: Job, attempts: Int? = nil, until deadline: Deadline = .never) async -> DeliveryRecord {
        let firstTryAt = SandboxTime.now()
        let maximum = attempts ?? policy.attempts
        var attempt = 1
        var outcome = await tryOnce(job, until: deadline)
        while !outcome.isSuccess, attempt < maximum {
            let pause = Deadline.after(.milliseconds(policy.backoffMilliseconds(beforeAttempt: attempt + 1)))
            guard pause < deadline, (try? await sleep(until: pause)) != nil else { break }
            attempt += 1
            outcome = await tryOnce(job, until: deadline)
        }
        let record = DeliveryRecord(
            messageID: job.webhook.messageID, subscriptionID: job.webhook.subscriptionID,
            eventType: job.webhook.eventType, broadcasterID: job.broadcasterID, firstTryAt: firstTryAt,
            attempts: attempt, status: try? outcome.get(), failure: outcome.failureReason)
        log.add(record)
        onEnd(record)
        return record
    }

    private func tryOnce(_ job: Job, until deadline: Deadline) async -> Result<Int, TransportError> {
        let timeout = Deadline.after(.milliseconds(policy.timeoutMilliseconds))
        return await transport(job.url, job.webhook, min(timeout, deadline))
    }

    // MARK: In the background

    /// Has it delivered some time. When too many are waiting it is dropped, and counted.
    package func enqueue(_ job: Job) {
        let isTaken = queue.withLock { queue in
            guard !queue.isStopped, queue.waiting.count < Self.maximumWaiting else { return false }
            queue.waiting.append(job)
            if queue.workers.count < Self.maximumWorkers {
                let number = queue.nextWorker
                queue.nextWorker += 1
                queue.workers[number] = loops.next().spawn { await self.work(number) }
            }
            return true
        }
        if !isTaken { log.addDropped() }
    }

    private func work(_ number: Int) async {
        while let job = nextJob(for: number) {
            _ = await deliver(job)
        }
    }

    /// Nil when there is nothing left; the worker is then forgotten in the same step, so that no job is left alone.
    private func nextJob(for number: Int) -> Job? {
        queue.withLock { queue in
            guard !queue.isStopped, !queue.waiting.isEmpty else {
                queue.workers[number] = nil
                return nil
            }
            return queue.waiting.removeFirst()
        }
    }

    /// Drops what waits, cancels what is on its way, and returns when nothing runs any more.
    package func stop() async {
        let workers = queue.withLock { queue in
            queue.isStopped = true
            queue.waiting = []
            return Array(queue.workers.values)
        }
        for worker in workers { worker.cancel() }
        for worker in workers { await worker.value }
    }
}

extension Result where Success == Int, Failure == WebhookSender.TransportError {
    fileprivate var isSuccess: Bool { (try? get()) == 200 }
    fileprivate var failureReason: String? { if case .failure(let error) = self { error.reason } else { nil } }
}
