/// An answer of the API in Kick's envelope (FACTS §2.1).
package struct APIAnswer: Sendable {
    package let status: Int
    /// Nil for 204.
    package let body: JSON?

    private init(status: Int, body: JSON?) {
        self.status = status
        self.body = body
    }

    package static func ok(_ data: JSON) -> APIAnswer {
        APIAnswer(status: 200, body: ["data": data, "message": "OK"])
    }

    /// A page of a v2 list; an empty cursor is the end.
    package static func page(_ data: [JSON], nextCursor: String) -> APIAnswer {
        APIAnswer(
            status: 200,
            body: ["data": .array(data), "message": "OK", "pagination": ["next_cursor": .string(nextCursor)]])
    }

    package static let noContent = APIAnswer(status: 204, body: nil)

    /// 400 as when a parameter is missing or out of bounds (#361).
    package static let invalidRequest = APIAnswer(status: 400, body: ["data": [:], "message": "Invalid request"])

    /// 400 with a reason in `data` (#100, #123).
    package static func badRequest(_ reason: String) -> APIAnswer {
        APIAnswer(status: 400, body: ["data": .string(reason), "message": "Bad request"])
    }

    package static let unauthorized = APIAnswer(status: 401, body: ["data": [:], "message": "Unauthorized"])
    package static let forbidden = APIAnswer(status: 403, body: ["data": [:], "message": "Forbidden"])
    package static let notFound = APIAnswer(status: 404, body: ["data": [:], "message": "Not Found"])

    /// A code in `data`, as ads have it (FACTS §2.13).
    static func code(_ code: String, status: Int = 400) -> APIAnswer {
        let messages = [404: "Not Found", 409: "Conflict", 429: "Too Many Requests"]
        return APIAnswer(
            status: status, body: ["data": .string(code), "message": .string(messages[status] ?? "Bad request")])
    }

    static func accepted(_ data: JSON, status: Int) -> APIAnswer {
        APIAnswer(status: status, body: ["data": data, "message": "Accepted"])
    }

    /// The same without anything in `data`, as the refusals of Drops are (FACTS §2.12).
    var withNullData: APIAnswer {
        APIAnswer(status: status, body: ["data": .null, "message": body?["message"] ?? .null])
    }
}
