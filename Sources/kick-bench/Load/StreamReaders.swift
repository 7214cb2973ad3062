import Net
import ProcessKit
import Synchronization

/// Readers of event streams: they connect, stay, and check everything that they get.
final class StreamReaders: Sendable {
    /// What one event adds to ``delivered``: how many readers it is for.
    let deliveriesPerEvent: Int
    let times: SendTimes
    let count: Int
    private let groups: [ReaderGroup]

    /// Readers of all tenants' streams, as many for each.
    ///
    /// - Parameters:
    ///   - count: how many there are together; a multiple of the number of keys.
    ///   - capacity: how many webhooks of the pool may be sent.
    init(keys: [String], count: Int, capacity: Int, loops: LoopGroup) {
        self.count = count
        deliveriesPerEvent = count / keys.count
        let times = SendTimes(capacity: capacity)
        self.times = times
        groups = loops.loops.map { ReaderGroup(loop: $0, times: times) }
        for number in 0..<count {
            let reader = StreamReader(tenant: number % keys.count, tenants: keys.count, key: keys[number % keys.count])
            groups[number % groups.count].waiting.append(reader)
        }
    }

    /// Deliveries so far, over all readers.
    var delivered: Int { groups.reduce(0) { $0 + $1.delivered.load(ordering: .relaxed) } }

    /// Connects them all; returns how long that took, until each had the head of its answer. A bounded number at a
    /// time, so that the kernel's queue of new connections does not overflow.
    func connect(to address: SocketAddress, deadline: Deadline) async throws -> Double {
        let begin = Deadline.now()
        let tasks = groups.flatMap { group in
            (0..<128).map { _ in group.loop.spawn { await group.connectNext(to: address, deadline: deadline) } }
        }
        for task in tasks { await task.value }
        let seconds = Double(Deadline.now().nanoseconds - begin.nanoseconds) / 1e9
        try await checkFailures()
        return seconds
    }

    /// Times from just before a webhook was sent to its arrival, since the last call of ``resetLatencies()``.
    func latencies() async -> Histogram {
        var sum = Histogram()
        for group in groups { sum.add(await group.loop.run { group.latencies }) }
        return sum
    }

    func resetLatencies() async {
        for group in groups { await group.loop.run { group.latencies = Histogram() } }
    }

    /// Waits until there are so many deliveries; false at the deadline.
    func wait(for deliveries: Int, deadline: Deadline) async throws -> Bool {
        while delivered < deliveries {
            if deadline.hasPassed { return false }
            try await checkFailures()
            try await sleep(for: .milliseconds(2))
        }
        return true
    }

    /// Throws unless every reader has had exactly those of these webhooks that are for its tenant, each once, and ids
    /// without a hole.
    func check(sent: Range<Int>) async throws {
        try await checkFailures()
        for group in groups {
            if let problem = await group.loop.run({ group.problem(sent: sent) }) { throw ProcessError(problem) }
        }
    }

    func close() async {
        for group in groups { await group.loop.run { group.close() } }
    }

    private func checkFailures() async throws {
        for group in groups {
            if let failure = await group.loop.run({ group.failure }) { throw ProcessError("a reader: \(failure)") }
        }
    }
}

/// One reader and what it has seen. Loop-bound.
private final class StreamReader {
    let tenant: Int
    let tenants: Int
    let key: String
    var stream: ByteStream?
    /// The beginning of an event whose end has not come.
    var rest: [UInt8] = []
    var lastSequence: Int64 = 0
    var events = 0
    var sumOfWebhooks = 0

    init(tenant: Int, tenants: Int, key: String) {
        self.tenant = tenant
        self.tenants = tenants
        self.key = key
    }
}

/// The readers of one loop. Loop-bound, but for ``delivered``.
private final class ReaderGroup: @unchecked Sendable {
    let loop: Loop
    let delivered = Atomic<Int>(0)
    var latencies = Histogram()
    var failure: String?
    /// Those that are not connected yet. Filled before the group is used.
    var waiting: [StreamReader] = []
    private var readers: [StreamReader] = []
    private let times: SendTimes
    private var isClosing = false
    /// What one read brings; shared, so that a reader that has nothing keeps nothing.
    private var scratch: [UInt8] = []

    init(loop: Loop, times: SendTimes) {
        self.loop = loop
        self.times = times
    }

    /// Connects one reader after another until none waits.
    func connectNext(to address: SocketAddress, deadline: Deadline) async {
        while failure == nil, let reader = waiting.popLast() {
            do {
                let stream = try await ByteStream.connect(to: address, deadline: deadline)
                reader.stream = stream
                let request = """
                    GET /v1/events/stream HTTP/1.1\r
                    Host: gateway.bench.invalid\r
                    Accept: text/event-stream\r
                    Authorization: Bearer \(reader.key)\r
                    \r

                    """
                try await stream.write(Array(request.utf8), deadline: deadline)
                try await readHead(reader, stream, deadline)
                readers.append(reader)
                let box = Unshared(reader)
                loop.spawn { [self] in await read(box.value, stream) }
            } catch {
                fail("\(error)")
            }
        }
    }

    private func readHead(_ reader: StreamReader, _ stream: ByteStream, _ deadline: Deadline) async throws {
        var bytes: [UInt8] = []
        while true {
            guard try await stream.read(into: &bytes, deadline: deadline) > 0 else {
                throw ProcessError("the gateway closed the connection")
            }
            guard let (status, end) = try AnswerReader.head(bytes) else { continue }
            guard status == 200 else { throw ProcessError("a stream was answered \(status)") }
            reader.rest = Array(bytes[end...])
            return
        }
    }

    private func read(_ reader: StreamReader, _ stream: ByteStream) async {
        do {
            while true {
                scratch.removeAll(keepingCapacity: true)
                scratch.append(contentsOf: reader.rest)
                if let count = try stream.tryRead(into: &scratch, atMost: 65_536) {
                    if count == 0 { throw ProcessError("its stream ended") }
                    take(reader)
                } else {
                    try await stream.waitReadable(deadline: .never)
                }
            }
        } catch {
            if !isClosing { fail("\(error)") }
        }
    }

    private func take(_ reader: StreamReader) {
        let now = Deadline.now().nanoseconds
        var count = 0
        let done = unsafe scratch.withUnsafeBytes { bytes in
            unsafe EventScanner.scan(bytes) { found in
                count += 1
                let sent = times[found.webhook]
                if reader.events > 0, found.sequence != reader.lastSequence + 1 {
                    fail("id \(found.sequence) came after \(reader.lastSequence)")
                }
                reader.lastSequence = found.sequence
                reader.events += 1
                reader.sumOfWebhooks += found.webhook
                if sent > 0, now > sent { latencies.add(nanoseconds: now - sent) } else { fail("an unknown event") }
            }
        }
        if done < scratch.count {
            reader.rest = Array(scratch[done...])
        } else if !reader.rest.isEmpty {
            reader.rest = []
        }
        if count > 0 { delivered.wrappingAdd(count, ordering: .relaxed) }
    }

    /// What is wrong with the readers after these webhooks; nil when nothing is.
    func problem(sent: Range<Int>) -> String? {
        var expected: [Int: (count: Int, sum: Int)] = [:]
        for reader in readers {
            let own = expected[reader.tenant] ?? Self.expected(of: reader, sent)
            expected[reader.tenant] = own
            guard reader.events == own.count, reader.sumOfWebhooks == own.sum else {
                return "a reader got \(reader.events) events of \(own.count), or not the right ones"
            }
        }
        return nil
    }

    private static func expected(of reader: StreamReader, _ sent: Range<Int>) -> (count: Int, sum: Int) {
        let own = sent.lazy.filter { $0 % reader.tenants == reader.tenant }
        return (own.count, own.reduce(0, +))
    }

    func close() {
        isClosing = true
        for reader in readers { reader.stream?.close() }
    }

    private func fail(_ text: String) {
        if failure == nil { failure = text }
    }
}

/// Carries something of a loop into a task of the same loop.
private struct Unshared<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) {
        self.value = value
    }
}
