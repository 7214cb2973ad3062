import Net
import Telemetry

/// What another session said with NOTIFY.
package struct Notification: Sendable, Hashable {
    package let channel: String
    /// Up to 8,000 bytes; empty when none was given.
    package let payload: String
}

/// A connection that listens, and its task: connects, listens, tells, and begins again when the connection is lost.
final class NotificationListener: @unchecked Sendable {
    private let loop: Loop
    private let options: ConnectionOptions
    private let limits: PoolLimits
    private let channels: [String]
    private let onNotification: @Sendable (Notification) -> Void
    private let onConnect: @Sendable () -> Void
    private let log = Log("postgres")

    // The loop's own.
    private var task: Task<Void, Never>?
    private var isStopping = false

    /// A silent connection is asked for a sign of life this often: a peer that vanished sends nothing.
    private static let probeInterval = Duration.seconds(15)
    private static let probeTimeout = Duration.seconds(5)

    init(
        loop: Loop, options: ConnectionOptions, limits: PoolLimits, channels: [String],
        onNotification: @escaping @Sendable (Notification) -> Void, onConnect: @escaping @Sendable () -> Void
    ) {
        self.loop = loop
        self.options = options
        self.limits = limits
        self.channels = channels
        self.onNotification = onNotification
        self.onConnect = onConnect
    }

    func start() {
        loop.execute { [self] in
            guard !isStopping else { return }
            task = loop.spawn { [self] in await run() }
        }
    }

    /// Ends the task and waits for it.
    func stop() async {
        await withTaskExecutorPreference(loop) {
            await loop.enter()
            isStopping = true
            task?.cancel()
            await task?.value
            task = nil
        }
    }

    private func run() async {
        var failures = 0
        while !Task.isCancelled {
            do throws(DatabaseError) {
                try await listen { failures = 0 }
            } catch {
                if Task.isCancelled { return }
                log.debug("listening was interrupted", ["error": .string(error.debugDescription)])
                failures += 1
                let pause = Backoff.reconnect.pause(afterFailures: failures, random: .random(in: 0..<1))
                try? await sleep(for: pause)
            }
        }
    }

    private func listen(didConnect: () -> Void) async throws(DatabaseError) {
        let connection = try await PostgresConnection.connect(options, by: .after(limits.connectTimeout))
        defer { connection.close() }
        let queries = channels.map { Query("LISTEN \(identifier: $0)") }
        _ = try await connection.run(queries, by: .after(limits.statementTimeout))
        if Task.isCancelled { return }
        didConnect()
        onConnect()
        while !Task.isCancelled {
            deliver(from: connection)
            if try await !connection.receive(until: .after(Self.probeInterval)) {
                try await connection.probe(by: .after(Self.probeTimeout))
            }
        }
    }

    private func deliver(from connection: PostgresConnection) {
        while !Task.isCancelled, let notification = connection.nextNotification() { onNotification(notification) }
    }
}

extension PostgresConnection {
    /// Waits for anything from the server and takes it in. False when nothing came in time.
    func receive(until deadline: Deadline) async throws(DatabaseError) -> Bool {
        try await perform(cancellable: true) { (libpq) async throws(DatabaseError) in
            do throws(DatabaseError) {
                _ = try await wait(for: .readable, until: deadline)
            } catch {
                if error.kind == .timedOut { return false }
                throw error
            }
            guard libpq.consumeInput() else { throw .connectionLost(libpq.message) }
            return true
        }
    }

    /// The next notification that has arrived.
    func nextNotification() -> Notification? { libpq?.nextNotification() }
}
