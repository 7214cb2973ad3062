import Crypto
import Model
import Store

/// Appending to the log: each event is looked up by its message id, and by its fingerprint, before.
struct AppendRows {
    let stage: LogStage
    let count: Int

    func measure(log: String) async throws -> [Row] {
        var rows: [Row] = []
        for size in [1, 64] {
            rows.append(
                try await stage.row(
                    "append-\(size)", "append \(size) to \(log)", unit: "batch", count: max(20, count / size)
                ) { _ in _ = try await stage.log.append(batch(size)) })
        }
        return rows
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
