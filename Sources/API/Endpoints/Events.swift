import Gateway
import HTTP
import HTTPServer
import Model
import Net

/// `/v1/events`: pages of the log, and the stream.
enum Events {
    private static let defaultLimit = 100
    private static let limits = 0...500

    // MARK: Pages

    /// A page after a cursor, oldest first; `next_cursor` is where the next page or a stream goes on.
    static func page(_ context: RequestContext) async throws -> Response {
        let query = try context.request.query()
        var request = EventPageRequest(cursor: try cursor(query["after"], field: "after"), limit: defaultLimit)
        if let text = query["limit"] {
            guard let number = Int(text), limits.contains(number) else {
                throw GatewayError(
                    .invalid, "must be from \(limits.lowerBound) to \(limits.upperBound)", field: "limit")
            }
            request.limit = number
        }
        request.filter = try filter(query)
        request.span = EventSpan(
            since: try time(query["since"], field: "since"), until: try time(query["until"], field: "until"))
        if let text = query["include"] {
            guard text == "duplicates" else { throw GatewayError(.invalid, "can only be duplicates", field: "include") }
            request.includesDuplicates = true
        }
        let page = try await context.services.feed.page(request, in: try context.requireCaller().tenant)
        var body = Array(#"{"data":["#.utf8)
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
        let cursor = try context.request.parameters.require("cursor", as: EventCursor.self)
        let event = try await context.services.feed.event(at: cursor, in: try context.requireCaller().tenant)
        return Response.json(EventEncoding.json(event))
    }

    private static func time(_ text: String?, field: String) throws(GatewayError) -> Timestamp? {
        guard let text else { return nil }
        guard let time = Timestamp(parsing: text) else {
            throw GatewayError(.invalid, "must be a time such as 2026-01-31T12:00:00Z", field: field)
        }
        return time
    }

    // MARK: Stream

    /// Events as they are committed, beginning after `Last-Event-ID` or `after`; without either with the next one.
    static func stream(_ context: RequestContext) async throws -> Response {
        let query = try context.request.query()
        let caller = try context.requireCaller()
        // A browser sends the header when it comes back by itself, with the address it began with: the header is newer.
        let resumed = try cursor(context.request.fields[.lastEventID], field: "Last-Event-ID")
        let request = StreamRequest(
            tenant: caller.tenant, key: caller.key, filter: try filter(query),
            cursor: try resumed ?? cursor(query["after"], field: "after"))
        let feed = context.services.feed
        let start = try await feed.start(for: request)
        return .eventStream { sink in StreamSink(sink).begin(request, start, feed) }
    }

    /// Nil for an absent or empty cursor.
    private static func cursor(_ text: String?, field: String) throws(GatewayError) -> EventCursor? {
        guard let text, !text.isEmpty else { return nil }
        guard let cursor = EventCursor(text) else {
            throw GatewayError(.invalid, "is no cursor: expected what an event's id or next_cursor said", field: field)
        }
        return cursor
    }

    /// `type` and `broadcaster_user_id`, each once, several times, or with commas.
    private static func filter(_ query: QueryItems) throws(GatewayError) -> EventFilter {
        let types = list("type", query)
        if types.count > 50 { throw GatewayError(.invalid, "at most 50", field: "type") }
        var broadcasters: Set<Int64> = []
        for text in list("broadcaster_user_id", query) {
            guard let id = Int64(text), id > 0 else {
                throw GatewayError(.invalid, "must be a whole number", field: "broadcaster_user_id")
            }
            broadcasters.insert(id)
        }
        return EventFilter(
            types: types.isEmpty ? nil : Set(types), broadcasters: broadcasters.isEmpty ? nil : broadcasters)
    }

    private static func list(_ name: String, _ query: QueryItems) -> [String] {
        query.values(of: name).flatMap { $0.split(separator: ",").map(String.init) }
    }
}

/// The server's sink of one event stream, as the feed wants it. Loop-bound.
private final class StreamSink: EventSink {
    /// How long browsers wait before they come back, drawn for each stream: after a restart they do not come at once.
    private static let retryMilliseconds = 1000...4000

    private let sink: EventStreamSink
    private var stream: OpenStream?
    private var drainWaiters: [CheckedContinuation<Bool, Never>] = []

    init(_ sink: EventStreamSink) {
        self.sink = sink
    }

    func begin(_ request: StreamRequest, _ start: StreamStart, _ feed: EventFeed) {
        // Sent at once, so that the client knows that it is connected, and has a cursor to come back with before the
        // first event: a message without data sets the last id and is not dispatched (WHATWG HTML §9.2.6).
        let retry = Int.random(in: Self.retryMilliseconds)
        sink.send(SharedBytes(Array("retry: \(retry)\nid: \(start.cursor)\n\n".utf8)))
        sink.onClosed = { [self] _ in didClose() }
        sink.onDrained = { [weak self] in self?.resumeWaiters(true) }
        sink.onShutdown = { [weak self] in self?.sink.close() }
        stream = feed.open(request, start: start, sink: self)
    }

    func send(_ bytes: SharedBytes) {
        sink.send(bytes)
    }

    var pendingBytes: Int { sink.pendingBytes }

    func waitUntilDrained(deadline: Deadline) async -> Bool {
        guard sink.isOpen, sink.pendingBytes > 0 else { return true }
        let timer = sink.loop.schedule(at: deadline) { [weak self] in self?.resumeWaiters(false) }
        defer { timer.cancel() }
        return await withCheckedContinuation { drainWaiters.append($0) }
    }

    func end() {
        sink.close()
    }

    private func didClose() {
        stream?.close()
        stream = nil
        resumeWaiters(true)
    }

    private func resumeWaiters(_ isDrained: Bool) {
        let waiters = drainWaiters
        drainWaiters = []
        for waiter in waiters { waiter.resume(returning: isDrained) }
    }
}
