import HTTP
import Kick
import Model
import Net
import Telemetry
import TestKit
import Testing

@testable import Gateway

@Suite("Care with single calls", .timeLimit(.minutes(1)))
struct CarefulExchangeTests {
    private let app = AppID(unchecked: "app_1")
    private let tenant = TenantID(unchecked: "ten_1")

    @Test("a try of a read has a time of its own, a write has all that there is")
    func tryTimeout() async throws {
        let limits = Box<[Deadline]>([])
        var policy = CarefulExchange.Policy()
        (policy.tries, policy.tryTimeout) = (1, .seconds(5))
        let careful = CarefulExchange(
            exchange: { (_: KickRequest, deadline: Deadline) async throws(KickError) -> KickAnswer in
                limits.update { $0.append(deadline) }
                throw KickError(.unreachable(requestSent: true), isTimeout: true)
            }, budgets: CallBudgets(policy: CallBudget.Policy()), policy: policy, app: app, tenant: tenant)
        let api = KickAPI(exchange: careful.asExchange)
        let deadline = Deadline.after(.seconds(3600))
        await #expect(throws: KickError.self) {
            try await api.livestreamCount(token: Secret("t"), deadline: deadline)
        }
        await #expect(throws: KickError.self) {
            try await api.unban(userID: 2, broadcasterUserID: 1, token: Secret("t"), deadline: deadline)
        }
        #expect(limits.value.count == 2)
        #expect(limits.value.first.map { $0 < deadline } == true && limits.value.last == deadline)
    }

    @Test("who waits in vain leaves the queue: his place is free for the next")
    func leaving() async throws {
        var policy = CallBudget.Policy()
        (policy.rate, policy.burst, policy.waiting) = (2, 1, 1)
        let budgets = CallBudgets(policy: policy)
        let key = CallBudgets.Key(app: app, operation: .channels)
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let tenant = tenant
        try await onLoop(loops.loops[0]) {
            try await budgets.enter(key, for: tenant, until: .never)
            await #expect(throws: KickError.self) {
                try await budgets.enter(key, for: tenant, until: .after(.milliseconds(1)))
            }
            try await budgets.enter(key, for: tenant, until: .after(.seconds(3600)))
        }
    }
}
