package import Net

extension Loop {
    /// Runs `body` on the loop's thread and waits for what it returns.
    package func run<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R {
        await withCheckedContinuation { continuation in
            execute { continuation.resume(returning: body()) }
        }
    }

    /// The same for a body that waits: it is on this loop after each of its suspensions.
    package func perform<R: Sendable>(_ body: @Sendable () async throws -> R) async rethrows -> R {
        try await withTaskExecutorPreference(self) {
            await enter()
            return try await body()
        }
    }
}
