import HTTP
import HTTPClient
import Net
import ProcessKit
import Sandbox

/// JSON over HTTP, to one server.
struct HTTPCaller: Sendable {
    let client: OutboundClient
    /// Such as `http://127.0.0.1:8090`.
    let base: String
    /// Sent as a bearer token; nil: none.
    var key: String?

    private static let patience = Duration.seconds(60)

    /// The answer, whatever its status; a body that is no JSON counts as null.
    func answer(_ method: HTTP.Method, _ path: String, _ body: JSON? = nil) async throws -> (status: Status, json: JSON)
    {
        guard let url = HTTPURL(base + path) else { throw ProcessError("\(base + path) is no URL") }
        var request = OutboundRequest(method, url)
        if let key { request.fields.set(.authorization, FieldValue("Bearer \(key)")) }
        if let body {
            request.fields.set(.contentType, "application/json")
            request.body = body.bytes
        }
        let answer = try await client.send(request, deadline: .after(Self.patience))
        return (answer.status, JSON(parsing: answer.body) ?? .null)
    }

    /// The body of an answer that says yes. Throws for every other.
    @discardableResult
    func json(_ method: HTTP.Method, _ path: String, _ body: JSON? = nil) async throws -> JSON {
        let (status, json) = try await answer(method, path, body)
        guard status.isSuccess else { throw ProcessError("\(method) \(path): \(status) \(json.text)") }
        return json
    }
}
