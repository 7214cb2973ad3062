import Crypto
import Gateway
import HTTP
import HTTPServer
import Kick
import Model

/// `Idempotency-Key` on writes: from the request to what stands for it, and from an answer to what is kept of it.
enum IdempotentRoute {
    static let replayed: FieldName = "Idempotent-Replayed"
    /// The largest body that a route takes, in bytes: what is larger is refused before anything begins.
    private static let bodyLimit = EventReplay.payloadLimit + JSONBody.limit
    private static let keyLengths = 1...255

    /// Whether the request asks to be carried out once.
    static func applies(to request: Request) -> Bool {
        !request.method.isSafe && request.fields.contains(.idempotencyKey)
    }

    /// Carries the request out, or answers what was answered to it before. Throws what keeps it from being begun; what is
    /// thrown by `work` is answered as a problem, and kept like any other answer.
    ///
    /// Nobody's hanging up cuts it in two: a handler's task goes on to its end when the connection closes, and so does
    /// this. When the process ends meanwhile, the record's lease tells.
    static func respond(
        to request: Request, tenant: TenantID, route: String, idempotency: Idempotency,
        work: () async throws -> Response
    ) async throws -> Response {
        let key = try key(of: request)
        let body = try await request.body(upTo: bodyLimit)
        let order = Idempotency.Order(
            tenant: tenant, key: key, fingerprint: fingerprint(of: request, body: body),
            isRepeatable: request.method != .post)
        switch try await idempotency.begin(order) {
        case .answered(let answer): return try answer.response()
        case .carryOut(let duty):
            let (response, fate) = await carryOut(request, route: route, work)
            await idempotency.end(duty, answer: KeptAnswer(response), fate: fate)
            return response
        }
    }

    private static func carryOut(
        _ request: Request, route: String, _ work: () async throws -> Response
    ) async -> (Response, Idempotency.Fate) {
        do {
            let response = try await work()
            return (response, fate(of: response.status))
        } catch {
            let response = Problem.response(to: error, request: request, route: route)
            return (response, fate(of: error, status: response.status))
        }
    }

    // MARK: The key

    /// A string of structured fields (RFC 9651 §3.3.3), or the same without quotes, as many clients send it.
    static func key(of request: Request) throws(GatewayError) -> String {
        let lines = request.fields.values(of: .idempotencyKey)
        guard lines.count == 1, let line = lines.first, let key = key(in: line) else {
            throw GatewayError(
                .invalid,
                "must be one string of \(keyLengths.lowerBound) to \(keyLengths.upperBound) visible ASCII "
                    + "characters, such as a UUID", field: FieldName.idempotencyKey.spelling)
        }
        return key
    }

    private static func key(in line: String) -> String? {
        var bytes = line.utf8[...]
        if bytes.first == UInt8(ascii: "\"") {
            guard let content = unquoted(bytes.dropFirst()) else { return nil }
            bytes = content.utf8[...]
        }
        guard keyLengths.contains(bytes.count), bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return String(Substring(bytes))
    }

    /// What stands before the closing quote, which must be the end.
    private static func unquoted(_ bytes: Substring.UTF8View) -> String? {
        var content: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return rest.isEmpty ? String(decoding: content, as: UTF8.self) : nil
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst(), escaped == UInt8(ascii: "\"") || escaped == byte else {
                    return nil
                }
                content.append(escaped)
            default: content.append(byte)
            }
        }
        return nil
    }

    /// SHA-256 of method, path, query and body, each behind its length.
    private static func fingerprint(of request: Request, body: [UInt8]) -> [UInt8] {
        var hasher = SHA256()
        let parts = [
            Array(request.method.rawValue.utf8), Array(request.head.pathBytes), Array((request.head.query ?? "").utf8),
            body,
        ]
        for part in parts {
            hasher.update((0..<8).map { UInt8(truncatingIfNeeded: part.count >> (8 * $0)) })
            hasher.update(part)
        }
        return hasher.finalize()
    }

    // MARK: What an answer says

    /// Refusals that a caller can lift without another request, and trouble before anything was done, leave the key free.
    static func fate(of status: Status) -> Idempotency.Fate {
        switch status.code {
        case 401, 403, 424, 429, 503: .nothingHappened
        case 500...: .unknown
        default: .settled
        }
    }

    private static func fate(of error: any Error, status: Status) -> Idempotency.Fate {
        switch error {
        case is CancellationError: .nothingHappened
        // A COMMIT without an answer is also "not available", but may have happened.
        case let error as any Unavailability where error.outcomeIsUnknown: .unknown
        case let error as GatewayError where error.isUndone || error.code == .invalid: .nothingHappened
        case is KickBoundError: .nothingHappened
        default: fate(of: status)
        }
    }
}

extension KeptAnswer {
    /// The fields, a line each, an empty line, and the body.
    init(_ response: Response) {
        var text = ""
        for (name, value) in response.fields.pairs { text += "\(name): \(value)\n" }
        text += "\n"
        switch response.body {
        case .bytes(let bytes): text += String(decoding: bytes, as: UTF8.self)
        // No write is answered with a stream.
        case .none, .chunks, .eventStream: break
        }
        self.init(status: Int(response.status.code), text: text)
    }

    /// The answer once more, with the mark that it is one.
    func response() throws(GatewayError) -> Response {
        var rest = text.utf8[...]
        var fields = Fields()
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")), end > rest.startIndex {
            let line = rest[..<end]
            rest = rest[rest.index(after: end)...]
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")),
                let name = FieldName(String(Substring(line[..<colon]))),
                let value = FieldValue(String(Substring(line[colon...].dropFirst(2))))
            else { throw Self.unreadable }
            fields.append(name, value)
        }
        guard (100...999).contains(status), rest.popFirst() != nil else { throw Self.unreadable }
        fields.append(IdempotentRoute.replayed, "true")
        return Response(status: Status(status), fields: fields, body: rest.isEmpty ? .none : .bytes(Array(rest)))
    }

    private static let unreadable = GatewayError(.internal, "the answer that was kept cannot be read")
}
