package import Model
package import Net
package import Store
import Synchronization
import Telemetry

/// From committed events to open streams, across loops and replicas.
///
/// What this process commits goes straight to its readers. What another replica commits is announced by PostgreSQL's
/// NOTIFY, a hint, and found by a slow poll, the truth; then one task per tenant reads the log and delivers. Nothing
/// depends on an announcement arriving, once or in order: readers compare sequence numbers (``StreamReader``).
package final class EventFeed: Sendable {
    /// How far a tenant's events were delivered to the loops of this process. Only tenants with readers have one.
    private struct Tail {
        var readerCount = 0
        /// The last delivered event; nil before the first since the tail was made.
        var delivered: Int64?
        /// The log is known to reach here.
        var target: Int64 = 0
        var isReading = false
    }

    /// Events a reader fetches at once while it replays.
    static let replayPage = 200
    /// Bytes of history that may wait for a reader before the rest of its page does.
    static let replayPending = 32 * 1024
    /// How long a replaying reader may take to accept a page.
    static let replayPatience = Duration.seconds(30)
    /// How often the log is looked at without being told.
    package static let pollInterval = Duration.seconds(1)

    let log: EventLog
    let encode: @Sendable (_ event: Event, _ isHistory: Bool) -> SharedBytes
    let encodeGap: @Sendable (StreamGap) -> SharedBytes
    private let hubs: [LoopHub]
    private let tails = Mutex<[TenantID: Tail]>([:])
    private static let report = Log("feed")

    /// - Parameters:
    ///   - encode: an event as it stands in the stream; told apart is what had happened before the stream was opened.
    ///   - encodeGap: the announcement that a cursor could not be honoured.
    package init(
        log: EventLog, loops: LoopGroup,
        encode: @escaping @Sendable (_ event: Event, _ isHistory: Bool) -> SharedBytes,
        encodeGap: @escaping @Sendable (StreamGap) -> SharedBytes
    ) {
        self.log = log
        self.encode = encode
        self.encodeGap = encodeGap
        hubs = loops.loops.map(LoopHub.init)
    }

    // MARK: Readers

    /// Opens a stream on the current loop. Call `close` of the result when the connection ends.
    package func open(_ request: StreamRequest, start: StreamStart, sink: any EventSink) -> OpenStream {
        guard let loop = Loop.current else { preconditionFailure("a stream needs a loop") }
        let hub = hubs[loop.index]
        let reader = StreamReader(request: request, hub: hub, sink: sink, feed: self)
        tails.withLock { $0[request.tenant, default: Tail()].readerCount += 1 }
        hub.add(reader)
        if let gap = start.gap { sink.send(encodeGap(gap)) }
        reader.start(at: start.sequence, historyEnd: start.historyEnd)
        return OpenStream { [self] in
            reader.end()
            hub.remove(reader)
            tails.withLock { tails in
                tails[request.tenant]?.readerCount -= 1
                if tails[request.tenant]?.readerCount == 0 { tails[request.tenant] = nil }
            }
        }
    }

    /// Where a stream with this cursor begins. Throws when the database cannot tell.
    package func start(for request: StreamRequest) async throws -> StreamStart {
        StreamStart(cursor: request.cursor, log: try await log.position(in: request.tenant))
    }

    /// Ends the streams of these keys on every loop of this process.
    package func endStreams(of keys: Set<KeyID>) {
        for hub in hubs { hub.loop.execute { hub.endStreams(of: keys) } }
    }

    /// The keys with open streams in this process.
    package func keysWithStreams() async -> Set<KeyID> {
        var keys: Set<KeyID> = []
        for hub in hubs {
            let own = await withTaskExecutorPreference(hub.loop) {
                await hub.loop.enter()
                return hub.keys
            }
            keys.formUnion(own)
        }
        return keys
    }

    // MARK: Events

    /// This process has committed events of a tenant, which follow one another without a hole.
    func didAppend(_ events: [Event], in tenant: TenantID) {
        guard let first = events.first?.cursor.sequence, let last = events.last?.cursor.sequence,
            tails.withLock({ $0[tenant] != nil })
        else { return }
        let encoded = events.map(encoded)
        tails.withLock { tails in
            guard var tail = tails[tenant] else { return }
            defer { tails[tenant] = tail }
            tail.target = max(tail.target, last)
            if tail.isReading || last <= tail.delivered ?? 0 { return }
            if let delivered = tail.delivered, first > delivered + 1 { return startReading(tenant, &tail) }
            tail.delivered = last
            deliver(encoded, in: tenant)
        }
    }

    /// Some replica has committed events of a tenant up to `sequence`.
    package func didCommit(upTo sequence: Int64, in tenant: TenantID) {
        tails.withLock { tails in
            guard var tail = tails[tenant], sequence > tail.delivered ?? -1 else { return }
            defer { tails[tenant] = tail }
            tail.target = max(tail.target, sequence)
            guard !tail.isReading else { return }
            guard tail.delivered != nil else {
                // Nothing was delivered yet, so there is no position to read from: the readers have their own.
                tail.delivered = sequence
                for hub in hubs { hub.loop.execute { hub.advance(to: sequence, in: tenant) } }
                return
            }
            startReading(tenant, &tail)
        }
    }

    /// Compares every tenant that has readers with its log, for ever: the truth behind the announcements.
    package func poll() async {
        while !Task.isCancelled {
            try? await sleep(for: Self.pollInterval)
            await compareWithLog()
        }
    }

    /// One comparison, also made when announcements may have been missed.
    package func compareWithLog() async {
        let tenants = tails.withLock { Array($0.keys) }
        guard !tenants.isEmpty else { return }
        do {
            for (tenant, last) in try await log.lastSequences(of: tenants) { didCommit(upTo: last, in: tenant) }
        } catch {
            Self.report.debug("cannot compare with the log", ["error": .string("\(error)")])
        }
    }

    private func startReading(_ tenant: TenantID, _ tail: inout Tail) {
        tail.isReading = true
        let loop = hubs[abs(tenant.hashValue % hubs.count)].loop
        loop.spawn { [self] in await readOn(tenant) }
    }

    /// Reads the log from the last delivered event to the target and delivers, page by page.
    private func readOn(_ tenant: TenantID) async {
        while let delivered = nextToRead(tenant) {
            do {
                let page = try await log.read(after: delivered, limit: Self.replayPage, in: tenant)
                let encoded = page.map(encoded)
                tails.withLock { tails in
                    guard let last = encoded.last?.sequence else {
                        // Retention was faster. The readers find out by themselves.
                        let target = tails[tenant]?.target
                        tails[tenant]?.delivered = target
                        return
                    }
                    tails[tenant]?.delivered = last
                    deliver(encoded, in: tenant)
                }
            } catch {
                tails.withLock { $0[tenant]?.isReading = false }
                // The poll tries again.
                return
            }
        }
    }

    /// The position to read from; nil, and the reading over, when the target is reached or nobody reads.
    private func nextToRead(_ tenant: TenantID) -> Int64? {
        tails.withLock { tails in
            guard let tail = tails[tenant], let delivered = tail.delivered, delivered < tail.target else {
                tails[tenant]?.isReading = false
                return nil
            }
            return delivered
        }
    }

    /// Called under the lock, so that batches reach every loop in the order of their numbers.
    private func deliver(_ events: [EncodedEvent], in tenant: TenantID) {
        for hub in hubs { hub.loop.execute { hub.deliver(events, in: tenant) } }
    }

    private func encoded(_ event: Event) -> EncodedEvent {
        EncodedEvent(
            sequence: event.cursor.sequence, type: event.type, broadcasterUserID: event.broadcasterUserID,
            isHidden: event.duplicateOf != nil, bytes: encode(event, false))
    }
}

/// A stream that was opened; tell it when its connection ended. Loop-bound.
package struct OpenStream {
    /// Forgets the reader.
    package let close: () -> Void
}
