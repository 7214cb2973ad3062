import Synchronization

/// A value that comes once. Any number of tasks wait for it, each with a deadline of its own; whoever gives up waiting
/// does not disturb what brings the value.
package final class Promise<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var lastWaiter: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Value?, Never>] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// Hands the value to everybody who waits, and will wait. Only the first call counts.
    package func fulfil(_ value: Value) {
        let waiters = state.withLock { state -> [CheckedContinuation<Value?, Never>] in
            guard state.value == nil else { return [] }
            state.value = value
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume(returning: value) }
    }

    /// The value, or nil at the deadline or when the waiting task is cancelled. The task must run on a loop.
    package func value(until deadline: Deadline) async -> Value? {
        guard let loop = Loop.current else { preconditionFailure("value(until:) needs a loop") }
        let waiter = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        let timer = loop.schedule(at: deadline) { [self] in giveUp(waiter) }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (mustWait, value) = state.withLock { state -> (Bool, Value?) in
                    if let value = state.value { return (false, value) }
                    // A cancellation that came before this found nobody to wake.
                    if Task.isCancelled { return (false, nil) }
                    state.waiters[waiter] = continuation
                    return (true, nil)
                }
                if !mustWait { continuation.resume(returning: value) }
            }
        } onCancel: {
            giveUp(waiter)
        }
    }

    private func giveUp(_ waiter: UInt64) {
        state.withLock { $0.waiters.removeValue(forKey: waiter) }?.resume(returning: nil)
    }
}
