import Foundation
import HTTP
import HTTPClient
import Kick
import Net
import TestKit
import Testing

/// What callers get when Kick is in trouble: over real connections, with the sandbox making the trouble.
@Suite("Kick in trouble")
struct TroubleTests {
    /// A row of the table in `docs/kick-troubles.md`.
    private struct Row: Sendable {
        /// In words, and as an order to the sandbox.
        let trouble: String
        let order: [String: any Sendable]
        /// So many requests meet it; nil: all.
        var count: Int?
    }

    private static let rows: [Row] = [
        Row(trouble: "429 without `Retry-After`", order: ["preset": "rate_limited"]),
        Row(trouble: "429 with `Retry-After: 1`, once", order: ["preset": "rate_limited_retry_after"], count: 1),
        Row(trouble: "429 with `Retry-After: 1`", order: ["preset": "rate_limited_retry_after"]),
        Row(trouble: "500, once", order: ["preset": "server_error"], count: 1),
        Row(trouble: "500", order: ["preset": "server_error"]),
        Row(trouble: "502 with a page", order: ["preset": "bad_gateway"]),
        Row(trouble: "403 of the edge, JSON", order: ["preset": "edge_block"]),
        Row(trouble: "403 of the edge, a page", order: ["preset": "edge_block_html"]),
        Row(trouble: "2 s late", order: ["preset": "slow"]),
        Row(trouble: "20 s late", order: ["delay_ms": 20_000]),
        Row(trouble: "connection cut before the answer", order: ["preset": "cut"]),
        Row(trouble: "done, and the connection cut before the answer", order: ["preset": "lost_answer"]),
        Row(trouble: "connection cut within the answer", order: ["preset": "cut_in_body"]),
        Row(trouble: "200 with an empty body", order: ["preset": "empty_body"]),
        Row(trouble: "200 with a page", order: ["preset": "not_json"]),
        Row(trouble: "401 for a good token, once", order: ["preset": "unauthorized"], count: 1),
        Row(trouble: "401 for every token", order: ["preset": "unauthorized"]),
        Row(trouble: "400 with words", order: ["preset": "chat_quota"]),
    ]

    @Test("the table of troubles is what happens", .timeLimit(.minutes(5)))
    func table() async throws {
        var options = Deployment.Options()
        options.users = (0..<Int64(2 * Self.rows.count + 1)).map { (id: 1001 + $0, name: "user\($0)") }
        try await Deployment.run(options) { deployment in
            let tenant = try await TestTenant.make(on: deployment)
            try await tenant.connect(1001, scopes: KickScope.all)
            let stage = Stage(deployment: deployment, tenant: tenant)
            // What is remembered in the second column: read now, and old when its turn comes.
            for index in Self.rows.indices { _ = try await stage.read(Self.remembered(index)) }
            try await stage.untilOld(Self.remembered(Self.rows.count - 1))
            var lines: [String] = []
            for (index, row) in Self.rows.enumerated() {
                let before = try await stage.under(row.order, row.count, "/public/v1/channels") {
                    try await stage.read(Self.remembered(index))
                }
                try await stage.untilFresh(Self.remembered(index))
                let fresh = try await stage.under(row.order, row.count, "/public/v1/channels") {
                    try await stage.read(1002 + Int64(index))
                }
                let write = try await stage.under(row.order, row.count, "/public/v1/chat") { try await stage.write() }
                lines.append(
                    "| \(row.trouble) | \(fresh); \(fresh.askedText) | \(before) | \(write); \(write.askedText) |")
            }
            try Self.compare(lines)
        }
    }

    private static func remembered(_ index: Int) -> Int64 { 1002 + Int64(rows.count + index) }

    /// With KICK_GATEWAY_WRITE_TABLES set the table in the document is replaced instead.
    private static func compare(_ lines: [String]) throws {
        let file = URL(fileURLWithPath: Checkout.root + "/docs/kick-troubles.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let documented = text.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst().map(String.init)
        if ProcessInfo.processInfo.environment["KICK_GATEWAY_WRITE_TABLES"] != nil {
            let head = "\n|---|---|---|---|\n"
            let parts = text.components(separatedBy: head)
            let rest = parts[1].split(separator: "\n", omittingEmptySubsequences: false).drop { $0.hasPrefix("| ") }
            let table = (lines + rest.map(String.init)).joined(separator: "\n")
            try (parts[0] + head + table).write(to: file, atomically: true, encoding: .utf8)
            return
        }
        #expect(documented == lines)
    }

    private struct Stage {
        let deployment: Deployment
        let tenant: TestTenant

        struct Outcome: CustomStringConvertible {
            let status: Int
            let code: String?
            let kickStatus: Int?
            let retryAfter: String?
            let isOld: Bool
            var calls = 0

            var description: String {
                var text = "\(status)"
                if let code { text += " `\(code)`" }
                if let kickStatus { text += ", Kick's \(kickStatus)" }
                if retryAfter != nil { text += ", `Retry-After`" }
                if isOld { text += ", old" }
                return text
            }

            var askedText: String { "asked \(calls) ×" }
        }

        func read(_ channel: Int64) async throws -> Outcome {
            try await outcome(deployment.send(.get, "/v1/channels/\(channel)", key: tenant.key))
        }

        func write() async throws -> Outcome {
            try await outcome(
                deployment.send(
                    .post, "/v1/broadcasters/1001/chat/messages", key: tenant.key,
                    fields: [.contentType: "application/json"], body: Array(#"{"content":"hello"}"#.utf8)))
        }

        private func outcome(_ answer: OutboundResponse?) throws -> Outcome {
            let answer = try #require(answer)
            let body = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
            let isProblem = !answer.status.isSuccess
            return Outcome(
                status: Int(answer.status.code), code: isProblem ? body?["code"] as? String : nil,
                kickStatus: (body?["kick"] as? [String: Any])?["status"] as? Int,
                retryAfter: answer.fields[.retryAfter], isOld: answer.fields[.cacheStatus] != nil)
        }

        /// What comes of it while requests below a path meet the trouble, and how often Kick was asked.
        func under(
            _ order: [String: any Sendable], _ count: Int?, _ path: String, _ call: () async throws -> Outcome
        ) async throws -> Outcome {
            try await untilOpen()
            var order: [String: Any] = order
            order["target"] = "api"
            order["path_prefix"] = path
            order["count"] = count ?? 1000
            _ = try await deployment.send(.delete, "/sandbox/calls", base: deployment.sandboxURL)
            try await deployment.json(.post, "/sandbox/faults", body: order, base: deployment.sandboxURL)
            var outcome = try await call()
            outcome.calls = try await calls(path)
            _ = try await deployment.send(.delete, "/sandbox/faults", base: deployment.sandboxURL)
            return outcome
        }

        private func calls(_ path: String) async throws -> Int {
            let calls = try await deployment.json(.get, "/sandbox/calls", base: deployment.sandboxURL)
            return calls.filter { $0.key.hasSuffix(" " + path) }.values.reduce(0) { $0 + ($1 as? Int ?? 0) }
        }

        /// Waits for the end of the pauses that a 429 has brought. A channel that is not remembered is asked for.
        private func untilOpen() async throws {
            let slug = "none-\(UInt32.random(in: 0...99_999))"
            try await until {
                try await deployment.send(.get, "/v1/channels/\(slug)", key: tenant.key)?.status == .notFound
            }
            try await until { try await write().status == 201 }
        }

        /// Waits for the end of a question that is still under way.
        func untilFresh(_ channel: Int64) async throws {
            try await until {
                let outcome = try await read(channel)
                return outcome.status == 200 && !outcome.isOld
            }
        }

        /// Waits until what is remembered of a channel is asked for again.
        func untilOld(_ channel: Int64) async throws {
            _ = try await deployment.send(.delete, "/sandbox/calls", base: deployment.sandboxURL)
            try await until {
                _ = try await read(channel)
                return try await calls("/public/v1/channels") > 0
            }
        }
    }
}
