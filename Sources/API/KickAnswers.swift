import Gateway
import HTTP
import HTTPServer
import Kick
import Model
import Net

extension RequestContext {
    /// Answers a GET with what Kick says, or said lately, as `view` shows it.
    func answer<Value, View: Encodable & SendableMetatype>(
        _ read: KickRead<Value>, as view: @escaping @Sendable (Value) -> View
    ) async throws -> Response {
        let answer = try await services.upstream.read(
            read, for: try requireCaller(), until: request.deadline
        ) {
            try JSONBody.bytes(view($0))
        }
        guard let representation = answer.representation else {
            throw GatewayError(.notFound, "Kick does not know this")
        }
        guard answer.isKept else { return .json(representation.bytes, fields: [.cacheControl: "no-store"]) }
        var fields: Fields = [
            .eTag: representation.entityTag,
            .cacheControl: Self.askAgain,
        ]
        if let trouble = answer.trouble {
            fields.append(.age, FieldValue(Int(answer.age / .seconds(1))))
            fields.append(.cacheStatus, Self.staleStatus(answer, trouble))
        }
        if Conditional.isMatch(request.fields.values(of: .ifNoneMatch), representation.entityTag.text) {
            return Response(status: .notModified, fields: fields)
        }
        return .json(representation.bytes, fields: fields)
    }

    /// Has Kick change something.
    func order<Value>(_ write: KickWrite<Value>) async throws -> Value {
        try await services.upstream.write(write, for: try requireCaller())
    }

    /// The caller may keep it, and has to ask whether it is still so, which costs little. A lifetime would show one tenant
    /// what another has asked for (P14), and a browser what was before its own write.
    private static let askAgain: FieldValue = "private, no-cache"

    /// RFC 9211 §2.4: a negative lifetime tells for how long it has not been fresh.
    private static func staleStatus(_ answer: ReadAnswer, _ trouble: String) -> FieldValue {
        let seconds = Int(answer.freshness / .seconds(1))
        let words = trouble.replacing("\\", with: "").replacing("\"", with: "'")
        return FieldValue(replacingInvalidIn: "kick-gateway; hit; ttl=\(seconds); detail=\"\(words)\"")
    }
}

/// Conditional requests (RFC 9110 §13.1.2).
enum Conditional {
    /// Whether `If-None-Match` names the entity tag, or any. Weak comparison.
    static func isMatch(_ values: [String], _ entityTag: String) -> Bool {
        values.contains { value in
            value.split(separator: ",").contains { part in
                let tag = part.trimming(while: { $0 == " " || $0 == "\t" })
                return tag == "*" || tag == entityTag || tag == "W/" + entityTag
            }
        }
    }
}

extension Substring {
    fileprivate func trimming(while condition: (Character) -> Bool) -> Substring {
        let rest = drop(while: condition)
        guard let last = rest.lastIndex(where: { !condition($0) }) else { return rest.prefix(0) }
        return rest[...last]
    }
}

/// A part of a list, and where the next one begins.
struct PageView<Item: Encodable>: Encodable {
    let data: [Item]
    let nextCursor: Nullable<String>

    init<Element>(_ page: KickPage<Element>, _ view: (Element) -> Item) {
        data = page.elements.map(view)
        nextCursor = Nullable(page.nextCursor)
    }
}

/// What became of a list of ids.
struct BatchView<Item: Encodable>: Encodable {
    struct Failure: Encodable {
        let id: String
        let code: String
        let detail: String
    }

    let data: [Item]
    let missing: [String]
    let failed: [Failure]

    init<Element>(_ batch: Batch<Element>, _ view: (Element) -> Item) {
        data = batch.found.map(view)
        missing = batch.missing
        failed = batch.failed.map { Failure(id: $0.id, code: $0.code.rawValue, detail: $0.detail) }
    }
}
