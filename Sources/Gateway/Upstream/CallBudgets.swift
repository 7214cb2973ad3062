import Kick
import Model
import Net
import Synchronization

/// The budgets of all apps and operations, and the callers that wait for a place in one. Per process: with several
/// replicas each has its own.
final class CallBudgets: Sendable {
    struct Key: Hashable {
        let app: AppID
        let operation: KickOperation
    }

    private struct Slot {
        var budget: CallBudget
        var waiting: [CallBudget.Ticket: Promise<Void>] = [:]
        /// Whether somebody sees to it that those who wait are admitted.
        var isServed = false
    }

    private let policy: CallBudget.Policy
    private let slots = Mutex<[Key: Slot]>([:])

    init(policy: CallBudget.Policy) {
        self.policy = policy
    }

    /// Waits for a place. Throws `rateLimited` without a status when there is none until the deadline. On a loop.
    func enter(_ key: Key, for tenant: TenantID, until deadline: Deadline) async throws(KickError) {
        let promise = Promise<Void>()
        let (admission, mustServe) = slots.withLock { slots in
            var slot = slots[key] ?? Slot(budget: CallBudget(policy: policy, at: .now()))
            let admission = slot.budget.ask(for: tenant, until: deadline, at: .now())
            var mustServe = false
            if case .wait(let ticket) = admission {
                slot.waiting[ticket] = promise
                mustServe = !slot.isServed
                slot.isServed = true
            }
            slots[key] = slot
            return (admission, mustServe)
        }
        switch admission {
        case .go: return
        case .refused(let retryAfter): throw KickError(.rateLimited, retryAfter: retryAfter)
        case .wait(let ticket):
            if mustServe { Loop.current?.spawn { await self.serve(key) } }
            if await promise.value(until: deadline) != nil { return }
            slots.withLock { slots in
                slots[key]?.waiting[ticket] = nil
                slots[key]?.budget.leave(ticket)
            }
            throw KickError(.rateLimited, retryAfter: .seconds(1))
        }
    }

    /// Kick has answered 429.
    func limited(_ key: Key, retryAfter: Duration?) {
        slots.withLock {
            $0[key]?.budget.limited(retryAfter: retryAfter, jitter: .random(in: 0...1), at: .now())
        }
    }

    func answered(_ key: Key) {
        slots.withLock { $0[key]?.budget.answered() }
    }

    /// Admits those who wait, until nobody does.
    private func serve(_ key: Key) async {
        while let next = admit(key) {
            try? await sleep(until: next)
        }
    }

    private func admit(_ key: Key) -> Deadline? {
        let (promises, next) = slots.withLock { slots -> ([Promise<Void>], Deadline?) in
            guard var slot = slots[key] else { return ([], nil) }
            let (admitted, next) = slot.budget.admit(at: .now())
            let promises = admitted.compactMap { slot.waiting.removeValue(forKey: $0) }
            slot.isServed = next != nil
            slots[key] = slot
            return (promises, next)
        }
        for promise in promises { promise.fulfil(()) }
        return next
    }
}
