import Crypto
import HTTP
import Kick
import Net
import Synchronization
import Testing

@Suite("Kick's key: fetched on a mismatch, at most once per ten minutes")
struct WebhookKeyTests {
    static let now = WebhookVerifierTests.soonAfter

    /// A verifier whose key fetches and monotonic clock the test controls.
    final class Bench: Sendable {
        struct State {
            var instant = Deadline(nanoseconds: 1_000_000_000_000)
            var served: PublicKey?
            var fetches = 0
            var isHeld = false
            var held: [CheckedContinuation<Void, Never>] = []
        }

        let state = Mutex(State())
        let loops: LoopGroup

        init() throws {
            loops = try LoopGroup(count: 2)
        }

        deinit { loops.shutdown() }

        func makeVerifier(_ policy: WebhookVerifier.Policy = .init()) -> WebhookVerifier {
            WebhookVerifier(
                policy: policy,
                clock: .init(
                    time: { WebhookKeyTests.now }, instant: { [unowned self] in state.withLock { $0.instant } }),
                loops: loops,
                fetchKey: { [unowned self] _ in
                    await withCheckedContinuation { continuation in
                        let waits = state.withLock { state in
                            state.fetches += 1
                            if state.isHeld { state.held.append(continuation) }
                            return state.isHeld
                        }
                        if !waits { continuation.resume() }
                    }
                    guard let key = state.withLock({ $0.served }) else { throw WebhookVerifierTests.Unreachable() }
                    return key
                })
        }

        var fetches: Int { state.withLock { $0.fetches } }

        func serve(_ key: PublicKey?) { state.withLock { $0.served = key } }

        func advance(_ duration: Duration) { state.withLock { $0.instant = $0.instant + duration } }

        func release() {
            let held = state.withLock { state in
                state.isHeld = false
                defer { state.held = [] }
                return state.held
            }
            for continuation in held { continuation.resume() }
        }
    }

    func delivery(_ number: Int = 0, by key: PrivateKey) throws -> Delivery {
        try Fixture.genuine().with("Kick-Event-Message-Id", "message-\(number)").signed(by: key)
    }

    @Test("A new key is found by the first delivery it signed", .timeLimit(.minutes(1)))
    func rotation() async throws {
        let bench = try Bench()
        let verifier = bench.makeVerifier()
        let next = try PrivateKey.generate(.rsaPKCS1SHA256)
        bench.serve(next.publicKey)
        #expect(verifier.trustedFingerprints == [BuiltInKey.fingerprint])
        #expect(await WebhookVerifierTests.refusal(try delivery(by: next), verifier) == nil)
        #expect(bench.fetches == 1)
        #expect(await WebhookVerifierTests.refusal(try delivery(1, by: next), verifier) == nil)
        // The built-in key stays trusted.
        #expect(await WebhookVerifierTests.refusal(try Fixture.genuine(), verifier) == nil)
        #expect(bench.fetches == 1)
        #expect(verifier.trustedFingerprints == [Hex.encode(next.publicKey.fingerprint), BuiltInKey.fingerprint])
    }

    @Test("After a change the key before is still trusted, the one before that no more", .timeLimit(.minutes(1)))
    func previousKey() async throws {
        let bench = try Bench()
        let verifier = bench.makeVerifier()
        let keys = try (0..<3).map { _ in try PrivateKey.generate(.ed25519) }
        for (number, key) in keys.enumerated() {
            bench.serve(key.publicKey)
            #expect(await WebhookVerifierTests.refusal(try delivery(number, by: key), verifier) == nil)
            bench.advance(.seconds(601))
        }
        #expect(bench.fetches == 3)
        #expect(await WebhookVerifierTests.refusal(try delivery(by: keys[1]), verifier) == nil)
        #expect(bench.fetches == 3)
        #expect(await WebhookVerifierTests.refusal(try delivery(by: keys[0]), verifier) == .badSignature)
        #expect(await WebhookVerifierTests.refusal(try Fixture.genuine(), verifier) == nil)
    }

    @Test("Many forgeries at once cause one fetch, and none more for ten minutes", .timeLimit(.minutes(1)))
    func oncePerInterval() async throws {
        let bench = try Bench()
        let verifier = bench.makeVerifier()
        let forger = try PrivateKey.generate(.ed25519)
        bench.serve(BuiltInKey.publicKey)
        func attack() async -> Int {
            await withTaskGroup(of: Bool.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        guard let forged = try? delivery(number, by: forger) else { return false }
                        return await WebhookVerifierTests.refusal(forged, verifier) == .badSignature
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
        }
        #expect(await attack() == 200)
        #expect(bench.fetches == 1)
        bench.advance(.seconds(599))
        #expect(await attack() == 200)
        #expect(bench.fetches == 1)
        bench.advance(.seconds(2))
        #expect(await attack() == 200)
        #expect(bench.fetches == 2)
    }

    @Test("A failed fetch counts too", .timeLimit(.minutes(1)))
    func failedFetch() async throws {
        let bench = try Bench()
        let verifier = bench.makeVerifier()
        let next = try PrivateKey.generate(.ed25519)
        #expect(await WebhookVerifierTests.refusal(try delivery(by: next), verifier) == .badSignature)
        bench.serve(next.publicKey)
        #expect(await WebhookVerifierTests.refusal(try delivery(by: next), verifier) == .badSignature)
        #expect(bench.fetches == 1)
        bench.advance(.seconds(600))
        #expect(await WebhookVerifierTests.refusal(try delivery(by: next), verifier) == nil)
        #expect(bench.fetches == 2)
    }

    @Test("While a fetch hangs, genuine deliveries pass, and its waiters are refused in time", .timeLimit(.minutes(1)))
    func hangingFetch() async throws {
        let bench = try Bench()
        var policy = WebhookVerifier.Policy()
        policy.refetchTimeout = .milliseconds(50)
        policy.maximumWaiters = 8
        let verifier = bench.makeVerifier(policy)
        let next = try PrivateKey.generate(.ed25519)
        bench.serve(next.publicKey)
        bench.state.withLock { $0.isHeld = true }
        let early = try delivery(1, by: next)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask { #expect(await WebhookVerifierTests.refusal(early, verifier) == .badSignature) }
            }
            group.addTask {
                for _ in 0..<20 { #expect(await WebhookVerifierTests.refusal(try! Fixture.genuine(), verifier) == nil) }
            }
        }
        #expect(bench.fetches == 1)
        // The answer comes late, and is taken all the same.
        bench.release()
        while verifier.trustedFingerprints.count == 1 {
            try Task.checkCancellation()
            await Task.yield()
        }
        #expect(await WebhookVerifierTests.refusal(early, verifier) == nil)
        #expect(bench.fetches == 1)
    }

    @Test("A caller that hangs up does not cut the fetch for the others", .timeLimit(.minutes(1)))
    func cancelledCaller() async throws {
        let bench = try Bench()
        let verifier = bench.makeVerifier()
        let next = try PrivateKey.generate(.ed25519)
        bench.serve(next.publicKey)
        bench.state.withLock { $0.isHeld = true }
        let early = try delivery(1, by: next)
        let caller = Task { await WebhookVerifierTests.refusal(early, verifier) }
        while bench.fetches == 0 {
            try Task.checkCancellation()
            await Task.yield()
        }
        caller.cancel()
        let other = Task { await WebhookVerifierTests.refusal(early, verifier) }
        bench.release()
        #expect(await other.value == nil)
        #expect(await caller.value == nil)
        #expect(bench.fetches == 1)
    }
}
