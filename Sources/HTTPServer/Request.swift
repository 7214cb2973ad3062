package import HTTP
package import Net

/// A request as a handler sees it. The head is complete; the body arrives when it is asked for.
package struct Request: Sendable {
    package let head: RequestHead
    /// The peer of the connection: a proxy's address when there is one in front.
    package let remoteAddress: SocketAddress
    package let id: RequestID
    /// Until when the handler should be done; for everything it waits for.
    package let deadline: Deadline
    /// What the router took from the path.
    package var parameters = PathParameters()
    private let source: BodySource

    private enum BodySource {
        case bytes([UInt8])
        case connection(BodyReader)
    }

    package var method: Method { head.method }
    /// Percent-encoded, as it was sent.
    package var path: String { head.path }
    package var fields: Fields { head.fields }

    init(
        head: RequestHead, remoteAddress: SocketAddress, id: RequestID, deadline: Deadline, reader: BodyReader?
    ) {
        self.head = head
        self.remoteAddress = remoteAddress
        self.id = id
        self.deadline = deadline
        source = reader.map { .connection($0) } ?? .bytes([])
    }

    /// A request that came over no connection, for tests of handlers.
    package init(
        head: RequestHead, body: [UInt8] = [], remoteAddress: SocketAddress = .ipv4([127, 0, 0, 1], port: 0),
        deadline: Deadline = .never
    ) {
        var generator = RequestIDGenerator()
        self.head = head
        self.remoteAddress = remoteAddress
        self.deadline = deadline
        id = head.fields.bytes(of: .xRequestID).flatMap { RequestID(given: $0) } ?? generator.next()
        source = .bytes(body)
    }

    /// The parameters of the query; empty when there is none.
    package func query() throws(RequestError) -> QueryItems {
        guard let items = QueryItems(parsing: head.query) else { throw .malformedQuery }
        return items
    }

    /// The whole body, however it was framed. On the connection's loop; a second call returns the same bytes.
    ///
    /// A client that waits for `100 Continue` is told to go on by the first call, and not at all when the length that
    /// it announced is over the limit.
    ///
    /// - Parameter limit: in bytes; a larger body throws `bodyTooLarge`.
    package func body(upTo limit: Int) async throws(RequestError) -> [UInt8] {
        switch source {
        case .bytes(let bytes):
            guard bytes.count <= limit else { throw .bodyTooLarge(limit: limit) }
            return bytes
        case .connection(let reader):
            return try await reader.collect(upTo: limit)
        }
    }
}
