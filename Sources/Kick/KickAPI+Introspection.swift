import HTTP
package import Net
package import Telemetry

extension KickAPI {
    /// What Kick knows about a token, which is also the one to ask with (FACTS §1.8). Any token. Throws `unauthorized` for
    /// one that Kick does not know at all.
    package func introspect(_ token: Secret<String>, deadline: Deadline) async throws(KickError) -> TokenFacts {
        let request = KickRequest(.introspect, bearer: token)
        return try Envelope<TokenFacts>.data(of: try await exchange(request, deadline), to: request)
    }

    /// The same, asked of the API server. Kick has announced this call's end; `introspect` is the one to use.
    package func introspectV1(_ token: Secret<String>, deadline: Deadline) async throws(KickError) -> TokenFacts {
        try await value(KickRequest(.introspectV1, bearer: token), deadline)
    }
}
