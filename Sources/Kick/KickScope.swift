/// A permission that a broadcaster grants to an app (FACTS §1.9). Open: a scope that Kick invents tomorrow is kept as
/// it is.
package struct KickScope: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    package var description: String { rawValue }

    /// User information: name, picture, id.
    package static let userRead = KickScope(rawValue: "user:read")
    /// The own channel.
    package static let channelRead = KickScope(rawValue: "channel:read")
    /// Title, category and tags of the own channel.
    package static let channelWrite = KickScope(rawValue: "channel:write")
    /// Channel point rewards and redemptions.
    package static let channelRewardsRead = KickScope(rawValue: "channel:rewards:read")
    /// Rewards and redemptions, changing included; includes the reads.
    package static let channelRewardsWrite = KickScope(rawValue: "channel:rewards:write")
    /// Sending chat messages, as the user and as the app's bot.
    package static let chatWrite = KickScope(rawValue: "chat:write")
    /// Stream URL and stream key. Never asked for by default: the key lets anybody go live on the channel.
    package static let streamKeyRead = KickScope(rawValue: "streamkey:read")
    /// All events of the channel, reading chat among them.
    package static let eventsSubscribe = KickScope(rawValue: "events:subscribe")
    /// Banning and unbanning.
    package static let moderationBan = KickScope(rawValue: "moderation:ban")
    /// Deleting chat messages.
    package static let moderationChatMessageManage = KickScope(rawValue: "moderation:chat_message:manage")
    /// The KICKs leaderboard.
    package static let kicksRead = KickScope(rawValue: "kicks:read")
    /// State of ad breaks (since August 2026).
    package static let adsRead = KickScope(rawValue: "ads:read")
    /// Starting ad breaks and enrolling (since August 2026).
    package static let adsWrite = KickScope(rawValue: "ads:write")

    /// All thirteen that are known.
    package static let all: [KickScope] = [
        .userRead, .channelRead, .channelWrite, .channelRewardsRead, .channelRewardsWrite, .chatWrite, .streamKeyRead,
        .eventsSubscribe, .moderationBan, .moderationChatMessageManage, .kicksRead, .adsRead, .adsWrite,
    ]

    /// Whether this is one of the thirteen.
    package var isKnown: Bool { Self.all.contains(self) }

    /// Reads a space-separated list, as OAuth writes it; surplus blanks and doubles are dropped, the order is kept.
    package static func parse(_ list: String) -> [KickScope] {
        var scopes: [KickScope] = []
        for word in list.split(separator: " ") {
            let scope = KickScope(rawValue: String(word))
            if !scopes.contains(scope) { scopes.append(scope) }
        }
        return scopes
    }
}

extension [KickScope] {
    /// The space-separated list that OAuth takes.
    package var joined: String { map(\.rawValue).joined(separator: " ") }
}

extension [[KickScope]] {
    /// Of each list one is needed: the first of those of which none is granted.
    package func missing(granted: [KickScope]) -> [KickScope] {
        filter { alternatives in !alternatives.contains(where: granted.contains) }.compactMap(\.first)
    }
}
