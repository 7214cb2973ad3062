package import Kick
import Net
import Telemetry

extension KickRead where Value == KickPage<KickDropsClaim> {
    /// The claims of the campaigns of the organization that the app belongs to. Not remembered: whoever fulfils claims
    /// needs them as they are.
    package static func dropsClaims(_ selection: DropsClaimSelection) -> KickRead {
        KickRead(.dropsClaims, as: .app, for: nil) { api, token, deadline throws(KickError) in
            try await api.dropsClaims(selection, token: token, deadline: deadline)
        }
    }
}

extension KickWrite where Value == Void {
    /// Writes new words to claims.
    package static func updateDropsClaims(_ update: DropsClaimsUpdate) -> KickWrite {
        KickWrite(.updateDropsClaims, as: .app) { api, token, deadline throws(KickError) in
            try await api.updateDropsClaims(update, token: token, deadline: deadline)
        }
    }
}
