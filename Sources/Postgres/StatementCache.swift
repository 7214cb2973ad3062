/// Which statements a connection has prepared: bounded, the least recently used goes first. Pure.
struct StatementCache {
    /// What makes two statements the same: the declared types change the meaning of the text.
    struct Key: Hashable {
        let sql: String
        let types: [DataType]
    }

    struct Statement: Equatable {
        let name: String
        /// It must be prepared before its use.
        let isNew: Bool
        /// The name of a statement that must be deallocated first.
        let evicted: String?
    }

    private struct Entry {
        let name: String
        var lastUse: UInt64
    }

    private let capacity: Int
    private var entries: [Key: Entry] = [:]
    private var clock: UInt64 = 0

    /// - Parameter capacity: at least 1.
    init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    var count: Int { entries.count }

    /// The statement for the text. A new one counts as prepared from here on: when preparing fails, ``forget(_:)`` it.
    mutating func use(_ key: Key) -> Statement {
        clock += 1
        if let index = entries.index(forKey: key) {
            entries.values[index].lastUse = clock
            return Statement(name: entries.values[index].name, isNew: false, evicted: nil)
        }
        var evicted: String?
        // Linear, but only when a full cache meets a new text; a program has a fixed set of texts.
        if entries.count >= capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            evicted = oldest.value.name
            entries[oldest.key] = nil
        }
        let name = "s\(clock)"
        entries[key] = Entry(name: name, lastUse: clock)
        return Statement(name: name, isNew: true, evicted: evicted)
    }

    mutating func forget(_ key: Key) {
        entries[key] = nil
    }
}
