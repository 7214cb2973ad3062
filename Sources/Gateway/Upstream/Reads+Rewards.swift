package import Kick
import Net
import Telemetry

extension KickRead where Value == [KickReward] {
    /// The rewards of a login's channel.
    package static func rewards(of user: Int64) -> KickRead {
        KickRead(.rewards, as: .user(user), for: .live, tags: { _ in [.rewards(user)] }) {
            api, token, deadline throws(KickError) in
            try await api.rewards(token: token, deadline: deadline)
        }
    }
}

extension KickRead where Value == KickPage<KickRedemption> {
    /// The redemptions in a login's channel. Viewers make new ones at any time, and somebody waits for each.
    package static func redemptions(_ selection: RedemptionSelection, of user: Int64) -> KickRead {
        KickRead(
            .redemptions, selection.spelling, as: .user(user), for: CacheLifetime(fresh: .seconds(2)),
            tags: { _ in [.rewards(user)] }
        ) { api, token, deadline throws(KickError) in
            try await api.redemptions(selection, token: token, deadline: deadline)
        }
    }
}

extension RedemptionSelection {
    fileprivate var spelling: String {
        .spelling(of: [[rewardID?.text, status, cursor].map { $0 ?? "" }, ids.map(\.text)])
    }
}
