import FoundationEssentials

/// `{"data": …, "message": …}`, in which Kick's API wraps every success (FACTS §2.1).
struct Envelope<Payload: Decodable>: Decodable {
    let data: Payload

    /// The payload of a successful answer.
    static func data(of answer: KickAnswer, to request: KickRequest) throws(KickError) -> Payload {
        try read(answer, to: request).data
    }

    /// The elements of a successful answer; `"data": null` is an empty list.
    static func list<Element>(
        of answer: KickAnswer, to request: KickRequest
    ) throws(KickError) -> [Element] where Payload == [Element]? {
        try data(of: answer, to: request) ?? []
    }

    enum CodingKeys: String, CodingKey {
        case data
    }
}

extension Decodable {
    /// Reads a successful answer. Throws what a failed one stands for, and `undecodable` with the place, but no value,
    /// when a success does not have the expected shape.
    static func read(_ answer: KickAnswer, to request: KickRequest) throws(KickError) -> Self {
        guard (200...299).contains(answer.status) else { throw KickError(answer, to: request) }
        do {
            return try JSONDecoder().decode(Self.self, from: Data(answer.body))
        } catch {
            throw KickError(.undecodable, status: answer.status, message: place(of: error))
        }
    }
}

private func place(of error: any Error) -> String {
    guard let error = error as? DecodingError else { return "not JSON" }
    let (path, what): ([any CodingKey], String) =
        switch error {
        case .keyNotFound(let key, let context): (context.codingPath + [key], "missing")
        case .typeMismatch(_, let context): (context.codingPath, "of another type")
        case .valueNotFound(_, let context): (context.codingPath, "null")
        case .dataCorrupted(let context): (context.codingPath, "not readable")
        @unknown default: ([], "not readable")
        }
    return path.isEmpty ? "not JSON" : "\(path.map(\.stringValue).joined(separator: ".")) is \(what)"
}
