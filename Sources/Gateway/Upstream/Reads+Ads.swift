package import Kick
import Net
import Telemetry

extension KickRead where Value == KickAdStatus {
    /// How a login's channel stands with ads.
    package static func adStatus(of user: Int64) -> KickRead<KickAdStatus> {
        KickRead(.adBreakStatus, as: .user(user), for: .live, tags: { _ in [.ads(user)] }) {
            api, token, deadline throws(KickError) in
            try await api.adStatus(token: token, deadline: deadline)
        }
    }
}
