import Model
import Net

/// How often Kick is asked one thing on behalf of one app, shared fairly between the tenants that use it. Pure: what to
/// do is its answer, and time comes in as a parameter.
///
/// Kick publishes no limits (FACTS §2.1), so there are two rules: never faster than our own rate, and not at all while a
/// 429 has its effect. Who has to wait stands in a queue of his tenant's; the queues take turns, so that one tenant's
/// thousand requests delay another's single one by one.
struct CallBudget {
    struct Policy: Sendable {
        /// Calls per second in the long run, and at once after a pause.
        var rate = 20.0
        var burst = 40.0
        /// Calls under way at once: a Kick that does not answer must not hold all connections with one operation. One
        /// tenant has three quarters of them at most, so that what Kick does not answer to him holds up nobody else.
        var concurrency = 20
        var concurrencyPerTenant: Int { concurrency - concurrency / 4 }
        /// Who comes when so many wait, of all or of his tenant, is sent away. More could not be served while they wait.
        var waiting = 1024
        var waitingPerTenant = 64
        /// The pause after a 429 that says nothing, doubled with each further pause up to the longest.
        var firstPause = Duration.seconds(1)
        var longestPause = Duration.seconds(60)
        /// The longest pause that Kick can ask for: then it is asked once more whether it still means it.
        var longestAskedPause = Duration.seconds(300)
    }

    typealias Ticket = UInt64

    enum Admission: Equatable {
        case go
        /// To be admitted by ``admit(at:)``.
        case wait(Ticket)
        case refused(Refusal, retryAfter: Duration)
    }

    enum Refusal: Equatable {
        /// Kick has answered 429, and its time is not over.
        case paused
        /// Too many wait already.
        case full
    }

    private struct Line {
        let tenant: TenantID
        var tickets: [Ticket]
    }

    private let policy: Policy
    private var tokens: Double
    private var refilledAt: Deadline
    private var pausedUntil = Deadline(nanoseconds: 0)
    /// How many pauses came in a row.
    private var refusals = 0
    /// The tenants that wait; the first one's turn is next.
    private var lines: [Line] = []
    private var lastTicket: Ticket = 0
    private var inFlight = 0
    private var inFlightByTenant: [TenantID: Int] = [:]

    init(policy: Policy, at now: Deadline) {
        self.policy = policy
        tokens = policy.burst
        refilledAt = now
    }

    var waitingCount: Int { lines.reduce(0) { $0 + $1.tickets.count } }

    private func hasPlace(for tenant: TenantID) -> Bool {
        inFlight < policy.concurrency && inFlightByTenant[tenant, default: 0] < policy.concurrencyPerTenant
    }

    /// Who is let go has to be told of by ``finished(_:)``.
    ///
    /// - Parameter deadline: until when the caller can wait.
    mutating func ask(for tenant: TenantID, until deadline: Deadline, at now: Deadline) -> Admission {
        refill(at: now)
        // Who waits for the end of a call of his own is passed by.
        if pausedUntil <= now, tokens >= 1, hasPlace(for: tenant), !lines.contains(where: { hasPlace(for: $0.tenant) })
        {
            take(for: tenant)
            return .go
        }
        guard pausedUntil < deadline else { return .refused(.paused, retryAfter: pausedUntil - now) }
        let index = lines.firstIndex { $0.tenant == tenant }
        guard waitingCount < policy.waiting, index.map({ lines[$0].tickets.count }) ?? 0 < policy.waitingPerTenant
        else { return .refused(.full, retryAfter: .seconds(1)) }
        lastTicket += 1
        if let index {
            lines[index].tickets.append(lastTicket)
        } else {
            lines.append(Line(tenant: tenant, tickets: [lastTicket]))
        }
        return .wait(lastTicket)
    }

    /// Who waits no longer.
    mutating func leave(_ ticket: Ticket) {
        for index in lines.indices {
            lines[index].tickets.removeAll { $0 == ticket }
        }
        lines.removeAll { $0.tickets.isEmpty }
    }

    /// A call of a tenant's has come to its end, however.
    mutating func finished(_ tenant: TenantID) {
        inFlight -= 1
        let rest = inFlightByTenant[tenant, default: 1] - 1
        inFlightByTenant[tenant] = rest > 0 ? rest : nil
    }

    /// Who may go now, and when to ask again; nil when nobody waits, or only for the end of another's call.
    mutating func admit(at now: Deadline) -> (admitted: [Ticket], next: Deadline?) {
        refill(at: now)
        var admitted: [Ticket] = []
        while pausedUntil <= now, tokens >= 1, let next = lines.firstIndex(where: { hasPlace(for: $0.tenant) }) {
            var line = lines.remove(at: next)
            take(for: line.tenant)
            admitted.append(line.tickets.removeFirst())
            if !line.tickets.isEmpty { lines.append(line) }
        }
        guard lines.contains(where: { hasPlace(for: $0.tenant) }) else { return (admitted, nil) }
        let untilToken = now + .seconds(max(0, 1 - tokens) / policy.rate)
        return (admitted, max(pausedUntil, untilToken))
    }

    /// Kick has answered 429.
    ///
    /// - Parameters:
    ///   - retryAfter: what Kick asks for, if it does.
    ///   - jitter: 0…1, so that several replicas do not come back together.
    mutating func limited(retryAfter: Duration?, jitter: Double, at now: Deadline) {
        // Those that were on their way when the pause began say nothing new.
        if pausedUntil <= now { refusals += 1 }
        let doubled = policy.firstPause * (1 << min(max(refusals - 1, 0), 16))
        // A time that is over says nothing: a clock is wrong, or a word was put there for its own sake.
        let asked = retryAfter.flatMap { $0 > .zero ? $0 : nil }
        let pause = asked.map { min($0, policy.longestAskedPause) } ?? min(doubled, policy.longestPause)
        let jittered = pause + pause * (0.25 * jitter)
        pausedUntil = max(pausedUntil, now + min(jittered, policy.longestAskedPause))
        // Afterwards it begins with one call, not with what would have come together meanwhile.
        tokens = min(tokens, 1)
        refilledAt = max(refilledAt, pausedUntil)
    }

    /// How long the pause of the last 429 still is.
    func pause(at now: Deadline) -> Duration { pausedUntil - now }

    /// Kick has answered something else. What was on its way when a pause began says nothing about it.
    mutating func answered(at now: Deadline) {
        if pausedUntil <= now { refusals = 0 }
    }

    private mutating func take(for tenant: TenantID) {
        tokens -= 1
        inFlight += 1
        inFlightByTenant[tenant, default: 0] += 1
    }

    private mutating func refill(at now: Deadline) {
        guard now > refilledAt else { return }
        tokens = min(policy.burst, tokens + ((now - refilledAt) / .seconds(1)) * policy.rate)
        refilledAt = now
    }
}
