import Synchronization

/// A number that only grows, for metrics. Lock-free.
package final class Counter: Sendable {
    private let total = Atomic<Int>(0)

    package init() {}

    package func add(_ amount: Int = 1) {
        total.wrappingAdd(amount, ordering: .relaxed)
    }

    package var value: Int { total.load(ordering: .relaxed) }
}

/// A counter for each case of a closed set, such as the reasons of a refusal.
package struct CounterFamily<Label: CaseIterable & Hashable & Sendable>: Sendable {
    private let counters: [Label: Counter]

    package init() {
        counters = Dictionary(uniqueKeysWithValues: Label.allCases.map { ($0, Counter()) })
    }

    package subscript(label: Label) -> Counter {
        guard let counter = counters[label] else { preconditionFailure("allCases lacks a case") }
        return counter
    }

    /// The sum of all.
    package var total: Int { counters.values.reduce(0) { $0 + $1.value } }
}
