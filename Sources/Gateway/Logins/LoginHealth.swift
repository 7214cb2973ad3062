import Kick
package import Model

/// What a login's record means: for its tenant's programs, and in a sentence for people.
package struct LoginHealth: Sendable {
    package enum Status: String, Sendable, Codable, CaseIterable {
        case ok
        /// Renewing the tokens fails for a while now; the access token is still good.
        case refreshFailing = "refresh_failing"
        /// The access token's life is over and it is not renewed yet.
        case expired
        case reconnectRequired = "reconnect_required"
        case disconnected
    }

    package struct Feature: Sendable {
        package let feature: String
        package let works: Bool
        package let missingScopes: [String]
    }

    package let status: Status
    package let text: String
    package let features: [Feature]

    package init(of login: Login, at now: Timestamp) {
        let status = Self.status(of: login, at: now)
        self.status = status
        text = Self.text(login, status)
        let granted = login.scopes.map(KickScope.init(rawValue:))
        features = KickFeature.allCases.map { feature in
            let missing = feature.missingScopes(granted: granted).map(\.rawValue)
            let mayWork = login.state == .connected || login.state == .reconnectRequired && feature.outlivesTokens
            return Feature(feature: feature.rawValue, works: mayWork && missing.isEmpty, missingScopes: missing)
        }
    }

    private static func status(of login: Login, at now: Timestamp) -> Status {
        switch login.state {
        case .disconnected: .disconnected
        case .reconnectRequired: .reconnectRequired
        case .connected:
            if let end = login.accessExpiresAt, end <= now {
                .expired
            } else {
                login.isFailingAnnounced ? .refreshFailing : .ok
            }
        }
    }

    private static func text(_ login: Login, _ status: Status) -> String {
        let because = login.lastError.map { ": \($0)" } ?? ""
        switch status {
        case .ok:
            let missing = login.missingScopes
            return missing.isEmpty
                ? "It works." : "It works, without what Kick did not grant: \(missing.joined(separator: ", "))."
        case .refreshFailing:
            return
                "It still works, but renewing its tokens fails\(because). That is tried again without anybody's help."
        case .expired:
            guard login.refreshFailures > 0 else {
                return "Its access token has expired and is about to be renewed."
            }
            return """
                Its access token has expired and could not be renewed\(because). That is tried again without anybody's help.
                """
        case .reconnectRequired:
            guard login.teardown.holdsTokens else {
                return "It has no tokens\(because). Send the broadcaster a new link. Events go on meanwhile."
            }
            // Kick tells nobody when a broadcaster removes an app: this is how it shows (FACTS §1.10).
            return """
                Kick takes none of its tokens: the app was removed at Kick, or the grant has expired. Send the broadcaster \
                a new link. Events go on meanwhile.
                """
        case .disconnected: return ended(login.teardown)
        }
    }

    private static func ended(_ teardown: Login.Teardown) -> String {
        if teardown.wasGivenUp {
            return "It was ended and its tokens are erased. Kick did not confirm within a day that it revoked them."
        }
        guard teardown.isPending else { return "It was ended: Kick has revoked its tokens, and they are erased." }
        return teardown.holdsTokens
            ? "It was ended. Kick is still to revoke its tokens; that is tried again without anybody's help."
            : "It was ended and Kick has revoked its tokens. Its event subscriptions are still to be removed."
    }
}
