import FoundationEssentials
import HTTP
import HTTPServer
import Model

/// JSON in and out: snake_case names, RFC 3339 times.
enum JSONBody {
    /// Largest body that a JSON route takes, in bytes.
    static let limit = 64 * 1024

    /// The body as a value. Throws `invalid` that names the field and what is expected there.
    static func decode<Value: Decodable>(_ type: Value.Type = Value.self, from request: Request) async throws -> Value {
        try decode(from: await bytes(of: request, upTo: limit))
    }

    /// The body as a value, or nil when there is none.
    static func decodeIfAny<Value: Decodable>(
        _ type: Value.Type = Value.self, from request: Request
    ) async throws -> Value? {
        let isEmpty = try await request.body(upTo: limit).isEmpty
        // The type is named: else it would be the optional one, which has no members to compare with.
        return isEmpty ? nil : try await decode(Value.self, from: request)
    }

    /// The body of a request that says that it is JSON; at least one byte.
    static func bytes(of request: Request, upTo limit: Int) async throws -> [UInt8] {
        if let media = request.fields[.contentType]?.prefix(while: { $0 != ";" }),
            media.lowercased() != "application/json"
        {
            throw GatewayError(.invalid, "the body must be application/json")
        }
        let body = try await request.body(upTo: limit)
        guard !body.isEmpty else { throw GatewayError(.invalid, "the body is empty: expected a JSON object") }
        return body
    }

    /// - Parameter others: members that the caller reads by itself.
    static func decode<Value: Decodable>(
        _ type: Value.Type = Value.self, from body: [UInt8], besides others: [String] = []
    ) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            let value = try decoder.decode(Value.self, from: Data(body))
            try refuseUnknownMembers(of: body, for: value, besides: others)
            return value
        } catch let error as DecodingError {
            if case .dataCorrupted(let context) = error, context.codingPath.isEmpty, let field = oddNumber(in: body) {
                throw GatewayError(.invalid, "must be a whole number of at most 18 digits", field: field)
            }
            throw GatewayError(error)
        }
    }

    /// The first member that is a number which no whole number of ours can be. The decoder says of such a one only that
    /// the whole is not valid.
    private static func oddNumber(in body: [UInt8]) -> String? {
        struct Member: Decodable {
            let isOdd: Bool

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                isOdd = (try? container.decode(Double.self)) != nil && (try? container.decode(Int64.self)) == nil
            }
        }
        let members = try? JSONDecoder().decode([String: Member].self, from: Data(body))
        return members?.filter(\.value.isOdd).keys.min().map { String($0.prefix(100)) }
    }

    /// A misspelt member must not stand for its default: a replay would repeat everything, a key would never end.
    private static func refuseUnknownMembers(of body: [UInt8], for value: Any, besides others: [String]) throws {
        struct Ignored: Decodable {
            init(from decoder: any Decoder) {}
        }
        let known = Set(Mirror(reflecting: value).children.compactMap { $0.label?.snakeCase } + others)
        let members = try JSONDecoder().decode([String: Ignored].self, from: Data(body)).keys
        guard let unknown = members.sorted().first(where: { !known.contains($0) }) else { return }
        throw GatewayError(
            .invalid,
            known.isEmpty
                ? "is not known: there are none" : "is not known: there are \(known.sorted().joined(separator: ", "))",
            field: unknown.isEmpty ? "\"\"" : String(unknown.prefix(100)))
    }

    static func encode(_ value: some Encodable, status: Status = .ok) throws -> Response {
        var response = Response.json(try bytes(value), status: status)
        response.fields.append(.cacheControl, "no-store")
        return response
    }

    static func bytes(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
}

/// A list: `{"data": [...]}`.
struct DataList<Item: Encodable>: Encodable {
    let data: [Item]
}

/// A value that is `null` when there is none, where an optional would leave the name out.
struct Nullable<Value: Encodable>: Encodable {
    let value: Value?

    init(_ value: Value?) {
        self.value = value
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let value { try container.encode(value) } else { try container.encodeNil() }
    }
}

extension GatewayError {
    /// What is wrong with a JSON body, in terms of its fields.
    fileprivate init(_ error: DecodingError) {
        func path(_ keys: [any CodingKey]) -> String? {
            keys.isEmpty
                ? nil : keys.map { $0.intValue.map(String.init) ?? $0.stringValue.snakeCase }.joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context):
            self.init(.invalid, "is missing", field: path(context.codingPath + [key]))
        case .typeMismatch(let type, let context):
            self.init(.invalid, "must be \(Self.name(of: type))", field: path(context.codingPath))
        case .valueNotFound(let type, let context):
            self.init(.invalid, "must be \(Self.name(of: type)), not null", field: path(context.codingPath))
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            self.init(.invalid, context.debugDescription, field: path(context.codingPath))
        default: self.init(.invalid, "the body is not valid JSON")
        }
    }

    private static func name(of type: Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is Int.Type, is Int64.Type: "a whole number"
        case is [String].Type, is [Any].Type: "a list"
        default: "an object"
        }
    }
}

extension String {
    /// `clientSecret` as `client_secret`.
    fileprivate var snakeCase: String {
        var result = ""
        for character in self {
            if character.isUppercase { result += "_" + character.lowercased() } else { result.append(character) }
        }
        return result
    }
}
