import FoundationEssentials
import HTTP
package import Model
package import Net
package import Telemetry

extension KickAPI {
    /// How many bytes of subscriptions are taken in one answer. The list is not paged, and an app may have 10,000 per
    /// event type.
    private static let maximumSubscriptionList = 32 << 20

    /// How many ids go into one deletion: they stand in the URL.
    private static let deletionLength = 50

    /// What Kick delivers for this app, of one broadcaster or of all. App token: it sees all subscriptions of the app,
    /// whichever token made them (FACTS §3.3). The list may lag behind.
    package func subscriptions(
        broadcasterUserID: Int64? = nil, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> [KickSubscription] {
        let filter = broadcasterUserID.map { [("broadcaster_user_id", String($0))] } ?? []
        return try await list(
            .subscriptions, filter, token: token, maximumAnswer: Self.maximumSubscriptionList,
            deadline)
    }

    /// Subscribes to a broadcaster's events. App token. Look before: asking twice makes doubles (FACTS §3.3).
    ///
    /// One outcome per type that Kick answers about: a success may be a partial failure. Throws `badRequest` with
    /// `isSubscriptionLimit` when the app has too many. No types, no call.
    package func subscribe(
        to types: [EventType], broadcasterUserID: Int64, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> [SubscriptionOutcome] {
        guard !types.isEmpty else { return [] }
        let wish = SubscriptionWish(
            broadcasterUserID: broadcasterUserID,
            events: types.map { type in
                // All versions are 1 today; a type that the catalogue does not know has its first.
                SubscriptionWish.Event(name: type.rawValue, version: EventCatalog.entry(for: type)?.version ?? 1)
            })
        let request = KickRequest(.subscribe, body: try Self.json(wish), bearer: token)
        return try Envelope<[SubscriptionOutcome]?>.list(of: try await exchange(request, deadline), to: request)
    }

    /// Ends subscriptions. App token. Kick has been seen to say yes and go on delivering: list again later.
    package func unsubscribe(
        ids: [String], token: Secret<String>, deadline: Deadline
    ) async throws(KickError) {
        for start in stride(from: 0, to: ids.count, by: Self.deletionLength) {
            var query = QueryItems()
            for id in ids[start..<min(start + Self.deletionLength, ids.count)] { query.append("id", id) }
            try await command(KickRequest(.unsubscribe, query: query, bearer: token), deadline)
        }
    }
}

/// The body of a subscription call. `method` is always sent: without it Kick has answered 400 (FACTS §3.1).
private struct SubscriptionWish: Encodable {
    struct Event: Encodable {
        let name: String
        let version: Int
    }

    let broadcasterUserID: Int64
    let events: [Event]
    let method = "webhook"

    enum CodingKeys: String, CodingKey {
        case broadcasterUserID = "broadcaster_user_id"
        case events, method
    }
}

/// One subscription as Kick lists it (FACTS §3.1).
package struct KickSubscription: Decodable, Sendable {
    /// Opaque.
    package let id: String
    package let appID: String?
    package let broadcasterUserID: Int64?
    package let type: EventType
    package let version: Int
    package let createdAt: Timestamp?
    package let updatedAt: Timestamp?

    enum CodingKeys: String, CodingKey {
        case id
        case appID = "app_id"
        case broadcasterUserID = "broadcaster_user_id"
        case type = "event"
        case version
        case createdAt = "created_at"
        case updatedAt = "updated_at"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        appID = try container.decodeText(forKey: .appID)
        broadcasterUserID = try container.decodeIfPresent(Int64.self, forKey: .broadcasterUserID)
        type = try EventType(rawValue: container.decode(String.self, forKey: .type))
        version = try container.decodeIfPresent(Int.self, forKey: .version) ?? 1
        createdAt = try container.decodeTime(forKey: .createdAt)
        updatedAt = try container.decodeTime(forKey: .updatedAt)
    }
}

/// What became of one type in a subscription call.
package struct SubscriptionOutcome: Decodable, Equatable, Sendable {
    package enum Result: Equatable, Sendable {
        /// The subscription's id.
        case created(id: String)
        /// Kick's words.
        case failed(String)
    }

    package let type: EventType
    package let version: Int
    package let result: Result

    enum CodingKeys: String, CodingKey {
        case type = "name"
        case version, error
        case subscriptionID = "subscription_id"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        type = try EventType(rawValue: container.decode(String.self, forKey: .type))
        version = try container.decodeIfPresent(Int.self, forKey: .version) ?? 1
        if let error = try container.decodeText(forKey: .error) {
            result = .failed(KickError.cleaned(error, of: []))
        } else if let id = try container.decodeText(forKey: .subscriptionID) {
            result = .created(id: id)
        } else {
            result = .failed("Kick gave neither an id nor an error")
        }
    }
}
