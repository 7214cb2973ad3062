import Crypto
package import HTTP
import Kick

extension SandboxState {
    /// All that deliver and are listed, in the order they were made.
    package var subscriptions: [EventSubscription] { subscriptionTable.all }

    // MARK: List

    /// GET /public/v1/events/subscriptions (FACTS §3.1). It may be some time old (§3.3 no. 7).
    package func subscriptionsAnswer(
        _ query: QueryItems, for bearer: Bearer, policy: SubscriptionPolicy = SubscriptionPolicy(), at now: SandboxTime
    ) -> APIAnswer {
        guard let asked = Self.integers("broadcaster_user_id", in: query), asked.count <= 1 else {
            return .invalidRequest
        }
        var found = asked.first.map { subscriptionTable.of(broadcaster: $0) } ?? subscriptionTable.all
        if policy.listDelaySeconds > 0 {
            let asOf = now + -policy.listDelaySeconds
            found = (found + deletedSubscriptions.filter { asOf < $0.at }.map(\.subscription))
                .filter { $0.createdAt <= asOf && (asked.isEmpty || $0.broadcasterID == asked[0]) }
                .sorted { $0.id < $1.id }
        }
        return .ok(.array(found.filter { isReachable($0, for: bearer) }.map(\.listed)))
    }

    // MARK: Create

    /// POST /public/v1/events/subscriptions (FACTS §3.1, §3.2): 200, with an error in the entry of each event that was
    /// not understood.
    package mutating func subscribe(
        _ body: JSON?, for bearer: Bearer, service: inout SubscriptionService, at now: SandboxTime
    ) -> APIAnswer {
        guard bearer.has("events:subscribe") else { return .forbidden }
        guard let body, body["method"]?.stringValue == "webhook", let events = body["events"]?.arrayValue,
            !events.isEmpty,
            // With a user token the field is ignored (FACTS §3.1).
            let broadcasterID = bearer.userID ?? body["broadcaster_user_id"]?.integerValue
        else { return .invalidRequest }
        guard users[broadcasterID] != nil else { return .badRequest("Channel not found") }
        var wishes: [(name: String, version: Int)] = []
        for event in events {
            guard let name = event["name"]?.stringValue, let version = event["version"]?.integerValue else {
                return .invalidRequest
            }
            wishes.append((name, version))
        }
        // The whole request is refused, so this comes first.
        guard isWithinLimits(wishes, broadcasterID, clientID: bearer.clientID, policy: service.policy) else {
            service.count(\.overLimit, bearer.clientID)
            return .badRequest("event subscription limit reached")
        }
        return .ok(
            .array(
                wishes.map { name, version in
                    let entry: [JSON.Member] = [
                        .init(name: "name", value: .string(name)), .init(name: "version", value: .integer(version)),
                    ]
                    switch subscribe(name, version, broadcasterID, bearer.clientID, &service, at: now) {
                    case .success(let id):
                        return .object(entry + [.init(name: "subscription_id", value: .string(id))])
                    case .failure(let failure):
                        service.count(\.partialErrors, bearer.clientID)
                        return .object(entry + [.init(name: "error", value: .string(failure.rawValue))])
                    }
                }))
    }

    private enum SubscribeFailure: String, Error {
        case unknown = "unknown event or version"
        case failed = "failed to create event subscription"
    }

    private mutating func subscribe(
        _ name: String, _ version: Int, _ broadcasterID: Int, _ clientID: String,
        _ service: inout SubscriptionService, at now: SandboxTime
    ) -> Result<String, SubscribeFailure> {
        guard Self.isKnown(name, version) else { return .failure(.unknown) }
        guard !service.policy.failingTypes.contains(name) else { return .failure(.failed) }
        if service.policy.partialErrors > 0 {
            service.policy.partialErrors -= 1
            return .failure(.failed)
        }
        if !service.policy.allowsDuplicates, let existing = existing(name, broadcasterID, clientID: clientID) {
            return .success(existing.id)
        }
        let id = ULID.make().description
        if service.policy.phantomCreates > 0 {
            service.policy.phantomCreates -= 1
            service.count(\.phantoms, clientID)
            return .success(id)
        }
        service.count(\.created, clientID)
        subscriptionTable.append(
            EventSubscription(
                id: id, clientID: clientID, broadcasterID: broadcasterID, event: name, version: version, createdAt: now)
        )
        return .success(id)
    }

    private static func isKnown(_ name: String, _ version: Int) -> Bool {
        EventCatalog.entry(for: EventType(rawValue: name))?.version == version
    }

    private func isWithinLimits(
        _ wishes: [(name: String, version: Int)], _ broadcasterID: Int, clientID: String, policy: SubscriptionPolicy
    ) -> Bool {
        var fresh: [String: Int] = [:]
        for (name, version) in wishes where Self.isKnown(name, version) {
            guard policy.allowsDuplicates || existing(name, broadcasterID, clientID: clientID) == nil else { continue }
            fresh[name] = policy.allowsDuplicates ? (fresh[name] ?? 0) + 1 : 1
        }
        return fresh.allSatisfy { name, count in
            let isUnverifiedChat =
                name == EventType.chatMessageSent.rawValue && apps[clientID]?.isVerified != true
            let limit = isUnverifiedChat ? policy.unverifiedChatLimit : policy.limitPerType
            return subscriptionTable.count(clientID: clientID, event: name) + count <= limit
        }
    }

    private func existing(_ event: String, _ broadcasterID: Int, clientID: String) -> EventSubscription? {
        subscriptionTable.of(broadcaster: broadcasterID).first { $0.clientID == clientID && $0.event == event }
    }

    // MARK: Delete

    /// DELETE /public/v1/events/subscriptions (FACTS §3.1). Ids that are unknown, or out of the token's reach, are
    /// passed over.
    package mutating func unsubscribe(
        _ query: QueryItems, for bearer: Bearer, service: inout SubscriptionService, at now: SandboxTime
    ) -> APIAnswer {
        guard bearer.has("events:subscribe") else { return .forbidden }
        let ids = query.values(of: "id")
        guard !ids.isEmpty, !ids.contains("") else { return .invalidRequest }
        for id in ids {
            guard let subscription = subscriptionTable[id], isReachable(subscription, for: bearer) else { continue }
            if service.policy.ignoredDeletes > 0 {
                service.policy.ignoredDeletes -= 1
                continue
            }
            remove(id, service: &service, at: now)
            service.count(\.deleted, bearer.clientID)
            if service.policy.undeadDeletes > 0 {
                service.policy.undeadDeletes -= 1
                undeadSubscriptions.append(subscription)
            }
        }
        return .noContent
    }

    /// Ends one, known to its owner or not.
    @discardableResult
    package mutating func remove(_ id: String, service: inout SubscriptionService, at now: SandboxTime) -> Bool {
        guard let subscription = subscriptionTable.remove(id) else { return false }
        service.failingSince[id] = nil
        let delay = service.policy.listDelaySeconds
        deletedSubscriptions.removeAll { $0.at + delay <= now }
        if delay > 0 { deletedSubscriptions.append((subscription, now)) }
        return true
    }

    /// An app token reaches all of the app's, a user token those of its own channel.
    private func isReachable(_ subscription: EventSubscription, for bearer: Bearer) -> Bool {
        subscription.clientID == bearer.clientID
            && (bearer.isApp || subscription.broadcasterID == bearer.userID)
    }

    // MARK: Deliver

    /// Every subscription, of whichever app, that an event goes to.
    func delivering(_ event: String, broadcasterID: Int) -> [EventSubscription] {
        subscriptionTable.of(broadcaster: broadcasterID).filter { $0.event == event }
            + undeadSubscriptions.filter { $0.event == event && $0.broadcasterID == broadcasterID }
    }
}

extension EventSubscription {
    /// As the list shows it.
    fileprivate var listed: JSON {
        [
            "app_id": .string(clientID), "broadcaster_user_id": .integer(broadcasterID),
            "created_at": .string(createdAt.text), "event": .string(event), "id": .string(id), "method": "webhook",
            "updated_at": .string(createdAt.text), "version": .integer(version),
        ]
    }
}
