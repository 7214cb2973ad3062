import FoundationEssentials

/// The token endpoint's answer, understood (FACTS §1.4). Pure.
enum TokenAnswer {
    case tokens(TokenSet)
    case refused(TokenRefusal)
    case trouble(KickError)

    /// Only 400 and 401 with `"error":"invalid_grant"` in whole JSON is a refusal. Empty bodies, HTML, the edge's
    /// pages, errors of the server and other codes say nothing about the grant (P5).
    init(_ answer: KickAnswer, to request: KickRequest) {
        if (200...299).contains(answer.status) {
            if let tokens = try? JSONDecoder().decode(TokenSet.self, from: Data(answer.body)) {
                self = .tokens(tokens)
            } else {
                // No word of the body: it may hold a token.
                self = .trouble(KickError(.undecodable, status: answer.status))
            }
            return
        }
        let facts = ErrorFacts(answer.body)
        switch (answer.status, facts.code) {
        case (400, "invalid_grant"), (401, "invalid_grant"):
            let message = facts.message.map { KickError.cleaned($0, of: request.secrets) }
            self = .refused(TokenRefusal(status: answer.status, message: message))
        case (400, "invalid_client"), (401, "invalid_client"), (400, "unauthorized_client"),
            (401, "unauthorized_client"):
            self = .trouble(KickError(.clientRefused, answer, facts, to: request))
        case (403, _):
            // The OAuth server declares no 403 of its own.
            self = .trouble(KickError(.edgeBlocked, answer, facts, to: request))
        default:
            self = .trouble(KickError(answer, to: request))
        }
    }
}
