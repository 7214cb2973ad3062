package import HTTP

/// Finds what belongs to a method and a path, in a tree of path segments.
///
/// A pattern is a path whose segments are literal or one `{name}`: `/v1/logins/{id}`. A literal segment wins over a
/// parameter. A trailing slash counts: `/a` and `/a/` are two paths.
package struct Router<Value: Sendable>: Sendable {
    package enum Match: Sendable {
        case found(Value, PathParameters)
        /// The path has no route for OPTIONS, but others: what Allow should list.
        case options(allow: FieldValue)
        case methodNotAllowed(allow: FieldValue)
        case notFound
    }

    private var tree = RouteTree()
    private var values: [Value] = []
    /// Every route as it was added, in order.
    package private(set) var table: [(method: Method, pattern: String)] = []

    package init() {}

    /// Adds a route. Traps on a malformed pattern and on a second route for the same method and path: routes are
    /// written by us, and a mistake should show at the first start.
    package mutating func add(_ method: Method, _ pattern: String, _ value: Value) {
        tree.add(method, pattern, values.count)
        values.append(value)
        table.append((method, pattern))
    }

    /// - Parameter path: percent-encoded, as ``HTTP/RequestHead/pathBytes`` has it.
    package func match(_ method: Method, _ path: ArraySlice<UInt8>) -> Match {
        switch tree.match(method, path) {
        case .found(let index, let parameters): .found(values[index], parameters)
        case .options(let allow): .options(allow: allow)
        case .methodNotAllowed(let allow): .methodNotAllowed(allow: allow)
        case .notFound: .notFound
        }
    }

    package func match(_ method: Method, _ path: String) -> Match {
        match(method, Array(path.utf8)[...])
    }
}

/// What answers a request. It runs on the connection's loop. An error that it throws is answered by the server: a
/// ``RequestError`` with its own status, any other with 500 and no detail.
package typealias Handler = @Sendable (Request) async throws -> Response

extension Router where Value == Handler {
    /// Answers the request with its route's handler, or with 404, 405, or what OPTIONS gets.
    package func respond(to request: Request) async throws -> Response {
        switch match(request.method, request.head.pathBytes) {
        case .found(let handler, let parameters):
            var request = request
            request.parameters = parameters
            return try await handler(request)
        case .options(let allow): return .options(allow: allow)
        case .methodNotAllowed(let allow): return .methodNotAllowed(request, allow: allow)
        case .notFound: return .notFound(request)
        }
    }
}
