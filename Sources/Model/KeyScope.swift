/// What an API key may do. A key has one or more.
package enum KeyScope: String, Sendable, Codable, CaseIterable, CustomStringConvertible {
    /// Public data: users, channels, livestreams, categories; and the own channel.
    case channelsRead = "channels:read"
    case channelsWrite = "channels:write"
    case chatWrite = "chat:write"
    /// Bans, time-outs, deleting messages.
    case moderationWrite = "moderation:write"
    case rewardsRead = "rewards:read"
    case rewardsWrite = "rewards:write"
    /// The KICKs leaderboard.
    case kicksRead = "kicks:read"
    /// Stream URL and key: whoever has them can go live on the channel.
    case streamKeyRead = "stream_key:read"
    case adsRead = "ads:read"
    case adsWrite = "ads:write"
    case dropsRead = "drops:read"
    case dropsWrite = "drops:write"
    case eventsRead = "events:read"
    case eventsWrite = "events:write"
    case loginsRead = "logins:read"
    case loginsWrite = "logins:write"
    case subscriptionsRead = "subscriptions:read"
    case subscriptionsWrite = "subscriptions:write"

    /// What a key gets that is made without a list: everything but the stream key, which has to be asked for by name.
    package static let standard: [KeyScope] = allCases.filter { $0 != .streamKeyRead }

    package var description: String { rawValue }
}
