import Glibc
import Synchronization

/// Tells the server to stop a statement that nobody waits for any more.
///
/// libpq opens a connection of its own for that and blocks on it, hence a thread. A courtesy: the statement's
/// connection is given up in any case.
enum CancelRequest {
    /// More than this many at once are not sent: a server that is in such trouble is not helped by more connections.
    private static let limit = 8
    private static let running = Atomic<Int>(0)

    static func send(_ handle: CancelHandle) {
        guard running.wrappingAdd(1, ordering: .relaxed).newValue <= limit else {
            running.wrappingSubtract(1, ordering: .relaxed)
            return
        }
        let argument = unsafe Unmanaged.passRetained(handle)
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<CancelHandle>.fromOpaque(argument).takeRetainedValue().send()
                CancelRequest.running.wrappingSubtract(1, ordering: .relaxed)
                return nil
            }, argument.toOpaque())
        guard code == 0 else {
            unsafe argument.release()
            running.wrappingSubtract(1, ordering: .relaxed)
            return
        }
        pthread_detach(thread)
    }
}
