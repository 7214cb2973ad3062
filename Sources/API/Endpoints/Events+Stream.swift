import Gateway
import HTTP
import HTTPServer
import Model

/// `/v1/events/stream`.
extension Events {
    private static let streamLimits = 1...1_000_000_000
    /// Seconds; a year.
    private static let maximumAges = 0...31_536_000

    /// Events as they are committed, beginning after `Last-Event-ID` or `after`; without either with the next one.
    static func stream(_ context: RequestContext) async throws -> Response {
        let caller = try context.requireCaller()
        let query = try context.request.query()
        let lastEventID = context.request.fields[.lastEventID]
        var request = try streamRequest(query, lastEventID: lastEventID, tenant: caller.tenant, key: caller.key)
        if isOver(lastEventID, query) { return over }
        request.expiresAt = caller.expiresAt
        return try await stream(request, feed: context.services.feed)
    }

    static func stream(_ request: StreamRequest, feed: EventFeed) async throws -> Response {
        let prepared = try await feed.prepare(request)
        return .eventStream { sink in StreamSink(sink).begin(prepared, feed) }
    }

    static func streamRequest(
        _ query: QueryItems, lastEventID: String?, tenant: TenantID, key: KeyID
    ) throws(GatewayError) -> StreamRequest {
        let parameters = try Parameters(
            query, lists: ["types", "broadcasters"], singles: ["after", "limit", "max_age"])
        // A browser sends the header when it comes back by itself, with the address it began with: the header is newer.
        let resumed = try cursor(lastEventID.map(EventEncoding.cursor(ofLastEventID:)), field: "Last-Event-ID")
        let after = try cursor(parameters["after"], field: "after")
        var request = StreamRequest(tenant: tenant, key: key, filter: try filter(parameters), cursor: resumed ?? after)
        request.limit = try parameters.number("limit", in: streamLimits)
        request.maximumAge = try parameters.number("max_age", in: maximumAges).map { .seconds($0) }
        return request
    }

    /// Whether the client comes back from a stream that has sent as many events as it was asked for.
    static func isOver(_ lastEventID: String?, _ query: QueryItems) -> Bool {
        query["limit"] != nil && lastEventID.map(EventEncoding.marksEnd) == true
    }

    /// 204 is the one answer that keeps a browser's EventSource from coming back, and is no error (WHATWG HTML §9.2.3).
    static var over: Response { Response(status: .noContent, fields: [.cacheControl: "no-store"]) }
}
