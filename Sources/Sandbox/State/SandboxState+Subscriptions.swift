import Crypto
package import HTTP
import Kick

/// Limits and switches of event subscriptions (FACTS §3.2, §3.3).
package struct SubscriptionPolicy: Sendable {
    /// Per event type and app.
    package var limitPerType = 10_000
    /// For `chat.message.sent` of an app that is not verified.
    package var unverifiedChatLimit = 1000
    /// A second POST for the same event makes a second subscription (#246) instead of answering with the first.
    package var allowsDuplicates = false

    package init() {}
}

extension SandboxState {
    /// GET /public/v1/events/subscriptions (FACTS §3.1).
    package func subscriptionsAnswer(_ query: QueryItems, for bearer: Bearer) -> APIAnswer {
        guard let asked = Self.integers("broadcaster_user_id", in: query), asked.count <= 1 else {
            return .invalidRequest
        }
        let found = subscriptions.filter { subscription in
            isReachable(subscription, for: bearer) && (asked.isEmpty || asked[0] == subscription.broadcasterID)
        }
        return .ok(
            .array(
                found.map { subscription in
                    [
                        "app_id": .string(subscription.clientID),
                        "broadcaster_user_id": .integer(subscription.broadcasterID),
                        "created_at": .string(subscription.createdAt.text), "event": .string(subscription.event),
                        "id": .string(subscription.id), "method": "webhook",
                        "updated_at": .string(subscription.createdAt.text),
                        "version": .integer(subscription.version),
                    ]
                }))
    }

    /// POST /public/v1/events/subscriptions (FACTS §3.1, §3.2): 200, with an error in the entry of each event that was
    /// not understood.
    package mutating func subscribe(
        _ body: JSON?, for bearer: Bearer, policy: SubscriptionPolicy, at now: SandboxTime
    ) -> APIAnswer {
        guard bearer.has("events:subscribe") else { return .forbidden }
        guard let body, body["method"]?.stringValue == "webhook", let events = body["events"]?.arrayValue,
            !events.isEmpty,
            // With a user token the field is ignored (FACTS §3.1).
            let broadcasterID = bearer.userID ?? body["broadcaster_user_id"]?.integerValue
        else { return .invalidRequest }
        guard users[broadcasterID] != nil else { return .badRequest("Channel not found") }
        var names: [(name: String, version: Int)] = []
        for event in events {
            guard let name = event["name"]?.stringValue, let version = event["version"]?.integerValue else {
                return .invalidRequest
            }
            names.append((name, version))
        }

        let before = subscriptions
        var results: [JSON] = []
        for (name, version) in names {
            switch subscribe(name, version, broadcasterID, clientID: bearer.clientID, policy: policy, at: now) {
            case .created(let id):
                results.append(
                    ["name": .string(name), "version": .integer(version), "subscription_id": .string(id)])
            case .unknown:
                results.append(
                    ["name": .string(name), "version": .integer(version), "error": "unknown event or version"])
            case .overLimit:
                // The whole request is refused, so nothing of it may stay.
                subscriptions = before
                return .badRequest("event subscription limit reached")
            }
        }
        return .ok(.array(results))
    }

    private enum SubscribeResult {
        case created(String)
        case unknown
        case overLimit
    }

    private mutating func subscribe(
        _ name: String, _ version: Int, _ broadcasterID: Int, clientID: String, policy: SubscriptionPolicy,
        at now: SandboxTime
    ) -> SubscribeResult {
        let type = EventType(rawValue: name)
        guard let entry = EventCatalog.entry(for: type), entry.version == version else { return .unknown }
        if !policy.allowsDuplicates,
            let existing = subscriptions(clientID: clientID, broadcasterID: broadcasterID, event: name).first
        {
            return .created(existing.id)
        }
        let isUnverifiedChat = type == .chatMessageSent && apps[clientID]?.isVerified != true
        let limit = isUnverifiedChat ? policy.unverifiedChatLimit : policy.limitPerType
        guard subscriptions.count(where: { $0.clientID == clientID && $0.event == name }) < limit else {
            return .overLimit
        }
        let id = ULID.make().description
        subscriptions.append(
            EventSubscription(
                id: id, clientID: clientID, broadcasterID: broadcasterID, event: name, version: version, createdAt: now)
        )
        return .created(id)
    }

    /// DELETE /public/v1/events/subscriptions (FACTS §3.1). Ids that are unknown, or out of the token's reach, are
    /// passed over.
    package mutating func unsubscribe(_ query: QueryItems, for bearer: Bearer) -> APIAnswer {
        guard bearer.has("events:subscribe") else { return .forbidden }
        let ids = query.values(of: "id")
        guard !ids.isEmpty, !ids.contains("") else { return .invalidRequest }
        subscriptions = subscriptions.filter { !(ids.contains($0.id) && isReachable($0, for: bearer)) }
        return .noContent
    }

    /// An app token reaches all of the app's, a user token those of its own channel.
    private func isReachable(_ subscription: EventSubscription, for bearer: Bearer) -> Bool {
        subscription.clientID == bearer.clientID
            && (bearer.isApp || subscription.broadcasterID == bearer.userID)
    }

    func subscriptions(clientID: String, broadcasterID: Int, event: String) -> [EventSubscription] {
        subscriptions.filter {
            $0.clientID == clientID && $0.broadcasterID == broadcasterID && $0.event == event
        }
    }
}
