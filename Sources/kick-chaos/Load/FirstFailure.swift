import Synchronization

/// What first went wrong in tasks that nobody waits for yet.
final class FirstFailure: Sendable {
    private let error = Mutex<(any Error)?>(nil)

    func note(_ body: () async throws -> Void) async {
        do {
            try await body()
        } catch {
            self.error.withLock { if $0 == nil { $0 = error } }
        }
    }

    func check() throws {
        if let error = error.withLock({ $0 }) { throw error }
    }
}
