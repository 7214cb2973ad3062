package import Kick
package import Model
import Net
import Telemetry

extension KickRead where Value == TokenFacts {
    /// What Kick says about a login's access token. Never remembered: it is asked for when something is in doubt.
    package static func introspection(of login: LoginID) -> KickRead<TokenFacts> {
        KickRead(.introspect, as: .login(login), for: nil) { api, token, deadline throws(KickError) in
            try await api.introspect(token, deadline: deadline)
        }
    }
}
