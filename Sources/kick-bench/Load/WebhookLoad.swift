import Net
import ProcessKit
import Synchronization

/// Sends webhooks of the pool, each sender on a keep-alive connection of its own, waiting for each answer.
struct WebhookLoad: Sendable {
    enum Pace: Sendable {
        /// The next as soon as the last is answered.
        case asAnswered
        /// At fixed times, so many a second over all senders. A sender that is late sends at once.
        case perSecond(Double)
        /// As answered, but a webhook waits while this many before it are not with every reader yet.
        case window(Int)
    }

    let senders: Int
    let pace: Pace
    /// The pool's webhooks to send, by number.
    let range: Range<Int>
    /// The first webhook that the readers have to get, some of which may have been sent before.
    let first: Int
    let requests: [[UInt8]]
    let readers: StreamReaders
    let address: SocketAddress
    let loops: LoopGroup

    /// Sends them all and waits for the answers; times are from just before a webhook is sent to its answer.
    func run(deadline: Deadline) async throws -> Tallies.Reading {
        let tallies = Tallies(loops)
        let next = Counter(range.lowerBound)
        let begin = Deadline.after(.milliseconds(5))
        let tasks = (0..<senders).map { number in
            let tally = tallies.all[number % tallies.all.count]
            return tally.loop.spawn { await drive(number, next, tally, begin: begin, deadline: deadline) }
        }
        for task in tasks { await task.value }
        let reading = await tallies.read()
        if let failure = reading.failure { throw ProcessError("a sender of webhooks: \(failure)") }
        guard reading.operations == range.count else {
            throw ProcessError("only \(reading.operations) of \(range.count) webhooks were answered")
        }
        return reading
    }

    private func drive(_ sender: Int, _ next: Counter, _ tally: Tally, begin: Deadline, deadline: Deadline) async {
        do {
            let stream = try await ByteStream.connect(to: address, deadline: deadline)
            defer { stream.close() }
            var answers = AnswerReader()
            while tally.failure == nil {
                let index = next.take()
                guard index < range.upperBound else { return }
                try await waitForTurn(of: index, begin: begin, deadline: deadline)
                let start = Deadline.now()
                readers.times.set(index, start.nanoseconds)
                try await stream.write(requests[index], deadline: deadline)
                let status = try await answers.next(from: stream, deadline: deadline)
                guard status == 200 else { throw ProcessError("a webhook was answered \(status)") }
                tally.operations += 1
                tally.latencies.add(nanoseconds: Deadline.now().nanoseconds - start.nanoseconds)
            }
        } catch {
            tally.fail("\(error)")
        }
    }

    private func waitForTurn(of index: Int, begin: Deadline, deadline: Deadline) async throws {
        switch pace {
        case .asAnswered: break
        case .perSecond(let rate):
            let turn = begin + .nanoseconds(Int64(Double(index - range.lowerBound) * 1e9 / rate))
            if !turn.hasPassed { try await sleep(until: turn) }
        case .window(let count):
            while index - first - readers.delivered / readers.deliveriesPerEvent >= count {
                guard !deadline.hasPassed else { throw ProcessError("the readers have stopped") }
                try await sleep(for: .milliseconds(1))
            }
        }
    }
}

/// A number that several loops take from.
private final class Counter: Sendable {
    private let value: Atomic<Int>

    init(_ first: Int) {
        value = Atomic(first)
    }

    func take() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
}
