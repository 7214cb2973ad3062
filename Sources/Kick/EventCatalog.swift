import FoundationEssentials

/// The ten event types that Kick sends (FACTS §4.5), and how their bodies are read.
///
/// A new type is one line in `entries` and one file in `Events/`. Types that are not here are no error: they are stored
/// and streamed raw (P13).
package enum EventCatalog {
    /// One event type in one version.
    package struct Entry: Sendable {
        package let type: EventType
        /// The number in the subscription calls and, as text, in the header `Kick-Event-Version`. All are 1 today.
        package let version: Int
        fileprivate let decode: @Sendable (JSONDecoder, Data) throws -> any EventPayload

        fileprivate init<Payload: EventPayload>(_: Payload.Type) {
            type = Payload.type
            version = Payload.version
            decode = { decoder, body in try decoder.decode(Payload.self, from: body) }
        }
    }

    /// All types, in the order of FACTS §4.5.
    package static let entries: [Entry] = [
        Entry(ChatMessageSent.self),
        Entry(ChannelFollowed.self),
        Entry(ChannelSubscriptionNew.self),
        Entry(ChannelSubscriptionRenewal.self),
        Entry(ChannelSubscriptionGifts.self),
        Entry(ChannelRewardRedemptionUpdated.self),
        Entry(LivestreamStatusUpdated.self),
        Entry(LivestreamMetadataUpdated.self),
        Entry(ModerationBanned.self),
        Entry(KicksGifted.self),
    ]

    private static let byType = Dictionary(uniqueKeysWithValues: entries.map { ($0.type, $0) })

    /// The entry of a type, or nil when Kick is not known to send it.
    package static func entry(for type: EventType) -> Entry? {
        byType[type]
    }

    /// The typed payload of a body, or nil when type or version is unknown. Throws when the body does not have the
    /// shape that its type promises: the type header is not signed, so a replayed body may come under another type's
    /// name.
    package static func decode(
        _ body: [UInt8], type: EventType, version: String
    ) throws(EventDecodingError) -> (any EventPayload)? {
        guard let entry = byType[type], version == String(entry.version) else { return nil }
        do {
            return try entry.decode(JSONDecoder(), Data(body))
        } catch let error as DecodingError {
            throw EventDecodingError(type: type, error)
        } catch {
            throw EventDecodingError(type: type, path: "", reason: "not JSON")
        }
    }

    /// The typed payload of a verified webhook; see `decode(_:type:version:)`.
    package static func decode(_ webhook: VerifiedWebhook) throws(EventDecodingError) -> (any EventPayload)? {
        try decode(webhook.body, type: webhook.type, version: webhook.version)
    }
}

/// What the ten payloads have in common.
package protocol EventPayload: Decodable, Sendable {
    static var type: EventType { get }
    static var version: Int { get }
    /// Whose channel it happened on.
    var broadcaster: EventUser { get }
}

extension EventPayload {
    package static var version: Int { 1 }
}

/// A body that does not have its type's shape.
package struct EventDecodingError: Error, Equatable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    package let type: EventType
    /// Where in the body, as `gift.amount`; empty for the whole.
    package let path: String
    package let reason: String

    init(type: EventType, path: String, reason: String) {
        self.type = type
        self.path = path
        self.reason = reason
    }

    init(type: EventType, _ error: DecodingError) {
        let (context, reason, last): (DecodingError.Context, String, (any CodingKey)?) =
            switch error {
            case .keyNotFound(let key, let context): (context, "missing", key)
            case .typeMismatch(_, let context): (context, "of another type than expected", nil)
            case .valueNotFound(_, let context): (context, "null", nil)
            case .dataCorrupted(let context): (context, "not what it should be", nil)
            @unknown default: (DecodingError.Context(codingPath: [], debugDescription: ""), "unreadable", nil)
            }
        let keys = context.codingPath + (last.map { [$0] } ?? [])
        self.init(type: type, path: keys.map(\.stringValue).joined(separator: "."), reason: reason)
    }

    /// Names the field, never its value.
    package var description: String { "\(type): \(path.isEmpty ? "the body" : path) is \(reason)" }
    package var debugDescription: String { "EventDecodingError: \(description)" }
}
