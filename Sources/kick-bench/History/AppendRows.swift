import Crypto
import Model
import ProcessKit
import Store

/// Appending to the log: each event is looked up by its message id, and by its fingerprint, before.
struct AppendRows {
    let stage: LogStage
    let count: Int

    func measure(log: String) async throws -> [Row] {
        // Enough batches for a p99.
        [
            try await append(1, "append-1", "append 1 to \(log)", batches: count),
            try await append(64, "append-64", "append 64 to \(log)", batches: max(20, count * 3 / 10)),
            try await append(
                64, "append-64-day", "append 64 to \(log), ids remembered for 1 day", batches: max(20, count * 3 / 10),
                memory: .seconds(86_400)),
        ]
    }

    private func append(
        _ size: Int, _ name: String, _ title: String, batches: Int, memory: Duration = .seconds(7 * 86_400)
    ) async throws -> Row {
        try await stage.row(name, title, unit: "batch", count: batches) { _ in
            let result = try await stage.log.append(batch(size), memory: memory)
            guard result.appended.count == size else { throw ProcessError("\(name): not everything was stored") }
        }
    }

    /// Chat of broadcasters of all tenants.
    func batch(_ size: Int) -> [IncomingEvent] {
        (0..<size).map { _ in
            let tenant = stage.plan.tenants[.random(in: 0..<stage.plan.tenants.count)]
            return IncomingEvent(
                app: stage.app, messageID: ULID.make().description, type: "chat.message.sent", version: "1",
                broadcasterUserID: tenant.broadcaster(.random(in: 0..<tenant.broadcasters)),
                subscriptionID: "01BENCHSUBSCRIPTION0000000", sentAt: .now(), receivedAt: .now(),
                body: Array(repeating: UInt8(ascii: "x"), count: WebhookPool.bodyLength),
                sameness: IncomingEvent.Sameness(
                    fingerprint: RandomBytes.make(16), window: .seconds(86_400), throughAnotherSubscription: false))
        }
    }
}
