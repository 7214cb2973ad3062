package import HTTP

/// The URL that a broadcaster's browser is sent to for consent: `GET /oauth/authorize` (FACTS §1.3).
package enum AuthorizationURL {
    /// - Parameters:
    ///   - servers: `id` is used.
    ///   - redirectURI: exactly as registered in the app's settings.
    ///   - scopes: each must be ticked in the app's settings too, or Kick leaves it out without a word.
    ///   - state: opaque, bound to the browser session, used once.
    package static func make(
        servers: KickServers, clientID: String, redirectURI: HTTPURL, scopes: [KickScope], state: String, pkce: PKCE
    ) -> HTTPURL {
        var query = QueryItems()
        // Kick's login page rewrites the first 127.0.0.1 in the URL to localhost, and the redirect then matches no
        // longer. Its documentation advises to give it another one to rewrite (FACTS §1.3).
        if redirectURI.hostName == "127.0.0.1" { query.append("redirect", "127.0.0.1") }
        query.append("response_type", "code")
        query.append("client_id", clientID)
        query.append("redirect_uri", redirectURI.description)
        query.append("scope", scopes.joined)
        query.append("state", state)
        query.append("code_challenge", pkce.challenge)
        query.append("code_challenge_method", "S256")
        return servers.id.appending(path: "/oauth/authorize", query: query)
    }
}
