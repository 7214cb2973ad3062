package import HTTP

/// Where Kick is: `https://id.kick.com` and `https://api.kick.com`, or one sandbox for both.
package struct KickServers: Sendable, Equatable {
    /// The OAuth server.
    package let id: HTTPURL
    /// The API server.
    package let api: HTTPURL

    package init(id: HTTPURL, api: HTTPURL) {
        self.id = id
        self.api = api
    }

    /// The real ones (FACTS §1.1).
    package static let kick = KickServers(id: HTTPURL("https://id.kick.com")!, api: HTTPURL("https://api.kick.com")!)
}
