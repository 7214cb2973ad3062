import Foundation
import Gateway
import HTTP
import HTTPServer
import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@testable import API

/// Writes with an `Idempotency-Key`, over a real database.
private struct IdempotencyStage: Sendable {
    let fixture: StoreFixture
    let tenant: Tenant
    let idempotency: Idempotency

    static func run(_ body: @escaping @Sendable (IdempotencyStage) async throws -> Void) async throws {
        try await StoreFixture.run { fixture in
            let store = IdempotencyStore(database: fixture.database, vault: fixture.vault)
            try await body(
                IdempotencyStage(
                    fixture: fixture, tenant: try await fixture.makeTenant(), idempotency: Idempotency(store: store)))
        }
    }

    static func request(
        _ method: String = "POST", _ target: String = "/v1/things", key: String = "key-1", body: String = "{}"
    ) throws -> Request {
        let head = "\(method) \(target) HTTP/1.1\r\nHost: a\r\nIdempotency-Key: \(key)\r\n\r\n"
        return Request(head: try RequestHead(parsing: head), body: Array(body.utf8))
    }

    /// Answers as a route does.
    func call(
        _ request: Request, in other: Tenant? = nil, by replica: Idempotency? = nil,
        _ work: () async throws -> Response
    ) async -> Response {
        do {
            return try await IdempotentRoute.respond(
                to: request, tenant: (other ?? tenant).id, route: "/v1/things", idempotency: replica ?? idempotency,
                work: work)
        } catch {
            return Problem.response(to: error, request: request, route: "/v1/things")
        }
    }

    func records() async throws -> [String] {
        try await fixture.database.query("SELECT state FROM idempotency_records ORDER BY id")
            .map { try $0["state", as: String.self] }
    }

    func execute(_ query: Query) async throws {
        _ = try await fixture.database.execute(query)
    }
}

extension Response {
    fileprivate var isReplayed: Bool { fields[IdempotentRoute.replayed] == "true" }

    fileprivate func isProblem(_ status: Status, _ code: String) -> Bool {
        self.status == status && text.contains(#""code":"\#(code)""#)
    }
}

@Suite("Idempotency-Key", .timeLimit(.minutes(1)))
struct IdempotencyTests {
    private static let created: Response = {
        var response = Response.json(Array(#"{"url":"https://x/ü\n"}"#.utf8), status: .created)
        response.fields.append(.location, "/v1/things/1")
        return response
    }()

    @Test("whoever repeats a request gets the first answer, and it is carried out once")
    func replay() async throws {
        try await IdempotencyStage.run { stage in
            let first = await stage.call(try IdempotencyStage.request()) { Self.created }
            #expect(first.status == .created && !first.isReplayed)
            for key in ["key-1", "\"key-1\""] {
                let again = await stage.call(try IdempotencyStage.request(key: key)) {
                    Issue.record("carried out again")
                    return Self.created
                }
                #expect(again.status == .created && again.isReplayed)
                #expect(again.text == Self.created.text)
                #expect(again.fields[.location] == "/v1/things/1")
                #expect(again.fields[.contentType] == "application/json")
            }
            let other = await stage.call(try IdempotencyStage.request(key: "key-2")) { Response(status: .noContent) }
            #expect(other.status == .noContent && !other.isReplayed)
            let none = await stage.call(try IdempotencyStage.request(key: "key-2")) { Self.created }
            #expect(none.status == .noContent && none.isReplayed && none.text.isEmpty)
        }
    }

    @Test("the same key with another method, path, query or body is refused")
    func reuse() async throws {
        try await IdempotencyStage.run { stage in
            _ = await stage.call(try IdempotencyStage.request("PUT", "/v1/a?b=c", body: "d")) { Self.created }
            let others = [
                try IdempotencyStage.request("POST", "/v1/a?b=c", body: "d"),
                try IdempotencyStage.request("PUT", "/v1/x?b=c", body: "d"),
                try IdempotencyStage.request("PUT", "/v1/a?b=x", body: "d"),
                try IdempotencyStage.request("PUT", "/v1/a?b=c", body: "x"),
                try IdempotencyStage.request("PUT", "/v1/a?b=", body: "cd"),
            ]
            for other in others {
                let refusal = await stage.call(other) {
                    Issue.record("carried out")
                    return Self.created
                }
                #expect(refusal.isProblem(.unprocessableContent, "idempotency_key_reused"))
            }
            let same = await stage.call(try IdempotencyStage.request("PUT", "/v1/a?b=c", body: "d")) { Self.created }
            #expect(same.isReplayed)
        }
    }

    @Test("while the request is under way a repetition is told to wait")
    func running() async throws {
        try await IdempotencyStage.run { stage in
            let isAllowed = Box(false)
            let hasBegun = Box(false)
            async let first = stage.call(try IdempotencyStage.request()) {
                hasBegun.update { $0 = true }
                await until { isAllowed.value }
                return Self.created
            }
            await until { hasBegun.value }
            let second = await stage.call(try IdempotencyStage.request()) { Response(status: .ok) }
            #expect(second.isProblem(.conflict, "idempotency_conflict") && second.fields[.retryAfter] == "1")
            isAllowed.update { $0 = true }
            #expect(try await first.status == .created)
            #expect(try await stage.call(IdempotencyStage.request()) { Response(status: .ok) }.isReplayed)
        }
    }

    @Test("of twenty at the same time, on two replicas, one is carried out")
    func race() async throws {
        try await IdempotencyStage.run { stage in
            let database = Database(
                options: try ConnectionOptions(stage.fixture.testDatabase.connectionString), loops: stage.fixture.loops)
            let other = Idempotency(store: IdempotencyStore(database: database, vault: stage.fixture.vault))
            let runs = Box(0)
            let statuses = Box<[Status]>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        let request = try IdempotencyStage.request("PUT")
                        let replica = number % 2 == 0 ? stage.idempotency : other
                        let response = await stage.call(request, by: replica) {
                            runs.update { $0 += 1 }
                            await until { statuses.value.count == 19 }
                            return Self.created
                        }
                        statuses.update { $0.append(response.status) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(runs.value == 1)
            #expect(statuses.value == Array(repeating: .conflict, count: 19) + [.created])
            await database.shutdown(within: .seconds(5))
        }
    }

    @Test("P14 another tenant's key of the same name is another key")
    func tenants() async throws {
        try await IdempotencyStage.run { stage in
            let other = try await stage.fixture.makeTenant("other")
            _ = await stage.call(try IdempotencyStage.request()) { Self.created }
            let theirs = await stage.call(try IdempotencyStage.request(body: "theirs"), in: other) {
                Response.text("theirs")
            }
            #expect(theirs.text == "theirs" && !theirs.isReplayed)
            #expect(try await stage.call(IdempotencyStage.request()) { .text("x") }.text == Self.created.text)
        }
    }

    // MARK: What is kept

    /// What a method is answered, and whether that is kept.
    struct Fate: Sendable, CustomStringConvertible {
        let method: String
        let status: Status
        let isKept: Bool

        var description: String { "\(method) \(status.code)" }
    }

    private static let fates =
        [200, 204, 400, 404, 409, 413, 422, 500, 502, 504].map {
            Fate(method: "POST", status: Status($0), isKept: true)
        }
        + [401, 403, 424, 429, 503].map { Fate(method: "POST", status: Status($0), isKept: false) }
        + ["PUT", "PATCH", "DELETE"].flatMap { method in
            [200, 204, 404].map { Fate(method: method, status: Status($0), isKept: true) }
                + [403, 500, 502, 503, 504].map { Fate(method: method, status: Status($0), isKept: false) }
        }

    @Test("what may have happened is answered again as it was; what may be tried again is")
    func keeping() async throws {
        try await IdempotencyStage.run { stage in
            for fate in Self.fates { try await Self.check(fate, stage) }
        }
    }

    private static func check(_ fate: Fate, _ stage: IdempotencyStage) async throws {
        let request = try IdempotencyStage.request(fate.method, key: "key-\(fate.status.code)-\(fate.method)")
        let first = await stage.call(request) { Response(status: fate.status) }
        #expect(first.status == fate.status)
        let again = await stage.call(request) { Response(status: .accepted) }
        #expect(again.status == (fate.isKept ? fate.status : .accepted), "\(fate)")
        #expect(again.isReplayed == fate.isKept, "\(fate)")
    }

    private struct Away: Unavailability {
        let isUnavailable = true
        let outcomeIsUnknown: Bool
    }

    /// What is thrown, what it is answered, and whether that is kept.
    struct Failure: Sendable {
        let error: any Error
        let status: Status
        let isKept: Bool
    }

    private static let failures = [
        Failure(error: GatewayError(.notFound, "x"), status: .notFound, isKept: true),
        Failure(error: GatewayError(.kickTimedOut, "x"), status: .gatewayTimeout, isKept: true),
        Failure(error: GatewayError(.unavailable, "x", retryAfter: 1), status: .serviceUnavailable, isKept: false),
        Failure(error: GatewayError(.reconnectRequired, "x"), status: .failedDependency, isKept: false),
        Failure(error: CancellationError(), status: .internalServerError, isKept: false),
        Failure(error: Away(outcomeIsUnknown: false), status: .serviceUnavailable, isKept: false),
        Failure(error: Away(outcomeIsUnknown: true), status: .serviceUnavailable, isKept: true),
    ]

    @Test("an error is kept, or not, as its answer is; a COMMIT without an answer is not taken for nothing")
    func errors() async throws {
        try await IdempotencyStage.run { stage in
            for (number, failure) in Self.failures.enumerated() {
                try await Self.check(failure, key: "key-\(number)", stage)
            }
        }
    }

    private static func check(_ failure: Failure, key: String, _ stage: IdempotencyStage) async throws {
        let request = try IdempotencyStage.request(key: key)
        let first = await stage.call(request) { throw failure.error }
        #expect(first.status == failure.status && !first.isReplayed)
        let again = await stage.call(request) { Response(status: .accepted) }
        #expect(again.status == (failure.isKept ? failure.status : .accepted), "\(failure)")
        #expect(again.isReplayed == failure.isKept)
        if failure.isKept { #expect(again.text == first.text) }
    }

    @Test("when the process died, nobody repeats what cannot be repeated")
    func abandoned() async throws {
        try await IdempotencyStage.run { stage in
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                let request = try IdempotencyStage.request(method, key: method)
                // The answer is given but its record is not ended, as if the process had gone.
                let answer = await stage.call(request) {
                    try await stage.execute("ALTER TABLE idempotency_records RENAME TO away")
                    return Self.created
                }
                #expect(answer.status == .created)
                try await stage.execute("ALTER TABLE away RENAME TO idempotency_records")
                let early = await stage.call(request) { .text("again") }
                #expect(early.isProblem(.conflict, "idempotency_conflict") && early.fields[.retryAfter] != nil)
                try await stage.execute("UPDATE idempotency_records SET lease_until = now() WHERE state = 'running'")
                let late = await stage.call(request) { .text("again") }
                if method == "POST" {
                    #expect(late.isProblem(.conflict, "idempotency_conflict") && late.fields[.retryAfter] == nil)
                    #expect(late.text.contains("nobody knows"))
                } else {
                    #expect(late.text == "again" && !late.isReplayed)
                }
            }
        }
    }

    // MARK: Hanging up

    @Test("a caller that hangs up does not cut the work in two: its repetition gets the answer")
    func hangUp() async throws {
        try await IdempotencyStage.run { stage in
            let hasBegun = Box(false)
            let isGone = Box(false)
            let server = HTTPServer(loops: stage.fixture.loops) { request in
                await stage.call(request) {
                    hasBegun.update { $0 = true }
                    await until { isGone.value }
                    return Self.created
                }
            }
            let loopback = try #require(SocketAddress(parsing: "127.0.0.1:0"))
            let address = try await server.listen(on: [loopback])[0]
            let stream = try await ByteStream.connect(to: address, deadline: .after(.seconds(20)))
            let text = "POST /v1/things HTTP/1.1\r\nHost: a\r\nIdempotency-Key: key-1\r\nContent-Length: 2\r\n\r\n{}"
            try await stream.write(Array(text.utf8), deadline: .after(.seconds(20)))
            await until { hasBegun.value }
            stream.close()
            isGone.update { $0 = true }
            try await until { try await stage.records() == ["done"] }
            let again = await stage.call(try IdempotencyStage.request()) { .text("again") }
            #expect(again.isReplayed && again.text == Self.created.text)
            await server.shutdown(grace: .zero)
        }
    }

    @Test(
        "a task that is cancelled while it works ends its record all the same", arguments: [Status.created, .forbidden])
    func cancellation(status: Status) async throws {
        try await IdempotencyStage.run { stage in
            let hasBegun = Box(false)
            let task = Task(executorPreference: stage.fixture.loops.loops[0]) {
                await stage.call(try IdempotencyStage.request()) {
                    hasBegun.update { $0 = true }
                    while !Task.isCancelled { await Task.yield() }
                    return Response(status: status)
                }
            }
            await until { hasBegun.value }
            task.cancel()
            let response = try await task.value
            #expect(response.status == status)
            let records = try await stage.records()
            #expect(records == (status == .created ? ["done"] : []))
        }
    }

    // MARK: The request

    @Test("a key is one string of visible characters, with or without quotes")
    func keys() async throws {
        let good: [(String, String)] = [
            ("a", "a"), ("\"a\"", "a"), (#""a\"b\\c""#, #"a"b\c"#), ("9c5f:~!", "9c5f:~!"),
            (String(repeating: "x", count: 255), String(repeating: "x", count: 255)),
        ]
        for (field, key) in good {
            #expect(try IdempotentRoute.key(of: IdempotencyStage.request(key: field)) == key)
        }
        let bad = [
            "\"\"", "\"a", "\"a\"b", "\"a\";b=c", #""a\b""#, #""a\"#, "a b", "\"a b\"", "a\u{E9}",
            String(repeating: "x", count: 256), "a\r\nIdempotency-Key: b", "",
        ]
        for field in bad {
            let error = #expect(throws: GatewayError.self, "\(field)") {
                try IdempotentRoute.key(of: IdempotencyStage.request(key: field))
            }
            #expect(error?.code == .invalid && error?.field == "Idempotency-Key")
        }
    }

    @Test("reads do not look at the field, and writes without it keep nothing")
    func applies() throws {
        #expect(try IdempotentRoute.applies(to: IdempotencyStage.request("POST")))
        #expect(try IdempotentRoute.applies(to: IdempotencyStage.request("PATCH")))
        #expect(try !IdempotentRoute.applies(to: IdempotencyStage.request("GET")))
        #expect(try !IdempotentRoute.applies(to: IdempotencyStage.request("HEAD")))
        let plain = Request(head: try RequestHead(parsing: "POST / HTTP/1.1\r\nHost: a\r\n\r\n"))
        #expect(!IdempotentRoute.applies(to: plain))
    }

    @Test("the body is read before, but the handler's own limit holds; a boundless one begins nothing")
    func limits() async throws {
        try await IdempotencyStage.run { stage in
            let large = try IdempotencyStage.request(body: String(repeating: "x", count: JSONBody.limit + 1))
            let refusal = await stage.call(large) {
                _ = try await large.body(upTo: JSONBody.limit)
                return Self.created
            }
            #expect(refusal.status == .contentTooLarge)
            #expect(try await stage.records() == ["done"])
            let huge = try IdempotencyStage.request(key: "key-2", body: String(repeating: "x", count: 200_000))
            #expect(await stage.call(huge) { Self.created }.status == .contentTooLarge)
            #expect(try await stage.records() == ["done"])
        }
    }
}
