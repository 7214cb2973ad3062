import Kick
import Model
import Net
import Synchronization

/// Reads of Kick, each made once for all who ask meanwhile, and remembered for its time. Per process.
final class ReadCache: Sendable {
    /// What a question to Kick has brought.
    struct Finding: Sendable {
        /// Nil when there is no such thing.
        let representation: Representation?
        let tags: [CacheTag]
        /// Whether nothing of it is lacking; else it is not remembered.
        let isWhole: Bool
    }

    private struct Landing: Sendable {
        let answer: ReadAnswer
        let tags: [CacheTag]
    }

    /// A question that is under way.
    private struct Flight {
        let landing = Promise<Result<Landing, any Error>>()
        /// When it went out, in the sequence of changes.
        let asked: ReadMemory.Moment
        let startedAt = Deadline.now()
    }

    private struct State {
        var memory: ReadMemory
        var flights: [ReadKey: Flight] = [:]
    }

    private enum Look {
        case known(ReadAnswer)
        case wait(Flight, from: ReadMemory.Moment, hasOld: Bool)
    }

    /// Who can be given something old waits no longer than this for something new.
    private static let patience = Duration.seconds(1)
    /// Longer than any question takes, with all its tries and the renewal of a token.
    private static let longest = Duration.seconds(60)

    private let now: @Sendable () -> Deadline
    private let state: Mutex<State>

    /// - Parameter now: the time, which tests may set.
    init(limits: ReadMemory.Limits, now: @escaping @Sendable () -> Deadline) {
        self.now = now
        state = Mutex(State(memory: ReadMemory(limits: limits)))
    }

    /// What is remembered, or what `ask` brings. When that fails in a way that may pass, what is old is given instead.
    ///
    /// `ask` runs in a task of its own with its own deadline: who asked first may hang up. When it takes long, what is old
    /// is given meanwhile. On a loop.
    func answer(
        to key: ReadKey, _ lifetime: CacheLifetime, until deadline: Deadline = .never,
        ask: @escaping @Sendable () async -> Result<Finding, any Error>
    ) async throws -> ReadAnswer {
        while true {
            switch look(key, lifetime, ask) {
            case .known(let answer): return answer
            case .wait(let flight, let from, let hasOld):
                let limit = min(deadline, flight.startedAt + (hasOld ? Self.patience : Self.longest))
                guard let result = await flight.landing.value(until: limit) else {
                    if let answer = old(key) { return answer }
                    guard hasOld, !deadline.hasPassed else {
                        throw GatewayError(.kickTimedOut, "Kick did not answer in time")
                    }
                    continue
                }
                let landing = try result.get()
                // Asked before a change that we come after: its answer is not for us.
                guard flight.asked < from, hasChanged(landing.tags, since: flight.asked) else {
                    return landing.answer
                }
            }
        }
    }

    private func old(_ key: ReadKey) -> ReadAnswer? {
        state.withLock { $0.memory.old(key, because: "Kick is slow to answer", at: now()) }
    }

    /// Something has changed at Kick.
    func change(_ tags: [CacheTag]) {
        state.withLock { $0.memory.change(tags, at: now()) }
    }

    private func hasChanged(_ tags: [CacheTag], since asked: ReadMemory.Moment) -> Bool {
        state.withLock { $0.memory.hasChanged(tags, since: asked) }
    }

    private func look(
        _ key: ReadKey, _ lifetime: CacheLifetime, _ ask: @escaping @Sendable () async -> Result<Finding, any Error>
    ) -> Look {
        state.withLock { state in
            if let answer = state.memory.fresh(key, at: now()) { return .known(answer) }
            let moment = state.memory.moment
            let hasOld = state.memory.isUsable(key, at: now())
            if let flight = state.flights[key] { return .wait(flight, from: moment, hasOld: hasOld) }
            let flight = Flight(asked: moment)
            state.flights[key] = flight
            Loop.current?.spawn { [self] in
                flight.landing.fulfil(land(await ask(), key, lifetime, asked: moment))
            }
            return .wait(flight, from: moment, hasOld: hasOld)
        }
    }

    private func land(
        _ result: Result<Finding, any Error>, _ key: ReadKey, _ lifetime: CacheLifetime, asked: ReadMemory.Moment
    ) -> Result<Landing, any Error> {
        state.withLock { state in
            state.flights[key] = nil
            let now = now()
            switch result {
            case .success(let finding) where finding.isWhole:
                let answer = state.memory.store(
                    finding.representation, finding.tags, for: key, lifetime, asked: asked, at: now)
                return .success(Landing(answer: answer, tags: finding.tags))
            case .success(let finding):
                return .success(Landing(answer: .unkept(finding.representation), tags: finding.tags))
            case .failure(let error):
                guard let trouble = KickTrouble.passing(error, isLogin: key.subject.isLogin),
                    let answer = state.memory.old(key, because: trouble, at: now)
                else { return .failure(error) }
                return .success(Landing(answer: answer, tags: []))
            }
        }
    }
}
