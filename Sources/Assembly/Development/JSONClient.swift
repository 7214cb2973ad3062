import FoundationEssentials
import HTTP
import HTTPClient
import Net

/// JSON over HTTP for the commands that talk to a running gateway or sandbox.
struct JSONClient: Sendable {
    let client: OutboundClient
    let base: String

    /// Sends a value, or nothing, and reads one. An answer that is no success is an error with the server's own words.
    func call<Answer: Decodable>(
        _ method: HTTP.Method, _ path: String, key: String? = nil, body: [String: any Encodable & Sendable]? = nil,
        timeout: Duration = .seconds(30)
    ) async throws -> Answer {
        guard let url = HTTPURL(base + path) else { throw DevError("\(base)\(path) is no URL") }
        var request = OutboundRequest(method, url)
        if let key { request.fields.set(.authorization, FieldValue("Bearer \(key)")) }
        if let body {
            request.fields.set(.contentType, "application/json")
            request.body = try Self.encode(body)
        }
        let response = try await client.send(request, deadline: .after(timeout))
        guard response.status.isSuccess else {
            throw DevError("\(method) \(path): \(response.status) \(String(decoding: response.body, as: UTF8.self))")
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Answer.self, from: Data(response.body))
    }

    /// An object as JSON.
    static func encode(_ body: [String: any Encodable & Sendable]) throws -> [UInt8] {
        Array(try JSONEncoder().encode(body.mapValues(AnyEncodable.init)))
    }

    private struct AnyEncodable: Encodable {
        let value: any Encodable

        func encode(to encoder: any Encoder) throws {
            try value.encode(to: encoder)
        }
    }
}
