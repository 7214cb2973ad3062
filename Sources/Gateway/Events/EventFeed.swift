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

    /// What a reader fetches at once while it replays.
    static let replayLimits = EventSliceLimits(count: 200, bytes: 256 * 1024)
    /// What is fetched at once for all readers of a tenant.
    private static let tailLimits = EventSliceLimits(count: 500, bytes: 1024 * 1024)
    /// Bytes of history that may wait for a reader before the rest of its page does.
    static let replayPending = 32 * 1024
    /// How long a replaying reader may take to accept a page.
    static let replayPatience = Duration.seconds(30)
    /// How often the log is looked at without being told.
    package static let pollInterval = Duration.seconds(1)

    let log: EventLog
    let encode: @Sendable (_ event: Event, _ isHistory: Bool) -> SharedBytes
    let encodeGap: @Sendable (StreamGap) -> SharedBytes
    private let limits: StreamLimits
    private let counts: StreamCounts
    private let hubs: [LoopHub]
    private let tails = Mutex<[TenantID: Tail]>([:])
    private static let report = Log("feed")

    /// - Parameters:
    ///   - encode: an event as it stands in the stream; told apart is what had happened before the stream was opened.
    ///   - encodeGap: the announcement that a cursor could not be honoured.
    package init(
        log: EventLog, loops: LoopGroup, limits: StreamLimits = StreamLimits(),
        encode: @escaping @Sendable (_ event: Event, _ isHistory: Bool) -> SharedBytes,
        encodeGap: @escaping @Sendable (StreamGap) -> SharedBytes
    ) {
        self.log = log
        self.limits = limits
        counts = StreamCounts(limits: limits)
        self.encode = encode
        self.encodeGap = encodeGap
        hubs = loops.loops.map(LoopHub.init)
    }

    // MARK: Readers

    /// Takes a place for a stream and finds out where it begins. Throws `tooManyStreams`, and when the database is away.
    package func prepare(_ request: StreamRequest) async throws -> PreparedStream {
        let place = try counts.takePlace(tenant: request.tenant, key: request.key)
        return PreparedStream(request: request, start: try await start(for: request), place: place)
    }

    /// Opens a stream on the current loop. Call `close` of the result when the connection ends.
    package func open(_ prepared: PreparedStream, sink: any EventSink) -> OpenStream {
        guard let loop = Loop.current else { preconditionFailure("a stream needs a loop") }
        let hub = hubs[loop.index]
        let reader = StreamReader(prepared, hub: hub, sink: sink, feed: self)
        tails.withLock { $0[prepared.request.tenant, default: Tail()].readerCount += 1 }
        hub.add(reader)
        if let gap = prepared.start.gap { sink.send(encodeGap(gap)) }
        reader.start(lifetime: limits.drawLifetime())
        return OpenStream(reader, self)
    }

    /// Forgets a reader, on its loop.
    func close(_ reader: StreamReader) {
        guard reader.close() else { return }
        let tenant = reader.request.tenant
        tails.withLock { tails in
            tails[tenant]?.readerCount -= 1
            if tails[tenant]?.readerCount == 0 { tails[tenant] = nil }
        }
    }

    private func start(for request: StreamRequest) async throws -> StreamStart {
        let position = try await log.position(in: request.tenant)
        let start = StreamStart(cursor: request.cursor, log: position)
        guard let age = request.maximumAge, start.sequence < position.last else { return start }
        let bounds = try await log.bounds(
            of: EventSpan(since: .now() - age, until: nil), after: start.sequence, in: request.tenant)
        return start.skipping(to: bounds.first.map { $0 - 1 } ?? position.last, requested: request.cursor)
    }

    /// Ends the streams of these keys on every loop of this process.
    package func endStreams(of keys: Set<KeyID>) {
        for hub in hubs { hub.loop.execute { hub.endStreams(of: keys) } }
    }

    /// The keys with open streams in this process.
    package var keysWithStreams: Set<KeyID> { counts.keys }

    /// How many streams there are in this process.
    package var streamCount: Int { counts.total }

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

    /// PostgreSQL has brought an announcement on ``EventLog/channel``: `<tenant> <seq> <replica>`.
    package func didHear(_ announcement: String) {
        let parts = announcement.split(separator: " ")
        guard parts.count == 3, parts[2] != log.replica, let tenant = TenantID(String(parts[0])),
            let last = Int64(parts[1])
        else { return }
        didCommit(upTo: last, in: tenant)
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
                let slice = try await log.slice(after: delivered, limits: Self.tailLimits, in: tenant)
                let encoded = slice.events.map(encoded)
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
