package import HTTP

/// What a handler answers. The server adds Date, X-Request-Id and all framing fields; whatever a handler puts under the
/// names of framing fields is dropped.
package struct Response: Sendable {
    package enum Body: Sendable {
        /// `Content-Length: 0`, or nothing at all where the status has no body.
        case none
        /// Written together with the head.
        case bytes([UInt8])
        /// Written as it is produced: in chunks, or with Content-Length when `length` is known. An error thrown by the
        /// producer, or a wrong amount of bytes, cuts the connection, so that the client sees that it is incomplete.
        case chunks(length: Int?, @Sendable (inout BodyWriter) async throws -> Void)
        /// The connection becomes a stream of events and the request's task ends. The closure is called on the loop,
        /// after the head is queued; it keeps the sink for as long as it sends.
        case eventStream(@Sendable (EventStreamSink) -> Void)
    }

    package var status: Status
    package var fields: Fields
    package var body: Body
    /// Closes the connection after this response.
    package var closesConnection = false

    package init(status: Status = .ok, fields: Fields = Fields(), body: Body = .none) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// `application/json`.
    package static func json(_ bytes: [UInt8], status: Status = .ok) -> Response {
        Response(status: status, fields: jsonFields, body: .bytes(bytes))
    }

    /// `application/json` with other fields besides.
    package static func json(_ bytes: [UInt8], fields: Fields) -> Response {
        var fields = fields
        fields.append(.contentType, jsonType)
        return Response(fields: fields, body: .bytes(bytes))
    }

    /// 204: done, and there is nothing to say.
    package static var noContent: Response { Response(status: .noContent) }

    /// `text/plain` in UTF-8.
    package static func text(_ text: String, status: Status = .ok) -> Response {
        Response(status: status, fields: textFields, body: .bytes(Array(text.utf8)))
    }

    /// A stream of events that no cache keeps and no proxy holds back.
    package static func eventStream(_ start: @escaping @Sendable (EventStreamSink) -> Void) -> Response {
        Response(fields: eventStreamFields, body: .eventStream(start))
    }

    /// What OPTIONS gets: 204 and the methods there are (RFC 9110 §9.3.7).
    package static func options(allow: FieldValue) -> Response {
        Response(status: .noContent, fields: [.allow: allow])
    }

    // Made once: a copy shares their storage, so the usual response allocates none for its fields.
    private static let jsonType: FieldValue = "application/json"
    private static let jsonFields: Fields = [.contentType: jsonType]
    private static let textFields: Fields = [.contentType: "text/plain; charset=utf-8"]
    private static let eventStreamFields: Fields = [
        .contentType: ServerSentEvent.contentType, .cacheControl: "no-store", .xAccelBuffering: "no",
    ]
}
