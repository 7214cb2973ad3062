package import Net

extension Loop {
    /// Runs `body` on the loop's thread and waits for what it returns.
    package func run<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R {
        await withCheckedContinuation { continuation in
            execute { continuation.resume(returning: body()) }
        }
    }
}
