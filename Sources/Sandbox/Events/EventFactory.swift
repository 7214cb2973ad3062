import Crypto
package import Kick

/// Makes believable bodies for the ten event types, each in all its documented variants (FACTS §4.6).
///
/// The same generator, broadcaster and time give the same body, except for ids.
package enum EventFactory {
    /// One documented shape of a type, as `chat.message.sent` with `reply`.
    package struct Variant: Hashable, Sendable, CustomStringConvertible {
        package let type: EventType
        package let name: String

        package var description: String { "\(type)/\(name)" }
    }

    /// All of them; the first of each type is its plainest.
    package static let variants: [Variant] = [
        (.chatMessageSent, ["plain", "emotes", "reply"]),
        (.channelFollowed, ["followed"]),
        (.channelSubscriptionNew, ["new"]),
        (.channelSubscriptionRenewal, ["renewal"]),
        (.channelSubscriptionGifts, ["known", "anonymous"]),
        (.channelRewardRedemptionUpdated, ["pending", "accepted", "rejected"]),
        (.livestreamStatusUpdated, ["started", "ended"]),
        (.livestreamMetadataUpdated, ["changed", "capital_category"]),
        (.moderationBanned, ["timeout", "permanent"]),
        (.kicksGifted, ["basic", "level_up"]),
    ].flatMap { (type: EventType, names: [String]) in names.map { Variant(type: type, name: $0) } }

    package static func variants(of type: EventType) -> [Variant] { variants.filter { $0.type == type } }

    /// A body of that variant, as compact JSON in Kick's order of fields.
    package static func body(
        _ variant: Variant, broadcaster: SandboxUser, at now: SandboxTime,
        using random: inout some RandomNumberGenerator
    ) -> JSON {
        let viewer = Viewer.all.randomElement(using: &random)!
        switch variant.type {
        case .chatMessageSent: return chat(variant.name, broadcaster, viewer, now, &random)
        case .channelFollowed: return ["broadcaster": broadcaster.eventUser, "follower": viewer.user()]
        case .channelSubscriptionNew: return subscription(broadcaster, viewer, months: 1, now)
        case .channelSubscriptionRenewal:
            return subscription(broadcaster, viewer, months: .random(in: 2...36, using: &random), now)
        case .channelSubscriptionGifts: return gifts(variant.name, broadcaster, viewer, now, &random)
        case .channelRewardRedemptionUpdated: return redemption(variant.name, broadcaster, viewer, now, &random)
        case .livestreamStatusUpdated: return status(isLive: variant.name == "started", broadcaster, now)
        case .livestreamMetadataUpdated: return metadata(variant.name, broadcaster)
        case .moderationBanned: return ban(variant.name, broadcaster, viewer, now, &random)
        case .kicksGifted: return kicks(variant.name, broadcaster, viewer, now, &random)
        default: preconditionFailure("not a type of the catalogue: \(variant.type)")
        }
    }

    // MARK: Chat

    private static func chat(
        _ variant: String, _ broadcaster: SandboxUser, _ viewer: Viewer, _ now: SandboxTime,
        _ random: inout some RandomNumberGenerator
    ) -> JSON {
        let line = ChatLines.plain.randomElement(using: &random)!
        let message = variant == "plain" ? ChatMessage(text: line) : ChatMessage(line, emotesFrom: &random)
        var repliesTo = JSON.null
        if variant == "reply" {
            let parent = Viewer.all.filter { $0.id != viewer.id }.randomElement(using: &random)!
            repliesTo = [
                "message_id": .string(uuid(&random)),
                "content": .string(ChatLines.plain.randomElement(using: &random)!), "sender": parent.user(),
            ]
        }
        return [
            "message_id": .string(uuid(&random)), "replies_to": repliesTo, "broadcaster": broadcaster.eventUser,
            "sender": viewer.user(withIdentity: true), "content": .string(message.content), "emotes": message.emotes,
            "created_at": .string(now.textWithNanoseconds),
        ]
    }

    /// A random UUID (RFC 9562 §5.4).
    static func uuid(_ random: inout some RandomNumberGenerator) -> String {
        let high: UInt64 = random.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low: UInt64 = random.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        func hex(_ value: UInt64, _ width: Int) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let (first, second, third) = (hex(high >> 32, 8), hex(high >> 16 & 0xFFFF, 4), hex(high & 0xFFFF, 4))
        return "\(first)-\(second)-\(third)-\(hex(low >> 48, 4))-\(hex(low & 0xFFFF_FFFF_FFFF, 12))"
    }

    // MARK: Subscriptions and gifts

    private static let month = 31 * 86400

    private static func subscription(
        _ broadcaster: SandboxUser, _ viewer: Viewer, months: Int, _ now: SandboxTime
    ) -> JSON {
        [
            "broadcaster": broadcaster.eventUser, "subscriber": viewer.user(), "duration": .integer(months),
            "created_at": .string(now.text), "expires_at": .string((now + month).text),
        ]
    }

    private static func gifts(
        _ variant: String, _ broadcaster: SandboxUser, _ viewer: Viewer, _ now: SandboxTime,
        _ random: inout some RandomNumberGenerator
    ) -> JSON {
        let count = [1, 1, 1, 5, 10].randomElement(using: &random)!
        let giftees = Viewer.all.filter { $0.id != viewer.id }.shuffled(using: &random).prefix(count)
        return [
            "broadcaster": broadcaster.eventUser,
            "gifter": variant == "anonymous" ? Viewer.anonymous : viewer.user(),
            "giftees": .array(giftees.map { $0.user() }), "created_at": .string(now.text),
            "expires_at": .string((now + month).text),
        ]
    }

    private static func kicks(
        _ variant: String, _ broadcaster: SandboxUser, _ viewer: Viewer, _ now: SandboxTime,
        _ random: inout some RandomNumberGenerator
    ) -> JSON {
        let isLarge = variant == "level_up"
        return [
            "broadcaster": broadcaster.bareEventUser, "sender": viewer.bareUser,
            "gift": [
                "amount": .integer((isLarge ? [500, 1000, 2500] : [1, 10, 50, 100]).randomElement(using: &random)!),
                "name": isLarge ? "Rage Quit" : "Full Send", "type": isLarge ? "LEVEL_UP" : "BASIC",
                "tier": isLarge ? "MID" : "BASIC",
                "message": .string(ChatLines.plain.randomElement(using: &random)!),
                "pinned_time_seconds": isLarge ? 600 : 0,
            ],
            "created_at": .string(now.textWithMilliseconds),
        ]
    }

    // MARK: Rewards

    private static func redemption(
        _ variant: String, _ broadcaster: SandboxUser, _ viewer: Viewer, _ now: SandboxTime,
        _ random: inout some RandomNumberGenerator
    ) -> JSON {
        let (title, cost, description, input) = [
            ("Song request", 500, "Paste a link", "something with more cowbell"),
            ("Hydrate", 100, "Take a sip of water", ""), ("Unban request", 1000, "Good reasons only", "I was framed"),
        ].randomElement(using: &random)!
        return [
            "id": .string(ULID.make().description), "user_input": .string(input), "status": .string(variant),
            "redeemed_at": .string(now.textWithMilliseconds),
            "reward": [
                "id": .string("01KBHE7RZNHB0SKDV1H86CD4F\(cost % 7)"), "title": .string(title), "cost": .integer(cost),
                "description": .string(description),
            ],
            "redeemer": viewer.bareUser, "broadcaster": broadcaster.bareEventUser,
        ]
    }

    // MARK: Stream and moderation

    private static func status(isLive: Bool, _ broadcaster: SandboxUser, _ now: SandboxTime) -> JSON {
        let startedAt = broadcaster.channel.liveSince ?? (isLive ? now : now + -3600)
        return [
            "broadcaster": broadcaster.eventUser, "is_live": .bool(isLive),
            "title": .string(broadcaster.channel.title), "started_at": .string(startedAt.text),
            "ended_at": isLive ? .null : .string(now.text),
        ]
    }

    private static func metadata(_ variant: String, _ broadcaster: SandboxUser) -> JSON {
        let channel = broadcaster.channel
        let category = SandboxCategory(id: channel.categoryID).json
        // Seen on the wire with a capital letter (#238).
        let name = variant == "capital_category" ? "Category" : "category"
        return [
            "broadcaster": broadcaster.eventUser,
            "metadata": [
                "title": .string(channel.title), "language": .string(channel.language),
                "has_mature_content": .bool(channel.isMature), name: category,
            ],
        ]
    }

    private static func ban(
        _ variant: String, _ broadcaster: SandboxUser, _ viewer: Viewer, _ now: SandboxTime,
        _ random: inout some RandomNumberGenerator
    ) -> JSON {
        let others = Viewer.all.filter { $0.id != viewer.id }
        let moderator = others.filter { $0.badges.contains { $0.type == "moderator" } }.randomElement(using: &random)!
        let minutes = [1, 10, 60].randomElement(using: &random)!
        return [
            "broadcaster": broadcaster.eventUser, "moderator": moderator.user(), "banned_user": viewer.user(),
            "metadata": [
                "reason": .string(["spam", "spoilers", "being rude"].randomElement(using: &random)!),
                "created_at": .string(now.text),
                "expires_at": variant == "permanent" ? .null : .string((now + minutes * 60).text),
            ],
        ]
    }
}
