import Gateway
import HTTP
import HTTPServer
import Model

/// `/v1/events`: pages of the log, single events, and the stream (`Events+Stream.swift`).
enum Events {
    private static let defaultLimit = 100
    private static let limits = 0...500

    /// A page after a cursor, oldest first; `next_cursor` is where the next page or a stream goes on.
    static func page(_ context: RequestContext) async throws -> Response {
        let request = try pageRequest(try context.request.query())
        let page = try await context.services.feed.page(request, in: try context.requireCaller().tenant)
        return response(to: page)
    }

    static func pageRequest(_ query: QueryItems) throws(GatewayError) -> EventPageRequest {
        let parameters = try Parameters(
            query, lists: ["types", "broadcasters"], singles: ["after", "limit", "since", "until", "include"])
        let limit = try parameters.number("limit", in: limits)
        var request = EventPageRequest(
            cursor: try cursor(parameters["after"], field: "after"), limit: limit ?? defaultLimit)
        request.filter = try filter(parameters)
        request.span = EventSpan(
            since: try time(parameters["since"], field: "since"), until: try time(parameters["until"], field: "until"))
        if let text = parameters["include"] {
            guard text == "duplicates" else { throw GatewayError(.invalid, "can only be duplicates", field: "include") }
            request.includesDuplicates = true
        }
        return request
    }

    static func response(to page: EventPage) -> Response {
        var body = Array(#"{"data":["#.utf8)
        body.reserveCapacity(page.events.reduce(1024) { $0 + $1.body.count + 512 })
        for (index, event) in page.events.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body += EventEncoding.json(event)
        }
        body += #"],"next_cursor":"\#(page.next)","has_more":\#(page.hasMore),"gap":"#.utf8
        body += page.gap.map(EventEncoding.json) ?? Array("null".utf8)
        body += "}".utf8
        var response = Response.json(body)
        response.fields.append(.cacheControl, "no-store")
        return response
    }

    /// One event, for as long as it is kept.
    static func get(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        let cursor = try context.request.parameters.require("cursor", as: EventCursor.self)
        let event = try await context.services.feed.event(at: cursor, in: try context.requireCaller().tenant)
        return Response.json(EventEncoding.json(event))
    }

    // MARK: Parameters

    /// Nil for an absent or empty cursor.
    static func cursor(_ text: String?, field: String) throws(GatewayError) -> EventCursor? {
        guard let text, !text.isEmpty else { return nil }
        guard let cursor = EventCursor(text) else {
            throw GatewayError(.invalid, "is no cursor: expected what an event's id or next_cursor said", field: field)
        }
        return cursor
    }

    /// `types` and `broadcasters`, each once, several times, or with commas.
    static func filter(_ parameters: Parameters) throws(GatewayError) -> EventFilter {
        try EventFilter(types: parameters.list("types"), broadcasters: parameters.list("broadcasters"))
    }

    private static func time(_ text: String?, field: String) throws(GatewayError) -> Timestamp? {
        guard let text else { return nil }
        guard let time = Timestamp(parsing: text) else {
            throw GatewayError(.invalid, "must be a time such as 2026-01-31T12:00:00Z", field: field)
        }
        return time
    }
}
