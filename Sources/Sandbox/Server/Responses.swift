import HTTP
import HTTPServer

extension Response {
    static func json(_ json: JSON, status: Status = .ok) -> Response {
        .json(json.bytes, status: status)
    }

    /// The API's envelope.
    init(_ answer: APIAnswer) {
        self = answer.body.map { .json($0, status: Status(answer.status)) } ?? Response(status: Status(answer.status))
    }

    /// `{"error":"Invalid request"}` and its like (FACTS §1.4).
    static func oauthError(_ refusal: OAuthRefusal, policy: TokenPolicy) -> Response {
        switch refusal {
        case .invalidRequest: .json(["error": "Invalid request"], status: .badRequest)
        case .invalidClient: .json(["error": "invalid_client"], status: .unauthorized)
        case .invalidGrant:
            .json(
                [
                    "error": "invalid_grant",
                    "error_description": .string(
                        "The provided authorization grant (e.g., authorization code, resource owner credentials) or "
                            + "refresh token is invalid, expired, revoked, does not match the redirection URI used in "
                            + "the authorization request, or was issued to another client"),
                ], status: Status(policy.invalidGrantStatus))
        }
    }

    /// What the control API says to a request it cannot follow.
    static func controlError(_ text: String, status: Status = .badRequest) -> Response {
        .json(["error": .string(text)], status: status)
    }

    static func html(_ page: String, status: Status = .ok) -> Response {
        Response(
            status: status, fields: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-store"],
            body: .bytes(Array(page.utf8)))
    }
}

extension Request {
    /// The body as JSON; nil when it is not.
    func json() async throws -> JSON? {
        JSON(parsing: try await body(upTo: 4 << 20))
    }

    /// The body as a form; nil when it is not one, or does not say that it is.
    func form() async throws -> QueryItems? {
        let type = fields[.contentType]?.split(separator: ";").first.map(String.init)?.lowercased()
        guard type?.replacing(" ", with: "") == FormURLEncoded.contentType.text else { return nil }
        return FormURLEncoded.decode(try await body(upTo: 64 << 10))
    }

    /// The token of `Authorization: Bearer …`.
    var bearerToken: String? {
        guard let value = fields[.authorization], value.lowercased().hasPrefix("bearer ") else { return nil }
        return String(value.dropFirst(7))
    }
}
