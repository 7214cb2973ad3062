import Kick

/// What POST /sandbox/grants asks for, checked: consents of many users at once, for tests.
package struct GrantOrder: Sendable {
    package static let maximumCount = 20_000

    /// Nil: the configured app.
    package let clientID: String?
    /// Nil: all that are ticked for the app.
    package let scopes: [String]?
    package let userIDs: [Int]
    /// Life of the first access tokens, so that thousands of logins can fall due at one moment; nil: as configured.
    package let accessTokenSeconds: Int?

    package init(_ json: JSON?) throws(SandboxError) {
        let order = try OrderReader(
            json, known: ["client_id", "scopes", "users", "count", "first_user_id", "access_token_seconds"])
        clientID = try order.text("client_id")
        scopes = try order.texts("scopes")
        accessTokenSeconds = try order.number("access_token_seconds", in: 1...31_536_000)
        if let unknown = scopes?.first(where: { !KickScope(rawValue: $0).isKnown }) {
            throw .configuration(reason: "scopes: there is no scope \(unknown)")
        }
        let bounds = 1...Self.maximumCount
        switch (try order.numbers("users"), try order.number("count", in: bounds)) {
        case (let users?, nil):
            guard bounds.contains(users.count), users.allSatisfy({ $0 > 0 }), Set(users).count == users.count else {
                throw .configuration(reason: "users: expected 1 to \(Self.maximumCount) different ids above 0")
            }
            userIDs = users
        case (nil, let count?):
            guard let first = try order.number("first_user_id", in: 1...1_000_000_000_000) else {
                throw .configuration(reason: "first_user_id: expected the first of \(count) user ids")
            }
            userIDs = Array(first..<first + count)
        default: throw .configuration(reason: "expected either users, or count and first_user_id")
        }
    }
}

extension SandboxState {
    /// A grant for each user as if they had consented and the code had been exchanged; users who are missing are made.
    /// Nil when there is no such app.
    package mutating func makeGrants(
        _ order: GrantOrder, clientID: String, policy: TokenPolicy, at now: SandboxTime
    ) -> [(userID: Int, tokens: IssuedTokens)]? {
        guard let app = apps[clientID] else { return nil }
        let scopes = order.scopes.map { $0.filter(app.scopes.contains) } ?? app.scopes
        var policy = policy
        if let seconds = order.accessTokenSeconds { policy.accessTokenSeconds = seconds }
        sweepIfDue(policy: policy, at: now)
        return order.userIDs.map { id in
            if users[id] == nil { register(SandboxUser(id: id, username: "user\(id)")) }
            let grant = addGrant(clientID: clientID, userID: id, scopes: scopes, at: now)
            return (id, issue(grant, policy: policy, at: now))
        }
    }
}
