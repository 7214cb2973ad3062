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

    private typealias Flight = Task<Result<Landing, any Error>, Never>

    private struct Place {
        let flight: Flight
        /// When the question went out, in the sequence of changes.
        let asked: ReadMemory.Moment
    }

    private struct State {
        var memory: ReadMemory
        var flights: [ReadKey: Place] = [:]
    }

    private enum Look {
        case known(ReadAnswer)
        case wait(Place, from: ReadMemory.Moment)
    }

    private let now: @Sendable () -> Deadline
    private let state: Mutex<State>

    /// - Parameter now: the time, which tests may set.
    init(limits: ReadMemory.Limits, now: @escaping @Sendable () -> Deadline) {
        self.now = now
        state = Mutex(State(memory: ReadMemory(limits: limits)))
    }

    /// What is remembered, or what `ask` brings. When that fails in a way that may pass, what is old is given instead.
    ///
    /// `ask` runs in a task of its own with its own deadline: who asked first may hang up.
    func answer(
        to key: ReadKey, _ lifetime: CacheLifetime, ask: @escaping @Sendable () async -> Result<Finding, any Error>
    ) async throws -> ReadAnswer {
        while true {
            switch look(key, lifetime, ask) {
            case .known(let answer): return answer
            case .wait(let place, let from):
                let landing = try await place.flight.value.get()
                // Asked before a change that we come after: its answer is not for us.
                guard place.asked < from, hasChanged(landing.tags, since: place.asked) else { return landing.answer }
            }
        }
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
            if let place = state.flights[key] { return .wait(place, from: moment) }
            let flight = Flight(executorPreference: Loop.current) { [self] in
                land(await ask(), key, lifetime, asked: moment)
            }
            let place = Place(flight: flight, asked: moment)
            state.flights[key] = place
            return .wait(place, from: moment)
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
