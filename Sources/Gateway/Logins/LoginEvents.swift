package import Model

/// What the log is told of a login.
package enum LoginEventKind: String, Sendable, CaseIterable {
    /// A broadcaster gave consent, or a pair was imported: for a login that is new or was disconnected, and for a connected
    /// one whose granted or missing scopes are others than before.
    case connected = "gateway.login.connected"
    /// Refreshing has failed for a while. The access token may still be good.
    case refreshFailing = "gateway.login.refresh_failing"
    /// Kick has refused every token that is held.
    case reconnectRequired = "gateway.login.reconnect_required"
    /// What `refresh_failing` or `reconnect_required` said is over.
    case recovered = "gateway.login.recovered"
    /// The login was ended on purpose.
    case disconnected = "gateway.login.disconnected"
}

/// The events `gateway.login.*`, all of one shape.
package enum LoginEvents {
    private struct Body: Encodable {
        let loginID: String
        let kickUserID: Int64
        let username: String
        let state: LoginState
        let reason: String?
        let scopes: [String]?
        let missingScopes: [String]?
        let at: Timestamp

        enum CodingKeys: String, CodingKey {
            case loginID = "login_id"
            case kickUserID = "kick_user_id"
            case username, state, reason, scopes
            case missingScopes = "missing_scopes"
            case at
        }

        /// Every name is always there; what is not known is null.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(loginID, forKey: .loginID)
            try container.encode(kickUserID, forKey: .kickUserID)
            try container.encode(username, forKey: .username)
            try container.encode(state, forKey: .state)
            try container.encode(reason, forKey: .reason)
            try container.encode(scopes, forKey: .scopes)
            try container.encode(missingScopes, forKey: .missingScopes)
            try container.encode(at, forKey: .at)
        }
    }

    /// What is told of a consent or an import. A login that was in trouble has recovered; one that was not there is
    /// connected; one that was connected all the time is worth a word only when what it may do has changed.
    package static func connecting(_ before: Login?, _ after: Login) -> GatewayEvent? {
        let kind: LoginEventKind
        switch before?.state {
        case nil, .disconnected?: kind = .connected
        case .reconnectRequired?: kind = .recovered
        case .connected?:
            if before?.isFailingAnnounced == true {
                kind = .recovered
            } else if let before, Set(before.scopes) != Set(after.scopes) || before.missingScopes != after.missingScopes
            {
                kind = .connected
            } else {
                return nil
            }
        }
        return make(kind, after)
    }

    /// The event of a login as it is now.
    package static func make(_ kind: LoginEventKind, _ login: Login, reason: String? = nil) -> GatewayEvent {
        make(
            kind, login: login.id, kickUserID: login.kickUserID, username: login.username, state: login.state,
            reason: reason, scopes: login.scopes, missingScopes: login.missingScopes)
    }

    /// - Parameters:
    ///   - state: what the login is from now on.
    ///   - reason: a sentence without secrets; nil when the kind says it all.
    ///   - scopes: Kick's scopes as granted; nil when the change did not touch them.
    ///   - missingScopes: what was asked for and not granted; nil when `scopes` is.
    package static func make(
        _ kind: LoginEventKind, login: LoginID, kickUserID: Int64, username: String, state: LoginState,
        reason: String? = nil, scopes: [String]? = nil, missingScopes: [String]? = nil
    ) -> GatewayEvent {
        let body = Body(
            loginID: login.text, kickUserID: kickUserID, username: username, state: state, reason: reason,
            scopes: scopes, missingScopes: missingScopes, at: .now())
        return GatewayEvent(type: kind.rawValue, broadcasterUserID: kickUserID, payload: body)
    }
}
