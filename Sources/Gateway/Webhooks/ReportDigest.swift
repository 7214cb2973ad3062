import Net
import Synchronization

/// Says a thing at once when it happens for the first time in a while, and then once a minute how often it has happened:
/// a flood of webhooks must not become one of log lines.
final class ReportDigest: Sendable {
    /// Something of a kind has happened `count` times; the last one was `example`.
    typealias Write = @Sendable (_ kind: String, _ example: String, _ count: Int) -> Void

    private struct Tally {
        var count = 0
        var example: String
    }

    private struct State {
        var tallies: [String: Tally] = [:]
        var isWaiting = false
    }

    /// Kinds that are told apart; strangers choose some of them.
    static let capacity = 100
    private static let others = "others"

    private let interval: Duration
    private let write: Write
    private let state = Mutex(State())

    init(every interval: Duration = .seconds(60), write: @escaping Write) {
        self.interval = interval
        self.write = write
    }

    func note(_ kind: String, example: @autoclosure () -> String, count: Int = 1) {
        let (isFirst, kind, mustWait) = state.withLock { state in
            let kind = state.tallies[kind] != nil || state.tallies.count < Self.capacity ? kind : Self.others
            let isFirst = state.tallies[kind] == nil
            if isFirst {
                state.tallies[kind] = Tally(example: "")
            } else {
                state.tallies[kind]?.count += count
                state.tallies[kind]?.example = example()
            }
            defer { state.isWaiting = true }
            return (isFirst, kind, !state.isWaiting)
        }
        if isFirst { write(kind, example(), count) }
        if mustWait { wait() }
    }

    private func wait() {
        guard let loop = Loop.current else { preconditionFailure("a report needs a loop") }
        loop.schedule(at: .after(interval)) { [self] in
            if sum() { wait() }
        }
    }

    /// Writes what has happened since the last time, and forgets what has not happened again. False when nothing is left.
    func sum() -> Bool {
        let tallies = state.withLock { state in
            let tallies = state.tallies.filter { $0.value.count > 0 }
            state.tallies = tallies.mapValues { Tally(example: $0.example) }
            state.isWaiting = !tallies.isEmpty
            return tallies
        }
        for (kind, tally) in tallies.sorted(by: { $0.key < $1.key }) { write(kind, tally.example, tally.count) }
        return !tallies.isEmpty
    }
}
