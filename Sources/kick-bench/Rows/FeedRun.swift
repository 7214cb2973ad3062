import Net
import ProcessKit
import Synchronization

/// Readers on a stage, and the webhooks that are sent to them in one part after another.
final class FeedRun {
    /// What one part came to.
    struct Part: Sendable {
        let events: Int
        let deliveries: Int
        let usage: Usage
        /// From just before a webhook was sent to its answer.
        let answered: Histogram
        /// From just before a webhook was sent to each reader that got it.
        let delivered: Histogram

        var eventsPerSecond: Double { Double(events) / usage.seconds }
        var deliveriesPerSecond: Double { Double(deliveries) / usage.seconds }
    }

    /// Webhooks that one run may send.
    private static let capacity = 400_000

    private let stage: Stage
    private let readers: StreamReaders
    /// Numbers of the webhooks that were sent while these readers listened. A stage gets each webhook once.
    private var sent: Range<Int>

    private init(stage: Stage, readers: StreamReaders) {
        self.stage = stage
        self.readers = readers
        let first = stage.webhooksSent.load(ordering: .relaxed)
        sent = first..<first
    }

    /// Connects `count` readers, as many to each tenant of the stage, runs `body` and disconnects them.
    static func with<R>(readers count: Int, on stage: Stage, _ body: (FeedRun) async throws -> R) async throws -> R {
        let readers = StreamReaders(
            keys: stage.keys, count: count, capacity: capacity, loops: stage.workshop.loops)
        do {
            _ = try await readers.connect(to: stage.gateway.address, deadline: .after(.seconds(60)))
            let result = try await body(FeedRun(stage: stage, readers: readers))
            await readers.close()
            return result
        } catch {
            await readers.close()
            throw error
        }
    }

    /// Sends `count` webhooks, waits until every reader has them, and checks what each got. Throws when a delivery is
    /// missing, doubled or out of order.
    func send(_ count: Int, senders: Int, pace: WebhookLoad.Pace, patience: Double) async throws -> Part {
        guard sent.upperBound + count <= Self.capacity else { throw ProcessError("more webhooks than a run may send") }
        let range = sent.upperBound..<sent.upperBound + count
        let load = WebhookLoad(
            senders: senders, pace: pace, range: range, first: sent.lowerBound,
            requests: await stage.workshop.pool.requests(range.upperBound), readers: readers,
            address: stage.gateway.address, loops: stage.workshop.loops)
        await readers.resetLatencies()
        sent = sent.lowerBound..<range.upperBound
        stage.webhooksSent.store(range.upperBound, ordering: .relaxed)
        let before = stage.sample()
        let answers = try await load.run(deadline: .after(.seconds(patience)))
        let all = sent.count * readers.deliveriesPerEvent
        guard try await readers.wait(for: all, deadline: .after(.seconds(15))) else {
            throw ProcessError("only \(readers.delivered.grouped) of \(all.grouped) deliveries arrived")
        }
        let usage = stage.sample().since(before)
        try await readers.check(sent: sent)
        return Part(
            events: count, deliveries: count * readers.deliveriesPerEvent, usage: usage, answered: answers.latencies,
            delivered: await readers.latencies())
    }
}
