import FoundationEssentials
import HTTP
import Net
import Telemetry

// How the calls of the other files go out and come back.

extension KickAPI {
    /// A value as a JSON body; members that are nil are left out, which Kick takes for "not given" (FACTS §10).
    static func json(_ value: some Encodable) throws(KickError) -> KickRequest.Body {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let bytes = try? encoder.encode(value) else {
            throw KickError(.badRequest, message: "the request cannot be written as JSON")
        }
        return .json(Array(bytes))
    }

    /// Sends, and reads one value out of `data`.
    func value<Value: Decodable>(
        of _: Value.Type = Value.self, _ request: KickRequest, _ deadline: Deadline
    ) async throws(KickError) -> Value {
        try Envelope<Value>.data(of: try await exchange(request, deadline), to: request)
    }

    /// Sends, and reads a list and where it goes on.
    func page<Element: Decodable & Sendable>(
        of _: Element.Type = Element.self, _ request: KickRequest, _ deadline: Deadline
    ) async throws(KickError) -> KickPage<Element> {
        let list = try ListEnvelope<Element>.read(try await exchange(request, deadline), to: request)
        return KickPage(elements: list.elements, nextCursor: list.nextCursor)
    }

    /// Sends a command whose success says nothing: `{}`, `[]`, null and an empty body are all a success (FACTS §2.8).
    func command(_ request: KickRequest, _ deadline: Deadline) async throws(KickError) {
        let answer = try await exchange(request, deadline)
        guard (200...299).contains(answer.status) else { throw KickError(answer, to: request) }
    }
}

extension QueryItems {
    /// Appends an optional parameter.
    mutating func append(_ name: String, ifAny value: (some CustomStringConvertible)?) {
        if let value { append(name, value.description) }
    }
}
