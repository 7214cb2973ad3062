import HTTP
import Kick
import Net
import Synchronization

/// What POST /sandbox/trigger asks for, checked.
struct TriggerOrder: Sendable {
    let type: EventType
    let broadcasterID: Int
    /// Nil: a fitting one is chosen each time.
    let variant: String?
    /// How often the event happens; each time it goes to every matching subscription.
    let count: Int
    /// Sent as it is, in place of a made-up body.
    let body: [UInt8]?
    /// The same id for all of them: doubles, as Kick's retries are.
    let messageID: String?
    let concurrency: Int
    /// Nil: as configured.
    let attempts: Int?
    let deadlineSeconds: Int
    /// Sends although nobody is subscribed, under a subscription id that does not exist.
    let isForced: Bool
    /// Spoils the signature.
    let hasWrongSignature: Bool

    static let maximumDeadlineSeconds = 300

    /// The text of the error says what is wrong.
    init(_ json: JSON?) throws(SandboxError) {
        func wrong(_ text: String) -> SandboxError { .configuration(reason: text) }
        func number(_ name: String, in bounds: ClosedRange<Int>, default standard: Int) throws(SandboxError) -> Int {
            guard let value = json?[name] else { return standard }
            guard let number = value.integerValue, bounds.contains(number) else {
                throw wrong("\(name): expected \(bounds.lowerBound) to \(bounds.upperBound)")
            }
            return number
        }
        func text(_ name: String) throws(SandboxError) -> String? {
            guard let value = json?[name] else { return nil }
            guard let text = value.stringValue, !text.isEmpty, text.utf8.count <= 128,
                text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else { throw wrong("\(name): expected 1 to 128 visible ASCII characters") }
            return text
        }
        func flag(_ name: String) throws(SandboxError) -> Bool {
            guard let value = json?[name] else { return false }
            guard let flag = value.boolValue else { throw wrong("\(name): expected true or false") }
            return flag
        }
        guard let json, json.isObject else { throw wrong("expected a JSON object") }
        guard let name = try text("type") else { throw wrong("type: expected an event type as chat.message.sent") }
        guard let broadcasterID = json["broadcaster_user_id"]?.integerValue else {
            throw wrong("broadcaster_user_id: expected a user id")
        }
        type = EventType(rawValue: name)
        self.broadcasterID = broadcasterID
        variant = try text("variant")
        // A text is sent byte for byte; anything else is written compactly, in the order it came.
        body = json["body"].map { $0.stringValue.map { Array($0.utf8) } ?? $0.bytes }
        guard body != nil || EventCatalog.entry(for: type) != nil else {
            throw wrong("type: \(name) is not one of the ten types; give a body to send it all the same")
        }
        count = try number("count", in: 1...100_000, default: 1)
        messageID = try text("message_id")
        concurrency = try number("concurrency", in: 1...64, default: 1)
        attempts = json["attempts"] == nil ? nil : try number("attempts", in: 1...1000, default: 1)
        deadlineSeconds = try number("deadline_seconds", in: 1...Self.maximumDeadlineSeconds, default: 30)
        isForced = try flag("force")
        hasWrongSignature = try flag("wrong_signature")
    }
}

/// One order on its way.
struct TriggerRun: Sendable {
    /// Deliveries that are told one by one; the counts hold for all.
    static let maximumTold = 1000

    let core: SandboxCore
    let order: TriggerOrder

    private struct Counts {
        var started = 0
        var records: [DeliveryRecord] = []
        var statuses: [String: Int] = [:]
        var delivered = 0
    }

    private final class Progress: Sendable {
        let counts = Mutex(Counts())
    }

    /// Sends everything and waits for it, at most until the order's deadline. On a loop.
    func run(to destinations: [SandboxCore.Destination]) async throws -> JSON {
        let deadline = Deadline.after(.seconds(order.deadlineSeconds))
        let progress = Progress()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<min(order.concurrency, order.count) {
                group.addTask {
                    while !deadline.hasPassed, isNext(progress) {
                        try await happenOnce(destinations, progress, until: deadline)
                    }
                }
            }
            try await group.waitForAll()
        }
        return progress.counts.withLock { counts in
            let requested = order.count * destinations.count
            return [
                "requested": .integer(requested), "subscriptions": .integer(destinations.count),
                "delivered": .integer(counts.delivered), "failed": .integer(requested - counts.delivered),
                "statuses": .object(
                    counts.statuses.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: .integer($0.value)) }),
                "deliveries": .array(counts.records.map(\.json)),
            ]
        }
    }

    private func isNext(_ progress: Progress) -> Bool {
        progress.counts.withLock { counts in
            guard counts.started < order.count else { return false }
            counts.started += 1
            return true
        }
    }

    private func happenOnce(
        _ destinations: [SandboxCore.Destination], _ progress: Progress, until deadline: Deadline
    ) async throws {
        let body = try makeBody()
        for destination in destinations {
            var webhook = SignedWebhook(
                messageID: order.messageID, subscriptionID: destination.subscriptionID,
                eventType: order.type.rawValue, body: body, at: .now(), key: core.signingKey)
            if order.hasWrongSignature { webhook.spoilSignature() }
            let job = WebhookSender.Job(webhook: webhook, url: destination.url, broadcasterID: order.broadcasterID)
            let record = await core.sender.deliver(job, attempts: order.attempts, until: deadline)
            progress.counts.withLock { counts in
                if record.isDelivered { counts.delivered += 1 }
                counts.statuses[record.status.map(String.init) ?? "none", default: 0] += 1
                if counts.records.count < Self.maximumTold { counts.records.append(record) }
            }
        }
    }

    private func makeBody() throws -> [UInt8] {
        if let body = order.body { return body }
        guard
            let variant = core.variant(of: order.type, named: order.variant, broadcasterID: order.broadcasterID),
            let body = try core.makeBody(variant, broadcasterID: order.broadcasterID)
        else { throw SandboxError.configuration(reason: "there is no such variant or broadcaster any more") }
        return body.bytes
    }
}
