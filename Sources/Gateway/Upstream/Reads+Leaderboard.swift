package import Kick
import Net
import Telemetry

extension KickRead where Value == KicksLeaderboard {
    /// Who gave most KICKs to a login's channel.
    package static func leaderboard(_ selection: LeaderboardSelection, of user: Int64) -> KickRead {
        KickRead(
            .kicksLeaderboard, selection.top.map(String.init) ?? "", as: .user(user),
            for: CacheLifetime(fresh: .seconds(30))
        ) { api, token, deadline throws(KickError) in
            try await api.kicksLeaderboard(selection, token: token, deadline: deadline)
        }
    }
}
