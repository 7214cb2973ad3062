import Net
import ProcessKit
import Synchronization

/// Rows about what Kick is asked for, and what is remembered.
enum KickRows {
    private static let kickMilliseconds = 200
    private static let channels = "GET /public/v1/channels"

    /// What is remembered, for whoever has a key.
    static func cached(on stage: Stage) async throws -> Row {
        let request = RequestRows.request("/v1/channels/\(WebhookPool.broadcasters.lowerBound)", key: stage.keys[0])
        return try await RequestRows.row(.cached, connections: 64, on: stage) { request }
    }

    /// A thousand who ask again and again, and what Kick sees of it.
    static func readers(on stage: Stage) async throws -> Row {
        let request = RequestRows.request(
            "/v1/channels/\(WebhookPool.broadcasters.lowerBound + 1)", key: stage.keys[0])
        let before = try await stage.calls.kickCalls()[channels] ?? 0
        let begin = Deadline.now()
        var row = try await RequestRows.row(.readers, connections: 1000, on: stage) { request }
        let calls = try await stage.calls.kickCalls()[channels] ?? 0
        let seconds = (Deadline.now() - begin) / .seconds(1)
        row.details["kick_calls"] = Double(calls - before)
        // Ten seconds are what a channel is remembered.
        row.notes.insert("Kick was called \(calls - before) times in \(seconds.text(1)) s, once per 10 s", at: 0)
        guard calls - before <= Int(seconds / 10) + 1 else {
            throw ProcessError("Kick was called \(calls - before) times")
        }
        return row
    }

    /// What nobody has asked before, with the app's token.
    static func publicRead(on stage: Stage) async throws -> Row {
        let next = Atomic(1)
        let key = stage.keys[0]
        try await stage.calls.delayKick(kickMilliseconds, below: "/public/v2/livestreams")
        return try await waiting(.kickRead, on: stage) {
            let number = next.add(1, ordering: .relaxed).newValue
            return RequestRows.request("/v1/livestreams?categories=\(number)", key: key)
        }
    }

    /// What nobody has asked before, with a login's token.
    static func ownRead(on stage: Stage) async throws -> Row {
        let next = Atomic(1)
        let path = "/v1/broadcasters/\(WebhookPool.broadcasters.lowerBound)/redemptions"
        let key = stage.keys[0]
        try await stage.calls.delayKick(kickMilliseconds, below: "/public/v1/channels/rewards/redemptions")
        return try await waiting(.kickOwn, on: stage) {
            let number = next.add(1, ordering: .relaxed).newValue
            return RequestRows.request("\(path)?ids=\(number)", key: key)
        }
    }

    private static func waiting(
        _ name: RowName, on stage: Stage, request: @escaping @Sendable () -> [UInt8]
    ) async throws -> Row {
        var row = try await RequestRows.row(name, connections: 64, on: stage, request: request)
        let added = [row.p50Milliseconds, row.p99Milliseconds].map { ($0 ?? 0) - Double(kickMilliseconds) }
        guard added[0] >= 0 else { throw ProcessError("Kick was not asked: the answers were remembered ones") }
        row.details["added_p50_milliseconds"] = added[0]
        row.details["added_p99_milliseconds"] = added[1]
        row.notes.insert("added to Kick's time: p50 \(added[0].shortText), p99 \(added[1].shortText) ms", at: 0)
        return row
    }
}
