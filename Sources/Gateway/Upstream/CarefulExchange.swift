import HTTP
import Kick
import Model
import Net

/// Sends requests to Kick within an app's budgets, and repeats those that only read.
struct CarefulExchange: Sendable {
    struct Policy: Sendable {
        /// How often a read is tried, and how long one try may take.
        var tries = 3
        var tryTimeout = Duration.seconds(5)
        /// Before the second try; doubled before the third. Half of it is chance.
        var pause = Duration.milliseconds(100)
        /// How long a call may wait for its turn.
        var patience = Duration.seconds(3)
    }

    let exchange: KickExchange
    let budgets: CallBudgets
    let policy: Policy
    let app: AppID
    let tenant: TenantID

    /// As an API's way to Kick.
    var asExchange: KickExchange {
        { (request: KickRequest, deadline: Deadline) async throws(KickError) -> KickAnswer in
            try await send(request, deadline)
        }
    }

    private func send(_ request: KickRequest, _ deadline: Deadline) async throws(KickError) -> KickAnswer {
        let mayRepeat = request.method == .get
        let key = CallBudgets.Key(app: app, operation: request.operation)
        var tried = 0
        var last: Result<KickAnswer, KickError>?
        while true {
            if let refusal = await enter(key, deadline) { return try (last ?? .failure(refusal)).get() }
            let limit = mayRepeat ? min(deadline, .after(policy.tryTimeout)) : deadline
            var result = await attempt(request, limit)
            let trouble = trouble(in: result, of: request)
            if let limited = note(trouble, key) { result = .failure(limited) }
            budgets.leave(key, for: tenant)
            tried += 1
            guard mayRepeat, tried < policy.tries, let pause = pause(after: trouble, tried), pause < deadline.remaining
            else { return try result.get() }
            last = result
            try? await sleep(for: pause)
        }
    }

    /// Why there is no place in the budget; nil when there is.
    private func enter(_ key: CallBudgets.Key, _ deadline: Deadline) async -> KickError? {
        do {
            try await budgets.enter(key, for: tenant, until: min(deadline, .after(policy.patience)))
            return nil
        } catch {
            return error
        }
    }

    private func attempt(_ request: KickRequest, _ deadline: Deadline) async -> Result<KickAnswer, KickError> {
        do {
            return .success(try await exchange(request, deadline))
        } catch {
            return .failure(error)
        }
    }

    private func trouble(in result: Result<KickAnswer, KickError>, of request: KickRequest) -> KickError? {
        switch result {
        case .success(let answer): (200...299).contains(answer.status) ? nil : KickError(answer, to: request)
        case .failure(let error): error
        }
    }

    /// Tells the budget. A 429 comes back with the time after which Kick is really asked again.
    private func note(_ trouble: KickError?, _ key: CallBudgets.Key) -> KickError? {
        switch trouble?.kind {
        case .rateLimited:
            let pause = budgets.limited(key, retryAfter: trouble?.retryAfter)
            return KickError(
                .rateLimited, status: trouble?.status, message: trouble?.message, retryAfter: pause)
        case .unreachable: break
        default: budgets.answered(key)
        }
        return nil
    }

    /// How long to wait before the next try; nil when there is to be none. After a 429 the budget says how long.
    private func pause(after trouble: KickError?, _ tried: Int) -> Duration? {
        switch trouble?.kind {
        case .rateLimited: (trouble?.retryAfter ?? .zero) < policy.patience ? .zero : nil
        case .serverTrouble, .unreachable, .undecodable:
            policy.pause * (1 << (tried - 1)) * Double.random(in: 0.5...1)
        default: nil
        }
    }
}
