package import Kick
import Net
import Telemetry

extension KickRead where Value == KickPage<KickDropsClaim> {
    /// The claims of the campaigns of the organization that the app belongs to. Not remembered: whoever fulfils claims
    /// needs them as they are.
    package static func dropsClaims(_ selection: DropsClaimSelection) -> KickRead {
        KickRead(.dropsClaims, as: .soleApp, for: nil) { api, token, deadline throws(KickError) in
            try await DropsCall(api: api, token: token, deadline: deadline).run { api throws(KickError) in
                try await api.dropsClaims(selection, token: token, deadline: deadline)
            }
        }
    }
}

extension KickWrite where Value == Void {
    /// Writes new words to claims.
    package static func updateDropsClaims(_ update: DropsClaimsUpdate) -> KickWrite {
        KickWrite(.updateDropsClaims, as: .soleApp) { api, token, deadline throws(KickError) in
            try await DropsCall(api: api, token: token, deadline: deadline).run { api throws(KickError) in
                try await api.updateDropsClaims(update, token: token, deadline: deadline)
            }
        }
    }
}

/// A call about Drops, which Kick answers with 401 for an app of no organization, as it does for a token that is dead.
/// Without knowing better every such call would cost the app its token.
private struct DropsCall {
    let api: KickAPI
    let token: Secret<String>
    let deadline: Deadline

    /// Throws `forbidden` in place of `unauthorized` when there is nothing wrong with the token.
    func run<R>(_ call: (KickAPI) async throws(KickError) -> R) async throws(KickError) -> R {
        switch await result(of: call) {
        case .success(let value): return value
        case .failure(let error):
            guard error.kind == .unauthorized, await isActive() else { throw error }
            throw KickError(.forbidden, status: error.status, message: error.message)
        }
    }

    private func isActive() async -> Bool {
        guard let facts = try? await api.introspect(token, deadline: deadline) else { return false }
        return facts.isActive
    }

    private func result<R>(of call: (KickAPI) async throws(KickError) -> R) async -> Result<R, KickError> {
        do {
            return .success(try await call(api))
        } catch {
            return .failure(error)
        }
    }
}
