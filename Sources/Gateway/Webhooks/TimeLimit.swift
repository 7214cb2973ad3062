import Net

/// It took longer than it may.
struct TookTooLong: Error, CustomStringConvertible {
    var description: String { "it took too long" }
}

/// What `body` returns, which is cancelled when it takes longer. It has to heed that: its end is waited for. On a loop.
func within<R: Sendable>(_ time: Duration, _ body: @escaping @Sendable () async throws -> R) async throws -> R {
    try await withThrowingTaskGroup(of: R?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await sleep(for: time)
            return nil
        }
        defer { group.cancelAll() }
        guard let result = try await group.next() ?? nil else { throw TookTooLong() }
        return result
    }
}
