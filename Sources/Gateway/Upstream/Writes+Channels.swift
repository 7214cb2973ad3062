package import Kick
import Net
import Telemetry

extension KickWrite where Value == Void {
    /// Title, category and tags of a login's channel.
    package static func updateChannel(_ change: ChannelChange, of user: Int64) -> KickWrite {
        KickWrite(.updateChannel, as: .user(user), changes: [.channel(user)]) {
            api, token, deadline throws(KickError) in
            try await api.updateChannel(change, token: token, deadline: deadline)
        }
    }
}
