package import HTTP
package import Net
package import Telemetry

/// One call to Kick, described; nothing is sent here.
///
/// Queries, bodies and bearer tokens may be secrets: the description shows method and path only (P6).
package struct KickRequest: Sendable {
    /// Which of Kick's servers.
    package enum Server: Sendable {
        case id
        case api
    }

    /// What goes into the body.
    package enum Body: Sendable {
        case none
        case form(QueryItems)
        case json([UInt8])
    }

    /// What is asked.
    package let operation: KickOperation
    package let method: Method
    package let server: Server
    /// Begins with "/".
    package let path: String
    package let query: QueryItems
    package let body: Body
    /// The access token, when the call needs one.
    package let bearer: Secret<String>?
    /// How many bytes of answer are taken.
    package let maximumAnswer: Int
    /// Whether nothing may have been sent on the connection before: for calls whose loss in an idle connection that the
    /// server just closed would leave open whether they happened. A refresh is one.
    package let needsFreshConnection: Bool
    /// What must not show in an error, should Kick repeat it.
    let secrets: [Secret<String>]

    /// - Parameter id: goes into the place that the operation's path has for it.
    init(
        _ operation: KickOperation, id: String? = nil, query: QueryItems = QueryItems(), body: Body = .none,
        bearer: Secret<String>? = nil, maximumAnswer: Int = 1 << 20, needsFreshConnection: Bool = false,
        secrets: [Secret<String>] = []
    ) {
        self.operation = operation
        method = operation.method
        server = operation.pattern.hasPrefix("/oauth/") ? .id : .api
        var path = operation.pattern
        if let id, let start = path.firstIndex(of: "{"), let end = path.firstIndex(of: "}") {
            path.replaceSubrange(start...end, with: PercentCoding.encode(id))
        }
        self.path = path
        self.query = query
        self.body = body
        self.bearer = bearer
        self.maximumAnswer = maximumAnswer
        self.needsFreshConnection = needsFreshConnection
        self.secrets = secrets + [bearer].compactMap { $0 }
    }

    /// The name by which we go; plain and stable, because Kick's edge blocks what looks odd (FACTS §2.1).
    package static let userAgent: FieldValue = "kick-gateway"

    /// The whole URL. Secret when the query is (revocation).
    package func url(on servers: KickServers) -> HTTPURL {
        switch server {
        case .id: servers.id.appending(path: path, query: query)
        case .api: servers.api.appending(path: path, query: query)
        }
    }

    /// All fields but Host and Content-Length, which the client knows.
    package var fields: Fields {
        var fields: Fields = [.accept: "application/json", .userAgent: Self.userAgent]
        switch body {
        case .none: break
        case .form: fields.append(.contentType, FormURLEncoded.contentType)
        case .json: fields.append(.contentType, "application/json")
        }
        // A token that cannot stand in a field is left out: Kick then answers 401, which is what it is worth.
        if let bearer, let value = FieldValue("Bearer \(bearer.reveal())") { fields.append(.authorization, value) }
        return fields
    }

    /// The body as it goes out.
    package var bodyBytes: [UInt8] {
        switch body {
        case .none: []
        case .form(let items): FormURLEncoded.encode(items)
        case .json(let bytes): bytes
        }
    }
}

extension KickRequest: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "\(method) \(path)" }
    package var debugDescription: String { "KickRequest(\(description))" }
    package var customMirror: Mirror { Mirror(self, children: ["call": description]) }
}

/// Kick's answer, read to its end.
package struct KickAnswer: Sendable {
    package let status: Int
    package let fields: Fields
    package let body: [UInt8]

    package init(status: Int, fields: Fields = Fields(), body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}

/// Sends a request and reads the answer, whatever its status. Throws only `unreachable`, or `undecodable` when the
/// answer is longer than `maximumAnswer`. `KickTransport` makes the real one.
package typealias KickExchange = @Sendable (KickRequest, Deadline) async throws(KickError) -> KickAnswer
