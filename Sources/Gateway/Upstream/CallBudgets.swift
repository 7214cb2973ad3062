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

    /// Waits for a place, which ``leave(_:for:)`` gives back. Throws `rateLimited` without a status when there is none until the
    /// deadline. On a loop.
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
        case .refused(let refusal, let retryAfter): throw Self.error(refusal, retryAfter: retryAfter)
        case .wait(let ticket):
            if mustServe { Loop.current?.spawn { await self.serve(key) } }
            if await promise.value(until: deadline) != nil { return }
            let (isWaiting, pause) = slots.withLock { slots in
                slots[key]?.budget.leave(ticket)
                return (
                    slots[key]?.waiting.removeValue(forKey: ticket) != nil,
                    slots[key]?.budget.pause(at: .now()) ?? .zero
                )
            }
            // Else the place was given at the same moment.
            guard isWaiting else { return }
            throw pause > .zero
                ? Self.error(.paused, retryAfter: pause) : Self.error(.full, retryAfter: .seconds(1))
        }
    }

    /// Gives a place back.
    func leave(_ key: Key, for tenant: TenantID) {
        slots.withLock { $0[key]?.budget.finished(tenant) }
        guard admit(key, startsServing: true) != nil else { return }
        Loop.current?.spawn { await self.serve(key) }
    }

    /// Kick has answered 429. How long nobody asks then.
    func limited(_ key: Key, retryAfter: Duration?) -> Duration {
        slots.withLock { slots in
            slots[key]?.budget.limited(retryAfter: retryAfter, jitter: .random(in: 0...1), at: .now())
            return slots[key]?.budget.pause(at: .now()) ?? .zero
        }
    }

    func answered(_ key: Key) {
        slots.withLock { $0[key]?.budget.answered(at: .now()) }
    }

    /// Admits those who wait, until nobody does.
    private func serve(_ key: Key) async {
        while let next = admit(key) {
            try? await sleep(until: next)
        }
    }

    /// Admits who may go now; when to look again, for the one who serves.
    ///
    /// - Parameter startsServing: whether the caller would begin to serve. Nil when somebody does already.
    private func admit(_ key: Key, startsServing: Bool = false) -> Deadline? {
        let (promises, next) = slots.withLock { slots -> ([Promise<Void>], Deadline?) in
            guard var slot = slots[key] else { return ([], nil) }
            let isServed = slot.isServed
            let (admitted, next) = slot.budget.admit(at: .now())
            let promises = admitted.compactMap { slot.waiting.removeValue(forKey: $0) }
            if startsServing, isServed {
                slots[key] = slot
                return (promises, nil)
            }
            slot.isServed = next != nil
            slots[key] = slot
            return (promises, next)
        }
        for promise in promises { promise.fulfil(()) }
        return next
    }

    private static func error(_ refusal: CallBudget.Refusal, retryAfter: Duration) -> KickError {
        let words =
            switch refusal {
            case .paused: "Kick has limited our rate: it is asked again when Retry-After is over"
            case .full: "too many calls of this kind wait for their turn with Kick (GATEWAY_KICK_RATE)"
            }
        return KickError(.rateLimited, message: words, retryAfter: retryAfter)
    }
}
