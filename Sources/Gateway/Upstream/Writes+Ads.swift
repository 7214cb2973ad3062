package import Kick
import Net
import Telemetry

extension KickWrite where Value == AdBreakReceipt {
    /// Begins a break for ads in a login's channel.
    package static func startAdBreak(_ adBreak: AdBreak, of user: Int64) -> KickWrite {
        KickWrite(.startAdBreak, as: .user(user), changes: [.ads(user)]) { api, token, deadline throws(KickError) in
            try await api.startAdBreak(adBreak, token: token, deadline: deadline)
        }
    }
}

extension KickWrite where Value == Void {
    /// Opts a login's channel in to ads.
    package static func enrollInAds(_ user: Int64) -> KickWrite {
        KickWrite(.enrollInAds, as: .user(user), changes: [.ads(user)]) { api, token, deadline throws(KickError) in
            try await api.enrollInAds(token: token, deadline: deadline)
        }
    }
}
