import Gateway
import HTTP
import HTTPServer
import Kick
import Model

/// `/v1/events/…/replay` and `/v1/events/test`: events once more, and made-up ones.
enum Replays {
    private struct Replay: Encodable {
        let dryRun: Bool
        let count: Int
        let firstCursor: Nullable<String>
        let lastCursor: Nullable<String>
        let nextCursor: Nullable<String>

        init(_ outcome: EventReplay.Outcome, dryRun: Bool = false) {
            self.dryRun = dryRun
            count = outcome.count
            firstCursor = Nullable(outcome.first?.description)
            lastCursor = Nullable(outcome.last?.description)
            nextCursor = Nullable(outcome.next?.description)
        }
    }

    /// Repeats a stretch of the log, or says how much that would be.
    static func stretch(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        struct Body: Decodable {
            let after: String?
            let until: String?
            let types: [String]?
            let broadcasters: [Int64]?
            let dryRun: Bool?
        }
        let body: Body = try await JSONBody.decode(from: context.request)
        let replay = context.services.replay
        let tenant = try context.requireCaller().tenant
        let after = try Events.cursor(body.after, field: "after")
        let until = try Events.cursor(body.until, field: "until")
        guard after != nil || until != nil else {
            throw GatewayError(.invalid, "is missing: say where to begin, or with until where to end", field: "after")
        }
        let filter = try EventFilter(types: body.types, broadcasters: body.broadcasters?.map(\.description))
        if body.dryRun == true {
            let outcome = try await replay.count(after: after, until: until, filter: filter, in: tenant)
            return try JSONBody.encode(Replay(outcome, dryRun: true))
        }
        return try JSONBody.encode(
            Replay(try await replay.replay(after: after, until: until, filter: filter, in: tenant)))
    }

    /// Repeats one event.
    static func one(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        let cursor = try context.request.parameters.require("cursor", as: EventCursor.self)
        let outcome = try await context.services.replay.replay(cursor, in: try context.requireCaller().tenant)
        return try JSONBody.encode(Replay(outcome))
    }

    /// Puts a made-up event into the log. The answer is the event, as it goes to streams.
    static func test(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        struct Body: Decodable {
            let type: String
            let broadcasterUserId: Int64?
        }
        let bytes = try await JSONBody.bytes(of: context.request, upTo: EventReplay.payloadLimit + JSONBody.limit)
        let body: Body = try JSONBody.decode(from: bytes, besides: ["payload"])
        let order = EventReplay.Test(
            type: body.type, broadcasterUserID: body.broadcasterUserId, payload: try payload(in: bytes))
        let event = try await context.services.replay.test(order, in: try context.requireCaller().tenant)
        var response = Response.json(EventEncoding.json(event), status: .created)
        response.fields.append(.cacheControl, "no-store")
        return response
    }

    /// The payload as the caller wrote it, byte for byte: what was read and written again would have lost what this program
    /// does not know, such as digits of large numbers. Nil when there is none.
    private static func payload(in body: [UInt8]) throws(GatewayError) -> [UInt8]? {
        guard let members = JSONMembers.texts(of: ["payload"], in: body) else {
            throw GatewayError(
                .invalid,
                "the body is not plain JSON: no name may stand twice or with escapes, and nothing deeper than 64")
        }
        guard let text = members[0], !text.elementsEqual("null".utf8) else { return nil }
        guard text.first == UInt8(ascii: "{") else {
            throw GatewayError(.invalid, "must be an object", field: "payload")
        }
        return Array(text)
    }
}
