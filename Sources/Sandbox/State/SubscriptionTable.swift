/// All subscriptions, in the order they were made, found by id, by broadcaster and by app and event without going through
/// the others.
struct SubscriptionTable: Sendable {
    /// Nil where one was removed.
    private var slots: [EventSubscription?] = []
    private var slotsByID: [String: Int] = [:]
    private var slotsByBroadcaster: [Int: [Int]] = [:]
    private var counts: [CountKey: Int] = [:]

    private struct CountKey: Hashable, Sendable {
        let clientID: String
        let event: String
    }

    var count: Int { slotsByID.count }

    var all: [EventSubscription] { slots.compactMap(\.self) }

    subscript(id: String) -> EventSubscription? { slotsByID[id].flatMap { slots[$0] } }

    func of(broadcaster: Int) -> [EventSubscription] {
        (slotsByBroadcaster[broadcaster] ?? []).compactMap { slots[$0] }
    }

    func count(clientID: String, event: String) -> Int { counts[CountKey(clientID: clientID, event: event)] ?? 0 }

    /// How many there are of each event, for one app.
    func counts(clientID: String) -> [(event: String, count: Int)] {
        counts.filter { $0.key.clientID == clientID && $0.value > 0 }.map { ($0.key.event, $0.value) }
            .sorted { $0.event < $1.event }
    }

    func hasEvent(_ event: String) -> Bool { counts.contains { $0.key.event == event && $0.value > 0 } }

    mutating func append(_ subscription: EventSubscription) {
        slotsByID[subscription.id] = slots.count
        slotsByBroadcaster[subscription.broadcasterID, default: []].append(slots.count)
        counts[CountKey(clientID: subscription.clientID, event: subscription.event), default: 0] += 1
        slots.append(subscription)
    }

    @discardableResult
    mutating func remove(_ id: String) -> EventSubscription? {
        guard let slot = slotsByID.removeValue(forKey: id), let subscription = slots[slot] else { return nil }
        slots[slot] = nil
        slotsByBroadcaster[subscription.broadcasterID]?.removeAll { $0 == slot }
        counts[CountKey(clientID: subscription.clientID, event: subscription.event), default: 1] -= 1
        // Half empty: everything moves up, which costs each removal as much as one more step.
        if slots.count > 64, slots.count > 2 * count { self = SubscriptionTable(all) }
        return subscription
    }

    /// - Returns: what was removed.
    @discardableResult
    mutating func removeAll(where isOver: (EventSubscription) -> Bool) -> [EventSubscription] {
        let over = all.filter(isOver)
        for subscription in over { remove(subscription.id) }
        return over
    }

    init(_ subscriptions: [EventSubscription] = []) {
        for subscription in subscriptions { append(subscription) }
    }
}

/// As a list.
extension SubscriptionTable: Codable {
    init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode([EventSubscription].self))
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(all)
    }
}
