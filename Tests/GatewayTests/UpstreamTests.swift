import HTTP
import Kick
import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@testable import Gateway

@Suite("The way to Kick", .timeLimit(.minutes(1)))
struct UpstreamTests {
    @Test("a thousand who ask for one channel at once cost Kick one call")
    func coalescing() async throws {
        try await UpstreamStage.run { stage in
            let answers = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<1000 { group.addTask { try await stage.read(.channel(.id(1001))).text } }
                return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
            }
            #expect(answers.count == 1 && answers.first??.contains("nova") == true)
            #expect(stage.count(.channels) == 1)
            // Another tenant of the same app sees the same public data.
            _ = try await stage.read(.channel(.id(1001)), as: try await stage.otherCaller())
            #expect(stage.count(.channels) == 1)
            _ = try await stage.read(.channel(.slug("nova")))
            #expect(stage.count(.channels) == 2)
        }
    }

    @Test("a login's own data is nobody else's, and without a login there is no call (P14)")
    func ownData() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(1001)
            #expect(try await stage.read(.user(of: 1001)).text?.contains("nova@example.com") == true)
            let other = try await stage.otherCaller()
            let before = stage.calls.value.count
            let error = await #expect(throws: GatewayError.self) { try await stage.read(.user(of: 1001), as: other) }
            #expect(error?.code == .notFound)
            #expect(stage.calls.value.count == before)
        }
    }

    @Test("a missing scope is told before Kick is asked, with the way to get it")
    func missingScope() async throws {
        try await UpstreamStage.run { stage in
            let login = try await stage.makeLogin(1001, scopes: [.userRead])
            let change = try ChannelChange(title: "New")
            let error = await #expect(throws: GatewayError.self) {
                try await stage.write(.updateChannel(change, of: 1001))
            }
            #expect(error?.code == .missingScope)
            #expect(error?.consent?.scopes == ["channel:write"] && error?.consent?.login == login.id)
            #expect(error?.consent?.url?.hasPrefix("http://localhost:8080/auth/kick?link=") == true)
            #expect(stage.calls.value == [])
        }
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(1001, scopes: [.userRead])
            let urls = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        let error = await #expect(throws: GatewayError.self) {
                            try await stage.read(.channel(of: 1001))
                        }
                        return error?.consent?.url
                    }
                }
                return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
            }
            #expect(urls.count == 1 && urls.first != .some(nil), "one link for all who meet the same")
        }
        try await UpstreamStage.run(keyScopes: [.channelsWrite]) { stage in
            _ = try await stage.makeLogin(1001, scopes: [.userRead])
            let change = try ChannelChange(title: "New")
            let error = await #expect(throws: GatewayError.self) {
                try await stage.write(.updateChannel(change, of: 1001))
            }
            #expect(error?.consent != nil && error?.consent?.url == nil, "such a key may not make links")
        }
    }

    @Test("a write is seen by the next read, here and in another replica")
    func invalidation() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(1001)
            for reference in [ChannelReference.id(1001), .slug("nova")] {
                #expect(try await stage.read(.channel(reference)).text?.contains("nova plays") == true)
            }
            let announced = Box<[String]>([])
            let listening = Box(false)
            let listener = stage.kick.fixture.database.listen(channels: [ReadChangeStore.channel]) { notification in
                announced.update { $0.append(notification.payload) }
            } onConnect: {
                listening.update { $0 = true }
            }
            await until { listening.value }
            try await stage.write(.updateChannel(try ChannelChange(title: "Another title"), of: 1001))
            for reference in [ChannelReference.id(1001), .slug("nova")] {
                #expect(try await stage.read(.channel(reference)).text?.contains("Another title") == true)
            }
            await until { announced.value == ["channel:1001"] }
            _ = listener
        }
    }

    @Test("while Kick is in trouble the old answer is given, and said to be old", arguments: [500, 403, 429])
    func staleIfError(status: Int) async throws {
        try await UpstreamStage.run(policy: {
            $0.memory.freshWhileSettling = .zero
            $0.exchange.pause = .milliseconds(1)
            $0.exchange.patience = .milliseconds(10)
        }) { stage in
            let fresh = try await stage.read(.channel(.id(1001)))
            #expect(fresh.trouble == nil)
            stage.ahead.update { $0 += .seconds(11) }
            stage.answer(status, "<html>", to: [.channels])
            let old = try await stage.read(.channel(.id(1001)))
            #expect(old.text == fresh.text && old.trouble != nil && old.freshness < .zero)
            let calls = stage.count(.channels)
            _ = try await stage.read(.channel(.id(1001)))
            #expect(stage.count(.channels) == calls, "not asked again at once")
            await #expect(throws: GatewayError.self) { try await stage.read(.channel(.id(1002))) }
        }
    }

    @Test("while Kick hangs, who can be given something old does not wait for it")
    func hangingKick() async throws {
        try await UpstreamStage.run(policy: { $0.exchange.tries = 1 }) { stage in
            let fresh = try await stage.read(.channel(.id(1001)))
            stage.ahead.update { $0 += .seconds(11) }
            let release = Promise<Void>()
            stage.hang.update { $0 = release }
            for _ in 0..<5 {
                let old = try await stage.read(.channel(.id(1001)))
                #expect(old.text == fresh.text && old.trouble == "Kick is slow to answer")
                // Over the pause in which it is not asked again.
                stage.ahead.update { $0 += .seconds(3) }
            }
            #expect(stage.count(.channels) == 2, "one question hangs, and nobody asks a second")
            stage.hang.update { $0 = nil }
            release.fulfil(())
            try await until { try await stage.read(.channel(.id(1001))).trouble == nil }
        }
    }

    @Test("a place in the budget is given back however a call ends")
    func places() async throws {
        try await UpstreamStage.run(policy: {
            $0.budget.concurrency = 2
            $0.exchange.tries = 1
            $0.exchange.patience = .milliseconds(200)
        }) { stage in
            let ends: [Result<KickAnswer, KickError>?] = [
                nil, .success(KickAnswer(status: 500)), .success(KickAnswer(status: 404)),
                .success(KickAnswer(status: 403)), .failure(KickError(.unreachable(requestSent: true))),
                .failure(KickError(.undecodable)), .success(KickAnswer(status: 200)),
            ]
            for number in 0..<21 {
                let end = ends[number % ends.count]
                stage.trouble.update { $0 = .init { $0.operation == .channels ? end : nil } }
                _ = try? await stage.read(.channel(.id(Int64(9000 + number))))
            }
            stage.trouble.update { $0 = nil }
            #expect(stage.count(.channels) == 21)
            let answer = try await stage.read(.channel(.id(1001)))
            #expect(answer.text?.contains("nova") == true)
        }
    }

    @Test("a read is tried again, a write never")
    func retries() async throws {
        try await UpstreamStage.run(policy: { $0.exchange.pause = .milliseconds(1) }) { stage in
            _ = try await stage.makeLogin(1001)
            let failures = Box(2)
            stage.trouble.update {
                $0 = .init { request in
                    guard request.operation == .channels, failures.value > 0 else { return nil }
                    failures.update { $0 -= 1 }
                    return failures.value == 1
                        ? .failure(KickError(.unreachable(requestSent: true))) : .success(KickAnswer(status: 502))
                }
            }
            #expect(try await stage.read(.channel(.id(1001))).text?.contains("nova") == true)
            #expect(stage.count(.channels) == 3)
            stage.answer(500, to: [.updateChannel])
            let error = await #expect(throws: GatewayError.self) {
                try await stage.write(.updateChannel(try ChannelChange(title: "New"), of: 1001))
            }
            #expect(error?.code == .upstream && error?.kick?.status == 500)
            #expect(stage.count(.updateChannel) == 1)
        }
    }

    @Test("a token that Kick refuses is renewed, once")
    func refusedToken() async throws {
        try await UpstreamStage.run { stage in
            let login = try await stage.makeLogin(1001)
            _ = try await stage.kick.fixture.database.execute(
                "UPDATE logins SET refresh_issued_at = now() - interval '1 hour' WHERE id = \(login.id)")
            stage.answer(401, #"{"data":{},"message":"Unauthorized"}"#, to: [.updateChannel])
            let error = await #expect(throws: GatewayError.self) {
                try await stage.write(.updateChannel(try ChannelChange(title: "New"), of: 1001))
            }
            #expect(error?.code == .kickUnauthorized && error?.kick?.message == "Unauthorized")
            #expect(stage.count(.updateChannel) == 2 && stage.count(.token) == 1)
        }
    }

    @Test("more than 25 are asked for in pieces, and a piece that fails fails alone")
    func batches() async throws {
        try await UpstreamStage.run(policy: { $0.exchange.pause = .milliseconds(1) }) { stage in
            let ids = [1001, 1002] + Array(Int64(7001)...7058)
            let whole = try await stage.read(try .channels(ids: ids))
            #expect(stage.count(.channels) == 3)
            #expect(whole.isKept && whole.text?.contains("nova") == true && whole.text?.contains("7058") == true)
            stage.trouble.update {
                $0 = .init { request in
                    request.query.values(of: "broadcaster_user_id").contains("7058")
                        ? .success(KickAnswer(status: 500)) : nil
                }
            }
            let part = try await stage.read(try .channels(ids: ids + [9]))
            #expect(!part.isKept && part.text?.contains("nova") == true)
            #expect(part.text?.contains("kick_failed") == true || part.text?.contains("upstream") == true)
        }
    }

    @Test("a slug that spoils its piece at Kick is found, and is missing")
    func badSlug() async throws {
        try await UpstreamStage.run { stage in
            stage.trouble.update {
                $0 = .init { request in
                    request.query.values(of: "slug").contains("b.d") ? .success(KickAnswer(status: 400)) : nil
                }
            }
            let answer = try await stage.read(try .channels(slugs: ["nova", "b.d", "pixel", "nobody"]))
            #expect(answer.text?.contains("nova") == true && answer.text?.contains("pixel") == true)
            #expect(answer.text?.contains(#"missing: ["b.d", "nobody"]"#) == true)
            await #expect(throws: KickBoundError.self) {
                try await stage.read(try .channels(slugs: [String(repeating: "x", count: 26)]))
            }
        }
    }

    @Test("what nobody knows is remembered as well")
    func unknown() async throws {
        try await UpstreamStage.run { stage in
            for _ in 0..<2 {
                let answer = try await stage.read(.channel(.slug("nobody")))
                #expect(answer.representation == nil)
            }
            #expect(stage.count(.channels) == 1)
        }
    }

    @Test("Kick's 429 is kept to by everybody who asks the same, and by nobody else")
    func rateLimited() async throws {
        try await UpstreamStage.run(policy: { $0.exchange.patience = .milliseconds(50) }) { stage in
            stage.answer(429, fields: [.retryAfter: "30"], to: [.channels])
            let error = await #expect(throws: GatewayError.self) { try await stage.read(.channel(.id(1001))) }
            #expect(error?.code == .kickRateLimited && (30...38).contains(error?.retryAfter ?? 0))
            stage.trouble.update { $0 = nil }
            let calls = stage.count(.channels)
            let later = await #expect(throws: GatewayError.self) { try await stage.read(.channel(.id(1002))) }
            #expect(later?.code == .kickRateLimited && (later?.retryAfter ?? 0) >= 30)
            #expect(stage.count(.channels) == calls, "no call is spent")
            _ = try await stage.read(.user(1001))
        }
    }

    @Test("a login that must connect again says so, also when something of it is remembered")
    func reconnect() async throws {
        try await UpstreamStage.run { stage in
            let login = try await stage.makeLogin(1001)
            _ = try await stage.read(.channel(of: 1001))
            _ = try await stage.kick.fixture.database.execute(
                "UPDATE logins SET state = 'reconnect_required' WHERE id = \(login.id)")
            let error = await #expect(throws: GatewayError.self) { try await stage.read(.channel(of: 1001)) }
            #expect(error?.code == .reconnectRequired)
        }
    }
}
