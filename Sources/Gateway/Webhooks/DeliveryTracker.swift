package import Model
import Net
import Synchronization
import Telemetry

/// What Kick delivers through which subscription, summed up in memory and recorded every few seconds: a delivery proves
/// that a subscription lives, whatever Kick's list says, and one row written per webhook would cost as much as the event.
package final class DeliveryTracker: Sendable {
    private struct Key: Hashable {
        let app: AppID
        let broadcasterUserID: Int64
        let type: String
    }

    private struct Tally {
        var subscriptionID: String
        var firstAt: Timestamp
        var lastAt: Timestamp
        var count: Int64 = 1
        var longestGap = Duration.zero
    }

    /// Subscriptions that are told apart between two records. What comes through more of them is not counted; their time
    /// comes with the next record.
    package static let capacity = 100_000
    package static let interval = Duration.seconds(5)
    /// Subscriptions in one record, and how long it may take.
    private static let batch = 1000
    private static let recordTime = Duration.seconds(10)
    private static let report = Log("deliveries")

    private let capacity: Int
    private let record: @Sendable ([SubscriptionDelivery]) async throws -> Void
    private let tallies = Mutex<[Key: Tally]>([:])

    /// - Parameter record: keeps them; what it throws for is given to it again, summed up with what came since.
    package init(
        capacity: Int = DeliveryTracker.capacity,
        record: @escaping @Sendable ([SubscriptionDelivery]) async throws -> Void
    ) {
        self.capacity = capacity
        self.record = record
    }

    /// A webhook came that is new. Not for events that somebody made up or asked for once more.
    package func note(app: AppID, broadcasterUserID: Int64, type: String, subscriptionID: String, at time: Timestamp) {
        let key = Key(app: app, broadcasterUserID: broadcasterUserID, type: type)
        add(Tally(subscriptionID: subscriptionID, firstAt: time, lastAt: time), to: key)
    }

    /// Records every few seconds until the task is cancelled, and then once more. On a loop.
    package func run() async {
        guard let loop = Loop.current else { preconditionFailure("records need a loop") }
        repeat {
            try? await sleep(for: Self.interval)
            // A job of its own, which the end of this one does not cut.
            await loop.spawn { [self] in await flush() }.value
        } while !Task.isCancelled
    }

    /// Records what there is. What fails is kept for the next time.
    func flush() async {
        var rest = tallies.withLock { tallies in
            defer { tallies = [:] }
            return tallies.map(Self.delivery)[...]
        }
        while !rest.isEmpty {
            let batch = Array(rest.prefix(Self.batch))
            do {
                try await within(Self.recordTime) { [record] in try await record(batch) }
                rest = rest.dropFirst(batch.count)
            } catch {
                Self.report.warning(
                    "deliveries are recorded later",
                    ["subscriptions": .int(rest.count), "error": .string("\(error)")])
                for delivery in rest { putBack(delivery) }
                return
            }
        }
    }

    private static func delivery(_ key: Key, _ tally: Tally) -> SubscriptionDelivery {
        SubscriptionDelivery(
            app: key.app, broadcasterUserID: key.broadcasterUserID, type: key.type,
            subscriptionID: tally.subscriptionID, firstAt: tally.firstAt, lastAt: tally.lastAt, count: tally.count,
            longestGap: tally.longestGap)
    }

    private func putBack(_ delivery: SubscriptionDelivery) {
        let key = Key(app: delivery.app, broadcasterUserID: delivery.broadcasterUserID, type: delivery.type)
        add(
            Tally(
                subscriptionID: delivery.subscriptionID, firstAt: delivery.firstAt, lastAt: delivery.lastAt,
                count: delivery.count, longestGap: delivery.longestGap), to: key)
    }

    private func add(_ new: Tally, to key: Key) {
        tallies.withLock { tallies in
            if let known = tallies[key] {
                tallies[key] = Self.sum(known, new)
            } else if tallies.count < capacity {
                tallies[key] = new
            }
        }
    }

    /// Two spans as one. They may overlap a little: loops note what they see in no order.
    private static func sum(_ one: Tally, _ other: Tally) -> Tally {
        let (earlier, later) = one.lastAt <= other.lastAt ? (one, other) : (other, one)
        let between = Duration.microseconds(later.firstAt.microseconds - earlier.lastAt.microseconds)
        return Tally(
            subscriptionID: later.subscriptionID, firstAt: min(one.firstAt, other.firstAt), lastAt: later.lastAt,
            count: one.count + other.count, longestGap: max(one.longestGap, other.longestGap, between))
    }
}
