package import Crypto
import Kick
import Net
import Telemetry

extension KickRead where Value == PublicKey {
    /// The key that Kick signs webhooks with. Kick wants no token for it; the app stands for whose call it is.
    package static var publicKey: KickRead<PublicKey> {
        KickRead(.publicKey, as: .app, for: .slow) { api, _, deadline throws(KickError) in
            try await api.publicKey(deadline: deadline)
        }
    }
}
