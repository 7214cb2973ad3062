import Net
import ProcessKit

/// All readers of a run, on one loop: a task for each, which sleeps until there is something to read. Loop-bound.
final class LedgerReaders: @unchecked Sendable {
    let loop: Loop
    private let board: ReplicaBoard
    private let times: SendTimes
    private var manner: ReaderManner
    private let readers: [LedgerReader]
    private let ledger: StreamLedger
    private var tasks: [Task<Void, Never>] = []
    private(set) var counts = ReaderCounts()
    /// From the attempt at a webhook to its arrival at a reader that was connected and reading.
    private(set) var latencies = Histogram()
    /// The number that each tenant's readers have to reach; they end there.
    private var ends: [Int64]?
    private var atEnd = 0
    /// What one read brings; shared, so that a reader that has nothing keeps nothing.
    private var scratch: [UInt8] = []

    /// - Parameter keys: an API key of each tenant; readers are spread over them evenly.
    init(
        loop: Loop, count: Int, keys: [String], manner: ReaderManner, board: ReplicaBoard, times: SendTimes
    ) {
        self.loop = loop
        self.board = board
        self.times = times
        self.manner = manner
        ledger = StreamLedger(tenants: keys.count)
        readers = (0..<count).map { LedgerReader(tenant: $0 % keys.count, key: keys[$0 % keys.count]) }
    }

    // MARK: Course

    /// Starts them and waits until each has a cursor.
    func start() async throws {
        try await loop.perform { [self] in try await startAll() }
    }

    private func startAll() async throws {
        let deadline = Deadline.after(.seconds(60))
        for (index, reader) in readers.enumerated() {
            // The kernel's queue of new connections is not endless.
            if index.isMultiple(of: 64) { try await sleep(for: .milliseconds(10)) }
            let box = Box(reader)
            tasks.append(loop.spawn { [self] in await run(box.value) })
        }
        while readers.contains(where: { $0.cursor == nil }) {
            guard !deadline.hasPassed else { throw ProcessError("the readers did not connect: \(counts)") }
            try await sleep(for: .milliseconds(50))
        }
    }

    /// Lets them stay where they are from now on.
    func calm() async {
        await loop.run { [self] in manner.isRestless = false }
    }

    /// Waits until each has its tenant's last event; false at the deadline. They end.
    func finish(at ends: [Int64], deadline: Deadline) async -> Bool {
        await loop.perform { [self] in await finishAll(at: ends, deadline: deadline) }
    }

    private func finishAll(at ends: [Int64], deadline: Deadline) async -> Bool {
        self.ends = ends
        manner.isRestless = false
        while !isFinished, !deadline.hasPassed { try? await sleep(for: .milliseconds(50)) }
        let isGood = isFinished
        for reader in readers {
            let last = reader.cursor?.sequence ?? 0
            if last != ends[reader.tenant] {
                counts.fail("a reader of tenant \(reader.tenant) stands at \(last) of \(ends[reader.tenant])")
            }
        }
        isStopping = true
        for task in tasks { task.cancel() }
        for stream in open.values { stream.close() }
        for task in tasks { await task.value }
        return isGood
    }

    // MARK: State

    private var isFinished: Bool { readers.allSatisfy { $0.cursor?.sequence == ends?[$0.tenant] } }
    private var isStopping = false
    private var open: [ObjectIdentifier: ByteStream] = [:]

    /// What the ledger holds of a tenant, by number.
    func digests(of tenant: Int) async -> [UInt64] {
        await loop.run { [self] in ledger.digests(of: tenant) }
    }

    /// Of each reader: tenant, first number before its events, how many events it got.
    func tallies() async -> [(tenant: Int, first: Int64, events: Int)] {
        await loop.run { [self] in readers.map { ($0.tenant, $0.first, $0.events) } }
    }

    // MARK: A reader's life

    private func run(_ reader: LedgerReader) async {
        while !isStopping {
            if let place = board.any(but: reader.lastPID) {
                await visit(place, reader)
                if let stream = open.removeValue(forKey: ObjectIdentifier(reader)) { stream.close() }
                reader.rest = []
                reader.lastPID = place.pid
            }
            guard !isStopping else { return }
            try? await sleep(for: .seconds(Double.random(in: 0...0.5)))
        }
    }

    private func visit(_ place: ReplicaBoard.Place, _ reader: LedgerReader) async {
        let stream: ByteStream
        do {
            stream = try await ByteStream.connect(to: place.address, deadline: .after(.seconds(5)))
            open[ObjectIdentifier(reader)] = stream
            let deadline = Deadline.after(.seconds(35))
            try await stream.write(reader.request, deadline: deadline)
            guard try await readHead(reader, stream, deadline) else {
                counts.refused += 1
                // Whoever is refused comes back later.
                try? await sleep(for: .seconds(Double.random(in: 0...1)))
                return
            }
        } catch {
            counts.notConnected += 1
            return
        }
        counts.connections += 1
        if reader.cursor != nil {
            counts.resumes += 1
            if reader.lastPID != place.pid { counts.moves += 1 }
        }
        reader.isLate = false
        // What came with the head.
        beginScratch(reader)
        take(reader)
        await read(reader, stream, place)
    }

    /// False when the gateway did not let it in.
    private func readHead(_ reader: LedgerReader, _ stream: ByteStream, _ deadline: Deadline) async throws -> Bool {
        var bytes: [UInt8] = []
        while true {
            guard try await stream.read(into: &bytes, deadline: deadline) > 0 else {
                throw ProcessError("the gateway closed the connection")
            }
            guard let (status, end) = try AnswerReader.head(bytes) else { continue }
            guard status == 200 else {
                if status != 503, status != 429 { counts.fail("a stream was answered \(status)") }
                return false
            }
            reader.rest = Array(bytes[end...])
            return true
        }
    }

    private enum Leaving { case halfRead, atOnce, pause }

    /// Reads until the reader leaves or the connection ends.
    private func read(_ reader: LedgerReader, _ stream: ByteStream, _ place: ReplicaBoard.Place) async {
        var leaving = [Leaving.halfRead, .halfRead, .atOnce, .pause, .pause].randomElement() ?? .atOnce
        var until = stay()
        while await readSome(reader, stream, until: until) {
            guard manner.isRestless, until.hasPassed else { continue }
            switch leaving {
            case .halfRead:
                counts.leaves += 1
                if await leaveHalfRead(reader, stream) { counts.halfRead += 1 }
                return
            case .atOnce:
                counts.leaves += 1
                return
            case .pause:
                counts.pauses += 1
                reader.isLate = true
                try? await sleep(for: .seconds(Double.random(in: 1...manner.longestPause)))
                leaving = .atOnce
                until = stay()
            }
        }
        // The board learns of a death a moment after the readers.
        try? await sleep(for: .milliseconds(200))
        if isStopping { return }
        if !board.holds(place.pid) {
            counts.deaths += 1
        } else if reader.isLate {
            counts.slowCuts += 1
        } else {
            counts.ended += 1
        }
    }

    private func stay() -> Deadline { .after(.seconds(Double.random(in: 1...max(2, manner.longestStay)))) }

    /// Takes what there is, or waits for it until a time at the most; false when the connection has ended.
    private func readSome(_ reader: LedgerReader, _ stream: ByteStream, until: Deadline) async -> Bool {
        do throws(NetError) {
            beginScratch(reader)
            if let count = try stream.tryRead(into: &scratch, atMost: 65_536) {
                take(reader)
                return count > 0
            }
            try await stream.waitReadable(deadline: manner.isRestless ? until : .never)
            return true
        } catch {
            return error.kind == .timedOut
        }
    }

    /// Goes away with an event cut in two, or with bytes that nobody reads, which makes the kernel reset the connection.
    /// Whether there was anything to cut.
    private func leaveHalfRead(_ reader: LedgerReader, _ stream: ByteStream) async -> Bool {
        do throws(NetError) {
            try await stream.waitReadable(deadline: .after(.seconds(3)))
            beginScratch(reader)
            guard let count = try stream.tryRead(into: &scratch, atMost: Int.random(in: 1...1200)), count > 0 else {
                return false
            }
            take(reader)
            return !reader.rest.isEmpty
        } catch {
            return false
        }
    }

    private func beginScratch(_ reader: LedgerReader) {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: reader.rest)
    }

    // MARK: Events

    /// Takes what is whole in ``scratch``.
    private func take(_ reader: LedgerReader) {
        let now = Deadline.now().nanoseconds
        let done = unsafe scratch.withUnsafeBytes { bytes in
            unsafe EventBlocks.scan(bytes) { block in
                guard !block.data.isEmpty else { return reader.take(place: block, &counts) }
                if unsafe UnsafeRawBufferPointer(rebasing: bytes[block.name]).equals("gateway.gap") {
                    return counts.fail("a gap was announced to a reader of tenant \(reader.tenant)")
                }
                guard let line = unsafe EventLine(UnsafeRawBufferPointer(rebasing: bytes[block.data])) else {
                    return counts.fail("an event that cannot be read")
                }
                reader.take(event: block, line, ledger, mayHide: manner.mayHide, &counts)
                if let webhook = line.webhook, !line.isHistory, !reader.isLate {
                    let sent = times[webhook]
                    if sent > 0, now > sent { latencies.add(nanoseconds: now - sent) }
                }
            }
        }
        if done < scratch.count {
            reader.rest = Array(scratch[done...])
        } else if !reader.rest.isEmpty {
            reader.rest = []
        }
    }
}

/// Carries something of a loop into a task of the same loop.
private struct Box<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) {
        self.value = value
    }
}
