import Synchronization

/// How often each operation was called, whatever became of it: refusals and ordered failures count too.
final class CallCounter: Sendable {
    private struct Counts {
        var names: [String] = []
        var calls: [Int] = []
    }

    private let counts = Mutex(Counts())

    /// An operation, as `GET /public/v1/channels`. Returns the number to ``count(_:)`` it by.
    func register(_ name: String) -> Int {
        counts.withLock { counts in
            counts.names.append(name)
            counts.calls.append(0)
            return counts.names.count - 1
        }
    }

    func count(_ number: Int) { counts.withLock { $0.calls[number] += 1 } }

    func reset() { counts.withLock { counts in for index in counts.calls.indices { counts.calls[index] = 0 } } }

    /// Those that were called at all, by name.
    var json: JSON {
        let called = counts.withLock { counts in Array(zip(counts.names, counts.calls).filter { $0.1 > 0 }) }
        return .object(called.sorted { $0.0 < $1.0 }.map { .init(name: $0.0, value: .integer($0.1)) })
    }
}
