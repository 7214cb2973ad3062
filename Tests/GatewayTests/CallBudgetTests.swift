import Model
import Net
import Testing

@testable import Gateway

@Suite("The budget of calls")
struct CallBudgetTests {
    private static let start = Deadline(nanoseconds: 1_000_000_000_000)
    private static let late = start + .seconds(3600)
    private let first = TenantID(unchecked: "ten_1")
    private let second = TenantID(unchecked: "ten_2")

    private static func budget(rate: Double = 10, burst: Double = 2, waiting: Int = 8) -> CallBudget {
        var policy = CallBudget.Policy()
        (policy.rate, policy.burst, policy.waiting) = (rate, burst, waiting)
        return CallBudget(policy: policy, at: start)
    }

    private static func ticket(_ admission: CallBudget.Admission) throws -> CallBudget.Ticket {
        guard case .wait(let ticket) = admission else { throw Unexpected(admission: admission) }
        return ticket
    }

    private struct Unexpected: Error {
        let admission: CallBudget.Admission
    }

    @Test("lets a burst through, then one by one at its rate")
    func rate() throws {
        var budget = Self.budget()
        #expect(budget.ask(for: first, until: Self.late, at: Self.start) == .go)
        #expect(budget.ask(for: first, until: Self.late, at: Self.start) == .go)
        let tickets = try (0..<3).map { _ in
            try Self.ticket(budget.ask(for: first, until: Self.late, at: Self.start))
        }
        let early = budget.admit(at: Self.start + .milliseconds(99))
        #expect(early.admitted == [])
        #expect(early.next == Self.start + .milliseconds(100))
        #expect(budget.admit(at: Self.start + .milliseconds(100)).admitted == [tickets[0]])
        let last = budget.admit(at: Self.start + .milliseconds(300))
        #expect(last.admitted == Array(tickets[1...]) && last.next == nil)
    }

    @Test("tenants take turns: a thousand requests of one delay another's by one")
    func fairness() throws {
        var budget = Self.budget(burst: 1)
        _ = budget.ask(for: first, until: Self.late, at: Self.start)
        let many = try (0..<5).map { _ in try Self.ticket(budget.ask(for: first, until: Self.late, at: Self.start)) }
        let single = try Self.ticket(budget.ask(for: second, until: Self.late, at: Self.start))
        var order: [CallBudget.Ticket] = []
        for turn in 1...6 {
            order += budget.admit(at: Self.start + .milliseconds(100 * turn)).admitted
        }
        #expect(order == [many[0], single] + many[1...])
    }

    @Test("who comes when too many wait is sent away, and who leaves makes room")
    func bound() throws {
        var budget = Self.budget(burst: 1, waiting: 2)
        _ = budget.ask(for: first, until: Self.late, at: Self.start)
        let ticket = try Self.ticket(budget.ask(for: first, until: Self.late, at: Self.start))
        _ = try Self.ticket(budget.ask(for: second, until: Self.late, at: Self.start))
        #expect(budget.ask(for: second, until: Self.late, at: Self.start) == .refused(.full, retryAfter: .seconds(1)))
        budget.leave(ticket)
        #expect(budget.waitingCount == 1)
        _ = try Self.ticket(budget.ask(for: second, until: Self.late, at: Self.start))
    }

    @Test("after a 429 nobody goes before Kick's time, and who cannot wait so long is told at once")
    func limited() throws {
        var budget = Self.budget(burst: 5)
        budget.limited(retryAfter: .seconds(10), jitter: 0, at: Self.start)
        #expect(
            budget.ask(for: first, until: Self.start + .seconds(3), at: Self.start)
                == .refused(.paused, retryAfter: .seconds(10)))
        let ticket = try Self.ticket(budget.ask(for: first, until: Self.late, at: Self.start))
        let early = budget.admit(at: Self.start + .seconds(9))
        #expect(early.admitted == [] && early.next == Self.start + .seconds(10))
        #expect(budget.admit(at: Self.start + .seconds(10)).admitted == [ticket])
    }

    @Test("without a time of Kick's the pause doubles with each 429, to a minute, and an answer ends that")
    func backoff() {
        var budget = Self.budget()
        var now = Self.start
        var pauses: [Int64] = []
        for _ in 0..<8 {
            budget.limited(retryAfter: nil, jitter: 0, at: now)
            guard case .refused(.paused, let pause) = budget.ask(for: first, until: now, at: now) else { return }
            pauses.append(pause.components.seconds)
            now = now + pause
        }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 60, 60])
        budget.answered(at: now)
        budget.limited(retryAfter: nil, jitter: 1, at: now)
        #expect(budget.ask(for: first, until: now, at: now) == .refused(.paused, retryAfter: .milliseconds(1250)))
    }

    @Test("many that were on their way together are one 429, and a time of Kick's that is over is none")
    func together() {
        var budget = Self.budget()
        for _ in 0..<40 { budget.limited(retryAfter: .zero, jitter: 0, at: Self.start) }
        #expect(
            budget.ask(for: first, until: Self.start, at: Self.start) == .refused(.paused, retryAfter: .seconds(1)))
        let later = Self.start + .seconds(1)
        budget.limited(retryAfter: nil, jitter: 0, at: later)
        #expect(budget.ask(for: first, until: later, at: later) == .refused(.paused, retryAfter: .seconds(2)))
    }

    @Test("Kick can ask for five minutes at most: then it is asked whether it still means it")
    func longPause() {
        var budget = Self.budget()
        budget.limited(retryAfter: .seconds(86_400), jitter: 0, at: Self.start)
        #expect(budget.pause(at: Self.start) == .seconds(300))
        #expect(budget.ask(for: first, until: Self.late, at: Self.start + .seconds(300)) == .go)
    }

    @Test("no more than so many are under way at once, however few were begun lately")
    func concurrency() throws {
        var policy = CallBudget.Policy()
        (policy.rate, policy.burst, policy.concurrency) = (1000, 1000, 2)
        var budget = CallBudget(policy: policy, at: Self.start)
        for _ in 0..<2 {
            let admission = budget.ask(for: first, until: Self.late, at: Self.start)
            #expect(admission == .go)
        }
        let ticket = try Self.ticket(budget.ask(for: second, until: Self.late, at: Self.start))
        let before = budget.admit(at: Self.start + .seconds(10))
        #expect(before.admitted == [] && before.next == nil, "only an end makes room")
        budget.finished(first)
        #expect(budget.admit(at: Self.start + .seconds(10)).admitted == [ticket])
    }

    @Test("one tenant cannot fill the queue: another still gets his turn")
    func queueOfOne() throws {
        var budget = Self.budget(burst: 1, waiting: 1024)
        _ = budget.ask(for: first, until: Self.late, at: Self.start)
        for _ in 0..<64 { _ = try Self.ticket(budget.ask(for: first, until: Self.late, at: Self.start)) }
        #expect(budget.ask(for: first, until: Self.late, at: Self.start) == .refused(.full, retryAfter: .seconds(1)))
        let other = try Self.ticket(budget.ask(for: second, until: Self.late, at: Self.start))
        let turns = (1...2).flatMap { budget.admit(at: Self.start + .milliseconds(100 * $0)).admitted }
        #expect(turns.last == other)
    }

    @Test("after a pause Kick is asked once, not with a burst; what was on its way does not end the doubling")
    func afterPause() {
        var budget = Self.budget(burst: 40)
        for pause in [1, 2, 4] {
            let now = Self.start + .seconds(100 * pause)
            budget.limited(retryAfter: nil, jitter: 0, at: now)
            budget.answered(at: now)
            #expect(budget.pause(at: now) == .seconds(pause))
        }
        let end = Self.start + .seconds(404)
        let first = budget.ask(for: first, until: Self.late, at: end)
        #expect(first == .go)
        guard case .wait = budget.ask(for: second, until: Self.late, at: end) else {
            Issue.record("a burst")
            return
        }
    }

    @Test("whose calls Kick does not answer holds up himself, and nobody else")
    func hangingTenant() throws {
        var policy = CallBudget.Policy()
        (policy.rate, policy.burst, policy.concurrency) = (1000, 1000, 4)
        var budget = CallBudget(policy: policy, at: Self.start)
        for _ in 0..<3 { _ = budget.ask(for: first, until: Self.late, at: Self.start) }
        let ticket = try Self.ticket(budget.ask(for: first, until: Self.late, at: Self.start))
        for _ in 0..<5 {
            let admission = budget.ask(for: second, until: Self.late, at: Self.start)
            #expect(admission == .go)
            budget.finished(second)
        }
        let none = budget.admit(at: Self.start + .seconds(1))
        #expect(none.admitted == [] && none.next == nil)
        budget.finished(first)
        #expect(budget.admit(at: Self.start + .seconds(1)).admitted == [ticket])
    }
}
