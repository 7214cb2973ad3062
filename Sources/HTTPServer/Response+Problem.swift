package import HTTP

extension Response {
    /// An `application/problem+json` answer (RFC 9457), as the server itself gives it for what never reaches a handler.
    ///
    /// - Parameters:
    ///   - code: what programs compare; nil takes the one that belongs to the status.
    ///   - detail: for people, safe to show.
    ///   - extensions: further members, in order (RFC 9457 §3.2).
    package static func problem(
        _ status: Status, code: String? = nil, detail: String, requestID: RequestID? = nil,
        extensions: [ProblemMember] = []
    ) -> Response {
        var body: [UInt8] = []
        body.append(contentsOf: #"{"type":"about:blank","title":"#.utf8)
        appendJSON(status.reason, to: &body)
        body.append(contentsOf: #","status":\#(status.code),"code":"#.utf8)
        appendJSON(code ?? status.problemCode, to: &body)
        body.append(contentsOf: #","detail":"#.utf8)
        appendJSON(detail, to: &body)
        if let requestID {
            body.append(contentsOf: #","request_id":"#.utf8)
            appendJSON(requestID.description, to: &body)
        }
        for member in extensions {
            body.append(UInt8(ascii: ","))
            appendJSON(member, to: &body)
        }
        body.append(UInt8(ascii: "}"))
        return Response(status: status, fields: problemFields, body: .bytes(body))
    }

    /// A member that a problem has besides those that all have.
    package struct ProblemMember: Sendable {
        package indirect enum Value: Sendable {
            case null
            case text(String)
            case number(Int)
            case texts([String])
            case object([ProblemMember])
        }

        let name: String
        let value: Value

        package init(_ name: String, _ value: Value) {
            self.name = name
            self.value = value
        }

        /// A text, or null.
        package init(_ name: String, _ text: String?) {
            self.init(name, text.map { .text($0) } ?? .null)
        }
    }

    /// 404 for a path that no route has.
    package static func notFound(_ request: Request) -> Response {
        problem(.notFound, detail: "There is nothing at this path.", requestID: request.id)
    }

    /// 405 for a path that has routes, but none for this method (RFC 9110 §15.5.6 demands Allow).
    package static func methodNotAllowed(_ request: Request, allow: FieldValue) -> Response {
        var response = problem(
            .methodNotAllowed, detail: "This path does not take this method.", requestID: request.id)
        response.fields.append(.allow, allow)
        return response
    }

    private static let problemFields: Fields = [
        .contentType: "application/problem+json", .cacheControl: "no-store",
    ]

    private static func appendJSON(_ member: ProblemMember, to output: inout [UInt8]) {
        appendJSON(member.name, to: &output)
        output.append(UInt8(ascii: ":"))
        switch member.value {
        case .null: output += "null".utf8
        case .text(let text): appendJSON(text, to: &output)
        case .number(let number): output += String(number).utf8
        case .texts(let texts): appendList("[]", texts, to: &output) { appendJSON($0, to: &$1) }
        case .object(let members): appendList("{}", members, to: &output) { appendJSON($0, to: &$1) }
        }
    }

    private static func appendList<Element>(
        _ brackets: String, _ elements: [Element], to output: inout [UInt8],
        append: (Element, inout [UInt8]) -> Void
    ) {
        output += brackets.utf8.prefix(1)
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            append(element, &output)
        }
        output += brackets.utf8.suffix(1)
    }

    /// A JSON string (RFC 8259 §7).
    private static func appendJSON(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                output.append(UInt8(ascii: "\\"))
                output.append(byte)
            case 0..<0x20:
                output.append(contentsOf: "\\u00".utf8)
                output.append(byte >> 4 + 0x30)
                output.append(byte & 15 < 10 ? byte & 15 + 0x30 : byte & 15 + 0x57)
            default:
                output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}

extension Status {
    /// A stable word for programs.
    fileprivate var problemCode: String {
        switch self {
        case .badRequest: "malformed_request"
        case .notFound: "not_found"
        case .methodNotAllowed: "method_not_allowed"
        case .requestTimeout: "request_timeout"
        case .contentTooLarge: "content_too_large"
        case .uriTooLong: "uri_too_long"
        case .expectationFailed: "expectation_failed"
        case .headerFieldsTooLarge: "header_fields_too_large"
        case .notImplemented: "not_implemented"
        case .serviceUnavailable: "overloaded"
        case .versionNotSupported: "version_not_supported"
        default: code < 500 ? "request_failed" : "internal_error"
        }
    }
}
