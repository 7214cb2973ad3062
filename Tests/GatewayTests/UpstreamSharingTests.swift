import HTTP
import Kick
import Model
import Net
import Store
import TestKit
import Testing

@testable import Gateway

/// Who may be given what another asked for.
@Suite("What is shared on the way to Kick", .timeLimit(.minutes(1)))
struct UpstreamSharingTests {
    @Test("what one login sees is not given to another, though the question is the same (P14)")
    func logins() async throws {
        try await UpstreamStage.run { stage in
            for user in [1001, 1002] { _ = try await stage.makeLogin(user) }
            for (user, name) in [(Int64(1001), "nova"), (1002, "pixel"), (1001, "nova")] {
                #expect(try await stage.read(.user(of: user)).text?.contains("\(name)@example.com") == true)
                #expect(try await stage.read(.channel(of: user)).text?.contains(name) == true)
            }
            #expect(stage.count(.users) == 2 && stage.count(.channels) == 2)
        }
    }

    @Test("two tenants' logins of one broadcaster are two (P14)")
    func tenants() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(1001)
            #expect(try await stage.read(.user(of: 1001)).text?.contains("nova@example.com") == true)
            let other = try await stage.otherCaller()
            let tenant = Tenant(id: other.tenant, name: "other", appID: other.app, createdAt: .now())
            _ = try await stage.kick.fixture.makeLogin(of: tenant, kickUserID: 1001)
            stage.answer(200, #"{"data":[{"user_id":1001,"email":"other@example.com"}]}"#, to: [.users])
            let theirs = try await stage.read(.user(of: 1001), as: other)
            #expect(theirs.text?.contains("other@example.com") == true)
            #expect(try await stage.read(.user(of: 1001)).text?.contains("nova@example.com") == true)
        }
    }

    @Test("neither answers nor budgets of one app are another's")
    func apps() async throws {
        try await UpstreamStage.run(policy: { $0.exchange.patience = .milliseconds(50) }) { stage in
            let foreign = try await stage.foreignCaller()
            stage.trouble.update { $0 = .init(answer: Self.secondApp) }
            #expect(try await stage.read(.channel(.id(1001))).text?.contains("nova plays") == true)
            let theirs = try await stage.read(.channel(.id(1001)), as: foreign)
            #expect(theirs.text?.contains("the second view") == true)
            stage.answer(429, fields: [.retryAfter: "30"], to: [.channels])
            await #expect(throws: GatewayError.self) { try await stage.read(.channel(.id(1002))) }
            stage.trouble.update { $0 = .init(answer: Self.secondApp) }
            let calls = stage.count(.channels)
            await #expect(throws: GatewayError.self) { try await stage.read(.channel(.id(1002))) }
            #expect(stage.count(.channels) == calls)
            _ = try await stage.read(.channel(.id(1002)), as: foreign)
            #expect(stage.count(.channels) == calls + 1, "the other app is free")
        }
    }

    /// Gives the second app a token, and what is asked with it an answer of its own.
    @Sendable private static func secondApp(_ request: KickRequest) -> Result<KickAnswer, KickError>? {
        let body: String
        switch request.operation {
        case .token where String(decoding: request.bodyBytes, as: UTF8.self).contains("second-secret"):
            body = #"{"access_token":"second","token_type":"Bearer","expires_in":5184000}"#
        case .channels where request.fields[.authorization] == "Bearer second":
            body = #"{"data":[{"broadcaster_user_id":1001,"slug":"nova","stream_title":"the second view"}]}"#
        default: return nil
        }
        return .success(KickAnswer(status: 200, body: Array(body.utf8)))
    }

    @Test("who comes after a change is not given what was asked before it, also while that is under way")
    func overtaken() async throws {
        let loops = try LoopGroup(count: 1)
        try await onLoop(loops.loops[0]) { await Self.overtake() }
        loops.shutdown()
    }

    private static func overtake() async {
        let looks = Box(0)
        var limits = ReadMemory.Limits()
        limits.freshWhileSettling = .seconds(600)
        let cache = ReadCache(limits: limits) {
            looks.update { $0 += 1 }
            return .now()
        }
        let (asked, isOpen) = (Box(0), Box(false))
        let key = ReadKey(subject: .app(AppID(unchecked: "app_1")), operation: .channels, parameters: "x")
        let ask: @Sendable () async -> String? = {
            let answer = try? await cache.answer(to: key, .slow) {
                asked.update { $0 += 1 }
                let text = asked.value == 1 ? "before" : "after"
                if text == "before" { await until { isOpen.value } }
                return .success(
                    ReadCache.Finding(
                        representation: Representation(Array(text.utf8)), tags: [.channel(1)], isWhole: true))
            }
            return answer?.text
        }
        async let first = ask()
        await until { asked.value == 1 }
        cache.change([.channel(1)])
        let before = looks.value
        async let second = ask()
        // It has looked, so it waits for the first one's flight: the flight cannot land during a look.
        await until { looks.value > before }
        isOpen.update { $0 = true }
        #expect(await first == "before")
        #expect(await second == "after")
        #expect(await ask() == "after")
        #expect(asked.value == 2, "and only what was asked after it is remembered")
    }

    @Test("a write that failed may have happened: what it is about is asked for again")
    func failedWrite() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(1001)
            _ = try await stage.read(.channel(.id(1001)))
            stage.answer(500, to: [.updateChannel])
            let error = await #expect(throws: GatewayError.self) {
                try await stage.write(.updateChannel(try ChannelChange(title: "New"), of: 1001))
            }
            #expect(error?.message.contains("may have happened all the same") == true)
            _ = try await stage.read(.channel(.id(1001)))
            #expect(stage.count(.channels) == 2)
        }
    }

    @Test("who waits when a 429 comes is told of it, and when its time is over")
    func waitingFor429() async throws {
        try await UpstreamStage.run(policy: {
            $0.budget.burst = 1
            $0.budget.rate = 0.001
            $0.exchange.patience = .milliseconds(200)
        }) { stage in
            // So that there is a token.
            _ = try await stage.read(.livestreamCount)
            let release = Promise<Void>()
            stage.hang.update { $0 = release }
            stage.answer(429, fields: [.retryAfter: "30"], to: [.channels])
            async let first = #expect(throws: GatewayError.self) { try await stage.read(.channel(.id(1))) }
            await until { stage.count(.channels) == 1 }
            async let second = #expect(throws: GatewayError.self) { try await stage.read(.channel(.id(2))) }
            release.fulfil(())
            let (told, waited) = await (first, second)
            #expect(told?.kick?.status == 429 && waited?.kick == nil)
            #expect((30...38).contains(waited?.retryAfter ?? 0) && waited?.message.contains("limited our rate") == true)
            #expect(stage.count(.channels) == 1)
        }
    }

    @Test("a write that has certainly not happened leaves what is remembered")
    func undoneWrite() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.makeLogin(1001)
            _ = try await stage.read(.channel(.id(1001)))
            stage.answer(429, to: [.updateChannel])
            for _ in 0..<2 {
                await #expect(throws: GatewayError.self) {
                    try await stage.write(.updateChannel(try ChannelChange(title: "New"), of: 1001))
                }
            }
            _ = try await stage.read(.channel(.id(1001)))
            #expect(stage.count(.channels) == 1)
        }
    }

    @Test("a slug that is asked for in two spellings is found for both, whatever piece it is in")
    func spellings() async throws {
        try await UpstreamStage.run { stage in
            let unknown = (0..<40).map { "nobody\($0)" }
            let answer = try await stage.read(try .channels(slugs: ["nova"] + unknown + ["Nova"]))
            #expect(answer.text?.contains("\"Nova\"") == false && answer.text?.contains("\"nobody39\"") == true)
        }
    }

    @Test("a token that Kick refuses in the middle of a batch spoils none of it")
    func refusedInBatch() async throws {
        try await UpstreamStage.run { stage in
            let isRefused = Box(true)
            stage.trouble.update {
                $0 = .init { request in
                    guard request.operation == .channels, isRefused.value,
                        request.query.values(of: "broadcaster_user_id").contains("1002")
                    else { return nil }
                    isRefused.update { $0 = false }
                    return .success(KickAnswer(status: 401, body: Array(#"{"message":"Unauthorized"}"#.utf8)))
                }
            }
            let answer = try await stage.read(try .channels(ids: [1001] + Array(7001...7030) + [1002]))
            #expect(answer.isKept && answer.text?.contains("nova") == true && answer.text?.contains("pixel") == true)
            #expect(!isRefused.value)
        }
    }

    @Test("what Kick refuses is not asked again", arguments: [400, 404, 409, 403])
    func refusals(status: Int) async throws {
        try await UpstreamStage.run(policy: { $0.exchange.pause = .milliseconds(1) }) { stage in
            stage.answer(status, #"{"data":{},"message":"no"}"#, to: [.livestreamStats])
            await #expect(throws: GatewayError.self) { try await stage.read(.livestreamCount) }
            #expect(stage.count(.livestreamStats) == 1)
        }
    }

    @Test("Drops claims belong to whoever uses the app alone (P14)")
    func claims() async throws {
        try await UpstreamStage.run { stage in
            _ = try await stage.read(.dropsClaims(try DropsClaimSelection()))
            let other = try await stage.otherCaller()
            let asked = stage.calls.value.count
            for caller in [stage.caller, other] {
                let error = await #expect(throws: GatewayError.self) {
                    try await stage.read(.dropsClaims(try DropsClaimSelection()), as: caller)
                }
                #expect(error?.code == .forbidden)
            }
            let claim = DropsClaimsUpdate.Claim(claimID: "c1", externalStatus: "done")
            let refused = await #expect(throws: GatewayError.self) {
                try await stage.write(.updateDropsClaims(try DropsClaimsUpdate([claim])))
            }
            #expect(refused?.code == .forbidden && stage.calls.value.count == asked, "and Kick is not asked")
        }
    }
}
