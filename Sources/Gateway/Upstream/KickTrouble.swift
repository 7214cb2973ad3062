import Kick
import Model

/// What Kick's errors mean for callers: Kick's trouble, a token's, or their own.
enum KickTrouble {
    /// The words for an error that may pass without anybody doing anything; nil for any other.
    ///
    /// - Parameter isLogin: whether a login's token was used. An app's token that is refused is the operator's trouble:
    ///   for others it passes.
    static func passing(_ error: any Error, isLogin: Bool) -> String? {
        switch error {
        case let error as KickError where error.isTransient: "\(error)"
        case let error as KickError where !isLogin && [.unauthorized, .clientRefused].contains(error.kind): "\(error)"
        case let error as GatewayError where error.code == .unavailable: error.message
        case let error as any Unavailability where error.isUnavailable: "the database is not available"
        default: nil
        }
    }

    /// - Parameter isLogin: whether a login's token was used, or else the app's.
    static func gatewayError(_ error: KickError, isLogin: Bool, changes: Bool) -> GatewayError {
        // Without a status nobody spoke but our own client.
        let words = error.status.map { GatewayError.KickWords(status: $0, message: error.message) }
        let isUndone = isUndone(error)
        func made(_ code: GatewayError.Code, _ message: String? = nil, retryAfter: Int? = nil) -> GatewayError {
            GatewayError(
                code, message ?? sentence(error, changes: changes), retryAfter: retryAfter, kick: words,
                isUndone: isUndone)
        }
        switch error.kind {
        case .unauthorized, .clientRefused, .grantRefused:
            return isLogin
                ? made(.kickUnauthorized, "Kick refuses this login's token, though it is new")
                : made(.upstream, "Kick refuses the token of the gateway's app: its operator has to look")
        case .forbidden: return made(.kickForbidden)
        case .rateLimited:
            let seconds = error.retryAfter.map { max(1, Int(($0 / .seconds(1)).rounded(.up))) }
            return made(.kickRateLimited, error.status == nil ? error.message : nil, retryAfter: seconds ?? 5)
        case .badRequest: return made(.kickRejected)
        case .notFound: return made(.notFound)
        case .conflict where changes: return made(.conflict)
        case .unreachable where error.isTimeout: return made(.kickTimedOut)
        case .conflict, .serverTrouble, .edgeBlocked, .unreachable, .undecodable, .unexpected: return made(.upstream)
        }
    }

    /// Whether Kick has certainly done nothing.
    static func isUndone(_ error: KickError) -> Bool {
        switch error.kind {
        case .unreachable(requestSent: false), .edgeBlocked, .rateLimited, .unauthorized: true
        default: false
        }
    }

    private static func sentence(_ error: KickError, changes: Bool) -> String {
        var text = error.isTimeout ? "Kick did not answer in time" : "\(error)"
        switch error.kind {
        case .unreachable(requestSent: true), .serverTrouble, .undecodable, .unexpected:
            if changes { text += "; what was asked for may have happened all the same" }
        default: break
        }
        if let message = error.message, error.status != nil { text += ": \(message)" }
        return text
    }
}
