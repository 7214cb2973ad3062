/// What one can want to do with a login, and the scopes that Kick asks for it (FACTS §1.9).
package enum KickFeature: String, CaseIterable, Sendable {
    case events
    case chatSend = "chat.send"
    /// Deleting chat messages.
    case chatModerate = "chat.moderate"
    case bans
    case channelRead = "channel.read"
    case channelUpdate = "channel.update"
    case rewardsRead = "rewards.read"
    case rewardsManage = "rewards.manage"
    case streamKey = "stream_key"
    case kicksLeaderboard = "kicks.leaderboard"
    case ads

    /// Of each list one scope is needed. The first is the one to ask for.
    private var needs: [[KickScope]] {
        switch self {
        case .events: [[.eventsSubscribe]]
        case .chatSend: [[.chatWrite]]
        case .chatModerate: [[.moderationChatMessageManage]]
        case .bans: [[.moderationBan]]
        case .channelRead: [[.channelRead]]
        case .channelUpdate: [[.channelWrite]]
        case .rewardsRead: [[.channelRewardsRead, .channelRewardsWrite]]
        case .rewardsManage: [[.channelRewardsWrite]]
        // The key stands in the answer about the own channel.
        case .streamKey: [[.channelRead], [.streamKeyRead]]
        case .kicksLeaderboard: [[.kicksRead]]
        // Opens the status of ad breaks as well.
        case .ads: [[.adsWrite]]
        }
    }

    /// Whether it goes on with the app's own token when the broadcaster's tokens are dead: deliveries do (FACTS §3.3).
    package var outlivesTokens: Bool { self == .events }

    /// The scopes that are lacking; empty when it may be done.
    package func missingScopes(granted: [KickScope]) -> [KickScope] {
        needs.filter { alternatives in !alternatives.contains(where: granted.contains) }.compactMap(\.first)
    }
}
