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
    package var needs: [[KickScope]] {
        switch self {
        case .events: KickOperation.subscribe.scopes
        case .chatSend: KickOperation.sendChatMessage.scopes
        case .chatModerate: KickOperation.deleteChatMessage.scopes
        case .bans: KickOperation.ban.scopes
        case .channelRead: KickOperation.channels.scopes
        case .channelUpdate: KickOperation.updateChannel.scopes
        case .rewardsRead: KickOperation.rewards.scopes
        case .rewardsManage: KickOperation.updateReward.scopes
        // The key stands in the answer about the own channel.
        case .streamKey: KickOperation.channels.scopes + [[.streamKeyRead]]
        case .kicksLeaderboard: KickOperation.kicksLeaderboard.scopes
        // Opens the status of ad breaks as well.
        case .ads: KickOperation.startAdBreak.scopes
        }
    }

    /// Whether it goes on with the app's own token when the broadcaster's tokens are dead: deliveries do (FACTS §3.3).
    package var outlivesTokens: Bool { self == .events }

    /// The scopes that are lacking; empty when it may be done.
    package func missingScopes(granted: [KickScope]) -> [KickScope] {
        needs.missing(granted: granted)
    }
}
