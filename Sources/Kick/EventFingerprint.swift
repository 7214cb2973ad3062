import Crypto

/// What is the same for the same fact, however often and under however many message ids Kick delivers it (P9): a second
/// subscription to the same events means that each of them comes twice (FACTS §3.3, §4.4).
///
/// It is a mark beside the event, never a reason to throw one away.
package struct EventFingerprint: Sendable, Equatable {
    /// 16 bytes.
    package let bytes: [UInt8]
    /// How long after one event another with the same fingerprint is the same fact.
    package let window: Duration
    /// Whether the other one must have come through another subscription. Bodies without a time of their own are alike
    /// when the same thing happens twice: somebody follows, leaves, and follows again.
    package let throughAnotherSubscription: Bool

    /// - Parameter body: as Kick signed it.
    package static func of(type: EventType, broadcasterUserID: Int64, body: [UInt8]) -> EventFingerprint {
        let kind = Kind.of(type)
        var text = Array("\(type.rawValue)\n\(broadcasterUserID)\n".utf8)
        if case .named(let names, let window) = kind, let facts = BroadcasterScanner.facts(in: body, members: names),
            !facts.members.contains(nil)
        {
            for value in facts.members.compactMap(\.self) { text += value + [UInt8(ascii: "\n")] }
            return EventFingerprint(hashing: text, window: window, throughAnotherSubscription: false)
        }
        text += body
        return kind.hasTime
            ? EventFingerprint(hashing: text, window: .seconds(86_400), throughAnotherSubscription: false)
            : EventFingerprint(hashing: text, window: .seconds(30), throughAnotherSubscription: true)
    }

    private init(hashing text: [UInt8], window: Duration, throughAnotherSubscription: Bool) {
        bytes = Array(SHA256.hash(text).prefix(16))
        self.window = window
        self.throughAnotherSubscription = throughAnotherSubscription
    }

    /// What a type's bodies carry (FACTS §4.5).
    private enum Kind {
        /// Members that name the fact, and how long it may come again.
        case named([String], within: Duration = .seconds(86_400))
        /// A time to the millisecond or second, so that equal bodies are the same fact.
        case timed
        /// Neither.
        case plain

        static func of(_ type: EventType) -> Kind {
            switch type {
            case .chatMessageSent: .named(["message_id"])
            // A viewer who got no answer asks for the same claim again, maybe days later.
            case .dropsClaim: .named(["claim_id"], within: .seconds(7 * 86_400))
            case .channelRewardRedemptionUpdated: .named(["id", "status"])
            case .livestreamStatusUpdated: .named(["started_at", "is_live"])
            case .channelSubscriptionNew, .channelSubscriptionRenewal, .channelSubscriptionGifts, .moderationBanned,
                .kicksGifted:
                .timed
            default: .plain
            }
        }

        var hasTime: Bool {
            if case .timed = self { true } else { false }
        }
    }
}
